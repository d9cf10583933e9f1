//! The picture of a normalised face, in layers: background, head and neck, shirt, long hair.
//!
//! All layers but the head are the same for every face, so that they stay sharp in mixtures.

use crate::frame::{FRAME, MIDDLE, PIXELS, PUPIL_DISTANCE, PUPIL_ROW};
use crate::hair::Hairstyle;
use crate::raster::{Raster, smooth_step};
use crate::{MeanShape, NormalisedFace};

/// Distance over which an outline fades on either side, pixels.
const EDGE: f32 = 1.1;

/// Colour of the shirt in sRGB, 0 to 1.
const SHIRT: [f32; 3] = [0.39, 0.44, 0.51];

/// The backdrop in sRGB, 0 to 1: lighter behind the head than in the corners.
const BACKDROP: [f32; 2] = [0.78, 0.62];

/// What is drawn around the normalised faces of one mean shape.
pub struct FaceLayers {
    /// Share of head and neck in each pixel.
    head: Raster,
    /// Share of the shirt in each pixel.
    shirt: Raster,
    /// The shirt's colours, `[3, 224, 224]`.
    shirt_texture: Vec<f32>,
}

impl FaceLayers {
    /// The layers for faces that were normalised to `mean`.
    pub fn new(mean: &MeanShape) -> Self {
        let depth = mean.head_depth();
        let head = depth.values().iter().map(|depth| smooth_step(-EDGE, EDGE, depth + 0.6));
        let head = Raster::from_values(FRAME, head.collect());
        let shirt = Raster::from_fn(FRAME, |x, y| smooth_step(-EDGE, EDGE, below_collar(x, y)));
        let shirt_texture = SHIRT.into_iter().flat_map(|colour| {
            (0..FRAME * FRAME).map(move |index| shirt_colour(colour, index % FRAME, index / FRAME))
        });
        Self { head, shirt, shirt_texture: shirt_texture.collect() }
    }

    /// The face with its background, its shirt and, if given, long hair in the colour of its own.
    pub fn compose(&self, face: &NormalisedFace, hair: Option<&Hairstyle>) -> NormalisedFace {
        let mut texture: Vec<f32> =
            (0..3 * PIXELS).map(|index| backdrop(index % FRAME, index % PIXELS / FRAME)).collect();
        blend(&mut texture, &face.texture, &self.head);
        blend(&mut texture, &self.shirt_texture, &self.shirt);
        if let Some(hair) = hair {
            let (colours, share) = hair.draw(face);
            blend(&mut texture, &colours, share);
        }
        NormalisedFace { landmarks: face.landmarks.clone(), texture }
    }
}

/// Puts `layer` on `texture`, both `[3, 224, 224]`, with the given share in each pixel.
fn blend(texture: &mut [f32], layer: &[f32], share: &Raster) {
    let pixels = texture.iter_mut().zip(layer).zip(share.values().iter().cycle());
    pixels.for_each(|((value, layer), share)| *value += share * (layer - *value));
}

/// The brightness of the backdrop at a pixel.
fn backdrop(column: usize, row: usize) -> f32 {
    let across = (column as f32 - MIDDLE) / FRAME as f32;
    let down = (row as f32 - PUPIL_ROW) / FRAME as f32;
    let [behind, corner] = BACKDROP;
    behind + (corner - behind) * smooth_step(0.1, 0.75, across.hypot(down))
}

/// How far a pixel lies below the upper edge of the shirt, in pixels: a round collar and sloping
/// shoulders.
fn below_collar(column: usize, row: usize) -> f32 {
    const COLLAR_HALF_WIDTH: f32 = 0.8 * PUPIL_DISTANCE;
    const COLLAR_SIDE: f32 = PUPIL_ROW + 2.13 * PUPIL_DISTANCE;
    const COLLAR_DROP: f32 = 0.18 * PUPIL_DISTANCE;
    const SHOULDER_DROP: f32 = 0.62 * PUPIL_DISTANCE;
    let across = (column as f32 - MIDDLE).abs();
    let edge = if across < COLLAR_HALF_WIDTH {
        COLLAR_SIDE + COLLAR_DROP * (1.0 - (across / COLLAR_HALF_WIDTH).powi(2))
    } else {
        let along = (across - COLLAR_HALF_WIDTH) / (MIDDLE - COLLAR_HALF_WIDTH);
        COLLAR_SIDE + SHOULDER_DROP * along.powf(1.5)
    };
    row as f32 - edge
}

/// A colour of the shirt with its shading: a rib along the collar, light from above.
fn shirt_colour(colour: f32, column: usize, row: usize) -> f32 {
    let below = below_collar(column, row);
    let across = (column as f32 - MIDDLE).abs();
    let light = 0.05 * smooth_step(0.0, 14.0, below) - 0.03 * smooth_step(40.0, 111.0, across);
    let rib =
        if across < 0.82 * PUPIL_DISTANCE { (-((below - 3.2) / 0.8).powi(2)).exp() } else { 0.0 };
    colour + light - 0.05 * rib - 0.01
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::read_points;

    #[test]
    fn layers_cover_the_frame_in_order() {
        let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
        let face = NormalisedFace {
            landmarks: mean.points().to_vec(),
            texture: vec![0.2; 3 * FRAME * FRAME],
        };
        let composed = FaceLayers::new(&mean).compose(&face, None);
        let at = |column: usize, row: usize| composed.texture[row * FRAME + column];
        assert_eq!(at(3, 3), backdrop(3, 3));
        assert!((at(111, 100) - 0.2).abs() < 1e-6, "the face");
        assert!((at(111, 220) - shirt_colour(SHIRT[0], 111, 220)).abs() < 1e-6, "the shirt");
        assert_eq!(composed.landmarks, face.landmarks);
    }
}
