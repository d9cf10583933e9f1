//! Long hair of women, from an average: the share of hair in each pixel and its colour. Its outline
//! is that of the average at a level, so it is sharp; strands are drawn from noise.

use s2f_core::Sex;

use crate::averages::{FLOOR, PortraitSums};
use crate::frame::{FRAME, LUMA, MIDDLE, PIXELS, PUPIL_DISTANCE, PUPIL_ROW};
use crate::noise::along;
use crate::raster::{Raster, smooth_step};
use crate::{FaceError, NormalisedFace};

/// Below this row, the average shows clothes beside the neck: the outline continues from here.
const LAST_ROW: f32 = PUPIL_ROW + 1.05 * PUPIL_DISTANCE;

/// The average of women's hair.
pub struct Hair {
    /// Share of the person in each pixel.
    person: Raster,
    /// Colour where the person is, `[3, 224, 224]`.
    colours: Vec<f32>,
    luma: Raster,
    face: Raster,
    /// Where everybody has hair, above the forehead: the hair's own colour is measured here.
    crown: Vec<usize>,
}

/// A cut of long hair, drawn over a head.
pub struct Hairstyle {
    share: Raster,
    /// The logarithm of the colour relative to that of the crown, `[3, 224, 224]`.
    shading: Vec<f32>,
    crown: Vec<usize>,
}

impl Hair {
    /// The average in the sums of many portraits.
    ///
    /// # Errors
    /// [`FaceError::TooFewPeople`] if there are fewer than 20 portraits of women.
    pub fn new(portraits: &PortraitSums) -> Result<Self, FaceError> {
        let sums = portraits.of(Sex::Female)?;
        let (head, face) = (portraits.mean().head_depth(), portraits.mean().face_depth());
        let mirrored = |index: usize| index / FRAME * FRAME + FRAME - 1 - index % FRAME;
        let both = |values: &[f64], index: usize| values[index] + values[mirrored(index)];
        let person = (0..PIXELS).map(|i| (both(&sums.matte, i) / (2 * sums.people) as f64) as f32);
        let person = Raster::from_values(FRAME, person.collect()).blurred(1.0);
        let mut colours = Vec::with_capacity(3 * PIXELS);
        for plane in sums.weighted.chunks_exact(PIXELS) {
            colours.extend(
                (0..PIXELS)
                    .map(|index| (both(plane, index) / both(&sums.matte, index).max(1e-6)) as f32),
            );
        }
        let luma = (0..PIXELS)
            .map(|i| (0..3).map(|channel| LUMA[channel] * colours[channel * PIXELS + i]).sum());
        let luma = Raster::from_values(FRAME, luma.collect()).blurred(1.0);
        let crown = (0..PIXELS).filter(|&index| {
            let above = ((index / FRAME) as f32) < PUPIL_ROW - 0.8 * PUPIL_DISTANCE;
            above && head.values()[index] > 4.0 && face.values()[index] < -4.0
        });
        let crown = crown.collect();
        Ok(Self { person, colours, luma, face, crown })
    }

    /// Hair of a volume from 0 (flat) to 1 (full) that ends `length` pupil distances below the
    /// pupils: 1.8 at the chin, 2.5 on the shoulders.
    pub fn style(&self, volume: f32, length: f32) -> Hairstyle {
        let level = 0.72 - 0.42 * volume;
        let share = Raster::from_fn(FRAME, |column, row| self.share(column, row, level, length));
        let shading = (0..3 * PIXELS).map(|index| self.shading(index / PIXELS, index % PIXELS));
        Hairstyle { share, shading: shading.collect(), crown: self.crown.clone() }
    }

    fn share(&self, column: usize, row: usize, level: f32, length: f32) -> f32 {
        let (x, y) = (column as f32, row as f32);
        let across = (x - MIDDLE).abs();
        // Towards its end, the hair turns inwards.
        let down = ((y - LAST_ROW) / PUPIL_DISTANCE).max(0.0);
        let outward = across * (1.0 + 0.035 * down * down);
        let place = [MIDDLE + outward.copysign(x - MIDDLE), y.min(LAST_ROW)];
        let person = smooth_step(level - 0.08, level + 0.08, self.person.at(place));
        // Below the jaw, the hair lies closer to the neck than to the face above.
        let closer = 4.0 * smooth_step(0.0, 0.3, down);
        let inner = [MIDDLE + (across + closer).copysign(x - MIDDLE), y.min(LAST_ROW)];
        let dark = smooth_step(0.55, 0.49, self.luma.at(inner));
        // Eyes, brows and mouth are dark too. The hair is parted: it falls to the sides of the
        // forehead, in a curve from the middle of the hairline to the temples.
        let side = across / PUPIL_DISTANCE;
        let fringe = PUPIL_ROW + PUPIL_DISTANCE * (1.55 * side.powf(1.7) - 1.2);
        let wave = 1.5 * along(15, 0.35 * y);
        let open = smooth_step(-2.5, 2.5, y - fringe + wave);
        let features = smooth_step(0.0, 7.0, self.face.at(inner)) * open;
        let strand = 2.0 * along(11, 0.3 * across) + 1.2 * along(12, 0.8 * across);
        let rounded = 5.0 * ((across / PUPIL_DISTANCE - 1.25) / 0.35).powi(2);
        let end = PUPIL_ROW + length * PUPIL_DISTANCE + strand - rounded;
        person * dark * (1.0 - features) * smooth_step(end + 3.5, end - 3.5, y)
    }

    fn shading(&self, channel: usize, index: usize) -> f32 {
        let (x, y) = ((index % FRAME) as f32, (index / FRAME) as f32);
        let plane = &self.colours[channel * PIXELS..(channel + 1) * PIXELS];
        let crown: f32 = self.crown.iter().map(|&i| (plane[i] + FLOOR).ln()).sum::<f32>()
            / self.crown.len().max(1) as f32;
        let source = (y.min(LAST_ROW) as usize) * FRAME + index % FRAME;
        let colour = ((plane[source] + FLOOR).ln() - crown).clamp(-0.5, 0.12);
        // Strands run from the parting along the outline: u is 0 in the middle, 1 at the outline.
        let half_width = PUPIL_DISTANCE
            * (0.35 + 1.15 * smooth_step(-2.1, -0.4, (y - PUPIL_ROW) / PUPIL_DISTANCE));
        let u = (x - MIDDLE) / half_width;
        let strands =
            0.10 * along(13, 26.0 * u + 0.012 * y) + 0.06 * along(14, 61.0 * u - 0.02 * y);
        let gloss = (-((y - PUPIL_ROW + 1.15 * PUPIL_DISTANCE) / 9.0).powi(2)).exp();
        let beside_neck = smooth_step(LAST_ROW - 10.0, LAST_ROW + 25.0, y)
            * smooth_step(1.15 * PUPIL_DISTANCE, 0.85 * PUPIL_DISTANCE, (x - MIDDLE).abs());
        colour + strands + 0.12 * gloss - 0.45 * beside_neck
    }
}

impl Hairstyle {
    /// The hair in the colour of the face's own, `[3, 224, 224]`, and its share in each pixel.
    pub(crate) fn draw(&self, face: &NormalisedFace) -> (Vec<f32>, &Raster) {
        let mut colours = Vec::with_capacity(3 * PIXELS);
        let planes = face.texture.chunks_exact(PIXELS).zip(self.shading.chunks_exact(PIXELS));
        for (own, shading) in planes {
            let mut crown: Vec<f32> =
                self.crown.iter().map(|&index| (own[index] + FLOOR).ln()).collect();
            crown.sort_by(f32::total_cmp);
            let median = crown.get(crown.len() / 2).copied().unwrap_or_default();
            colours.extend(shading.iter().map(|s| ((median + s).exp() - FLOOR).clamp(0.0, 1.0)));
        }
        (colours, &self.share)
    }
}
