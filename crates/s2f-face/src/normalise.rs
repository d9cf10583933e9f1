//! Normalised faces: a texture in the mean shape, and the landmarks of the face.
//!
//! This is how the project warps, here and in the face decoder. T is the texture in the mean shape,
//! L are the landmarks of a face and M those of the mean shape, all in pixels of the 224x224 frame.
//! Rendering: picture(y) = T(y − u(y)), where u is the thin-plate spline with u = L − M at the
//! points L and u = 0 at the [`border_points`](crate::border_points). Extraction:
//! T(x) = picture(x + v(x)), where v = L − M at the points M and 0 at the border points.
//!
//! Source: Cole, Belanger, Krishnan, Sarna, Mosseri, Freeman, "Synthesizing Normalized Faces from
//! Facial Identity Features", CVPR 2017, section 3.

use image::{Rgb, RgbImage};

use crate::FaceError;
use crate::frame::{FRAME, PUPIL_DISTANCE, PUPIL_ROW};
use crate::landmarks::{LANDMARK_COUNT, check_count};
use crate::mean_shape::{MeanShape, mirror_landmarks};
use crate::portrait::PlainPortrait;
use crate::raster::{Raster, smooth_step};
use crate::resample::to_byte;

/// A face warped to the mean shape, with its own landmarks.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalisedFace {
    /// Its [`LANDMARK_COUNT`] landmarks, in pixels of the frame.
    pub landmarks: Vec<[f32; 2]>,
    /// The picture warped to the mean shape: `[3, 224, 224]`, sRGB from 0 to 1.
    pub texture: Vec<f32>,
}

impl NormalisedFace {
    /// Aligns a portrait with the mean shape and warps it to that shape. Takes about a tenth of a
    /// second, so process many portraits in parallel.
    ///
    /// Background, clothes and loose hair are replaced by the colours of skin and hair nearby, so
    /// that the whole outline of the mean shape is filled. [`FaceLayers`](crate::FaceLayers) draws
    /// the picture.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] if landmarks coincide.
    pub fn new(portrait: &PlainPortrait, mean: &MeanShape) -> Result<Self, FaceError> {
        let to_mean = mean.align(portrait.landmarks())?;
        let from_mean = to_mean.inverse();
        let step = from_mean.scale() as f32;
        let landmarks: Vec<[f32; 2]> =
            portrait.landmarks().iter().map(|&p| to_mean.apply(p)).collect();
        let spline = mean.spline(mean.points(), &landmarks)?;
        let (head, face) = (mean.head_depth(), mean.face_depth());
        let mut colours = [const { Vec::new() }; 3];
        let mut person = Vec::with_capacity(FRAME * FRAME);
        for (index, (head, face)) in head.values().iter().zip(face.values()).enumerate() {
            let [x, y] = [(index % FRAME) as f32, (index / FRAME) as f32];
            let [dx, dy] = spline.at([x, y]);
            let source = from_mean.apply([x + dx, y + dy]);
            for (plane, value) in colours.iter_mut().zip(portrait.colour(source, step)) {
                plane.push(value.clamp(0.0, 1.0));
            }
            let matte = smooth_step(0.7, 0.95, portrait.matte(source));
            let above_collar = smooth_step(COLLAR, COLLAR - 4.0, y);
            let inside = smooth_step(-0.5, 2.5, *head) * above_collar;
            person.push((matte * inside).max(smooth_step(2.0, 4.0, *face)));
        }
        let person = Raster::from_values(FRAME, person);
        let texture = colours
            .into_iter()
            .flat_map(|plane| filled(&Raster::from_values(FRAME, plane), &person))
            .collect();
        Ok(Self { landmarks, texture })
    }

    /// The mirrored face.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if the face does not have [`LANDMARK_COUNT`] landmarks.
    pub fn mirrored(&self) -> Result<Self, FaceError> {
        let landmarks = mirror_landmarks(&self.landmarks)?;
        let mut texture = self.texture.clone();
        texture.chunks_exact_mut(FRAME).for_each(<[f32]>::reverse);
        Ok(Self { landmarks, texture })
    }

    /// The picture of the face, 224x224 pixels: its texture warped to its landmarks, with the exact
    /// spline in double precision.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if there are not [`LANDMARK_COUNT`] landmarks,
    /// [`FaceError::Degenerate`] if they coincide.
    pub fn render(&self, mean: &MeanShape) -> Result<RgbImage, FaceError> {
        check_count("rendering", &self.landmarks, LANDMARK_COUNT)?;
        let spline = mean.spline(&self.landmarks, &self.landmarks)?;
        Ok(RgbImage::from_fn(FRAME as u32, FRAME as u32, |column, row| {
            let [x, y] = [column as f32, row as f32];
            let [dx, dy] = spline.at([x, y]);
            Rgb(self.texture_at([x - dx, y - dy]).map(to_byte))
        }))
    }

    /// The texture at a point, interpolated bilinearly; outside, the edge is repeated.
    fn texture_at(&self, point: [f32; 2]) -> [f32; 3] {
        const LAST: usize = FRAME - 1;
        let [x, y] = point.map(|value| value.clamp(0.0, LAST as f32));
        let (column, row) = ((x as usize).min(LAST - 1), (y as usize).min(LAST - 1));
        let (right, below) = (x - column as f32, y - row as f32);
        [0, 1, 2].map(|channel| {
            let first = channel * FRAME * FRAME + row * FRAME + column;
            let line = |first: usize| {
                self.texture[first] * (1.0 - right) + self.texture[first + 1] * right
            };
            line(first) * (1.0 - below) + line(first + FRAME) * below
        })
    }
}

/// Where clothes may begin, in pixels of the frame.
const COLLAR: f32 = PUPIL_ROW + 2.05 * PUPIL_DISTANCE;

/// `plane`, with pixels of small weight replaced by the weighted mean of their surroundings: by the
/// smallest surroundings that have weight.
fn filled(plane: &Raster, weight: &Raster) -> Vec<f32> {
    const SIGMAS: [f32; 5] = [24.0, 12.0, 6.0, 3.0, 1.5]; // pixels
    const ENOUGH: f32 = 0.25;
    let weighted = plane.values().iter().zip(weight.values()).map(|(value, weight)| value * weight);
    let weighted = Raster::from_values(FRAME, weighted.collect());
    let mut fill = vec![0.0; FRAME * FRAME];
    for sigma in SIGMAS {
        let (sums, weights) = (weighted.blurred(sigma), weight.blurred(sigma));
        for (fill, (sum, weight)) in fill.iter_mut().zip(sums.values().iter().zip(weights.values()))
        {
            let share = if sigma == SIGMAS[0] { 1.0 } else { (weight / ENOUGH).min(1.0) };
            *fill += share * (sum / weight.max(1e-6) - *fill);
        }
    }
    let pixels = plane.values().iter().zip(weight.values()).zip(fill);
    pixels.map(|((value, weight), fill)| fill + weight * (value - fill)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, read_points, reference_file};

    fn pattern(side: usize) -> Vec<f32> {
        let value = |index: usize| {
            let (x, y) = ((index % side) as f32, (index / side) as f32);
            0.5 + 0.25 * (x / 9.0).sin() + 0.25 * (y / 7.0).cos()
        };
        (0..side * side).map(value).collect()
    }

    // Reference: reference/face/spline.py, SciPy's spline and bilinear sampling of the pattern. The
    // picture is rounded to bytes, and single precision adds a little.
    #[test]
    fn rendering_agrees_with_scipy() {
        let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
        let landmarks = read_points("render_landmarks.npy");
        let face = NormalisedFace { landmarks, texture: pattern(FRAME).repeat(3) };
        let picture = face.render(&mean).unwrap();
        let (_, expected) = read_npy::<f32>(&reference_file("render_output.npy"));
        for ([x, y], expected) in read_points("render_places.npy").into_iter().zip(expected) {
            let found = f32::from(picture.get_pixel(x as u32, y as u32).0[1]) / 255.0;
            assert!((found - expected).abs() < 0.52 / 255.0, "{x} {y}: {found} {expected}");
        }
    }

    #[test]
    fn mirroring_twice_gives_the_same_face() {
        let landmarks = read_points("render_landmarks.npy");
        let texture: Vec<f32> = (0..3 * FRAME * FRAME).map(|index| (index % 251) as f32).collect();
        let face = NormalisedFace { landmarks, texture };
        let mirrored = face.mirrored().unwrap();
        assert_eq!(mirrored.texture[FRAME - 1], face.texture[0]);
        let again = mirrored.mirrored().unwrap();
        assert_eq!(again.texture, face.texture);
        for (p, q) in again.landmarks.iter().zip(&face.landmarks) {
            assert!((p[0] - q[0]).abs() < 1e-4 && p[1] == q[1]);
        }
    }

    #[test]
    fn a_wrong_number_of_landmarks_is_an_error() {
        let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
        let texture = vec![0.0; 3 * FRAME * FRAME];
        let short = NormalisedFace { landmarks: vec![[0.0; 2]; 5], texture };
        assert!(short.render(&mean).is_err());
        assert!(short.mirrored().is_err());
    }
}
