//! Makes a normalised face older or younger, by directions that are averages over many people.

use s2f_core::Sex;

use crate::averages::{FINE, FLOOR, PortraitSums, Sums};
use crate::frame::{FRAME, LUMA, MIDDLE, PIXELS, PUPIL_DISTANCE, PUPIL_ROW};
use crate::noise::Noise;
use crate::raster::{Raster, smooth_step};
use crate::wrinkles::wrinkles;
use crate::{FaceError, NormalisedFace};

/// Ages between which hair turns grey, years.
const GREYING: (f32, f32) = (36.0, 76.0);
/// Ages between which men's hairlines recede, years.
const RECEDING: (f32, f32) = (28.0, 84.0);
/// Lines that do not go away at rest appear from this age on, years.
const FIRST_LINES: f32 = 32.0;

/// The direction of ageing of women and of men.
pub struct Ageing {
    women: Direction,
    men: Direction,
    /// Share of skin in each pixel.
    skin: Raster,
    /// Where hair can be.
    hair: Raster,
    /// Relative depth of lines and folds per decade and unit of strength.
    wrinkles: Raster,
    /// Strands of hair, of standard deviation 1.
    strands: Raster,
    /// Distance from the border of the face, pixels; negative outside.
    face: Raster,
    /// Factor of the directions.
    strength: f32,
}

/// The change in ten years.
struct Direction {
    /// Of the logarithm of colours, `[3, 224, 224]`.
    colours: Vec<f32>,
    /// Of the logarithm of the energy of fine detail, `[224, 224]`.
    energy: Raster,
    /// Of the landmarks, pixels.
    landmarks: Vec<[f32; 2]>,
    /// Share of the hair that is grey at last.
    grey: f32,
}

impl Ageing {
    /// The directions in the sums of many portraits.
    ///
    /// Inside the face, the colours' direction is the mean of women's and men's: women are few in
    /// public portraits, and their hair falls into the forehead. Skin as a whole keeps its tone.
    ///
    /// `strength` exaggerates the directions; 1 leaves them. Averages understate ageing: what is in
    /// another place in each face, such as folds and spots, cancels in them.
    ///
    /// # Errors
    /// [`FaceError::TooFewPeople`] if there are fewer than 20 portraits of a sex.
    pub fn new(portraits: &PortraitSums, strength: f32) -> Result<Self, FaceError> {
        let mean = portraits.mean();
        let (head, face) = (mean.head_depth(), mean.face_depth());
        // At the hairline, the averages show where hair recedes, not how skin ages.
        let brows = PUPIL_ROW - 0.35 * PUPIL_DISTANCE;
        let skin = Raster::from_fn(FRAME, |column, row| {
            let above = smooth_step(brows, brows - 10.0, row as f32);
            smooth_step(1.0, 9.0 + 9.0 * above, face.values()[row * FRAME + column])
        });
        let hair = Raster::from_fn(FRAME, |column, row| {
            let index = row * FRAME + column;
            let above = smooth_step(PUPIL_ROW + PUPIL_DISTANCE, PUPIL_ROW, row as f32);
            smooth_step(-2.0, 2.0, head.values()[index])
                * smooth_step(3.0, -3.0, face.values()[index])
                * above
        });
        let mut women = Direction::new(portraits, Sex::Female, 0.75)?;
        let mut men = Direction::new(portraits, Sex::Male, 0.9)?;
        for index in 0..3 * PIXELS {
            let row = (index % PIXELS / FRAME) as f32;
            let share_of_women = 0.5 * smooth_step(brows - 8.0, brows + 4.0, row);
            let own = men.colours[index];
            let both = own + share_of_women * (women.colours[index] - own);
            women.colours[index] = both;
            men.colours[index] = 0.5 * (own + both);
        }
        for direction in [&mut women, &mut men] {
            direction.keep_tone(&skin);
        }
        let strands = Noise::new(6).bands([0.6, 2.2], 3.0);
        let wrinkles = wrinkles(&face, &skin);
        Ok(Self { women, men, skin, hair, wrinkles, strands, face, strength })
    }

    /// The face of a person of `sex` who is `from` years old, at `to` years.
    pub fn apply(&self, face: &NormalisedFace, sex: Sex, from: f32, to: f32) -> NormalisedFace {
        let direction = match sex {
            Sex::Female => &self.women,
            Sex::Male => &self.men,
        };
        let decades = self.strength * (to - from) / 10.0;
        let landmarks = face
            .landmarks
            .iter()
            .zip(&direction.landmarks)
            .map(|(p, d)| [p[0] + decades * d[0], p[1] + decades * d[1]])
            .collect();
        let mut texture = Vec::with_capacity(3 * PIXELS);
        let depth = |age: f32| ((age - FIRST_LINES) / 10.0).clamp(0.0, 5.0);
        let deeper = self.strength * (depth(to) - depth(from));
        for channel in 0..3 {
            let planes = channel * PIXELS..(channel + 1) * PIXELS;
            let slopes = &direction.colours[planes.clone()];
            let shifted = face.texture[planes].iter().zip(slopes).zip(self.skin.values()).map(
                |((value, slope), skin)| (value + FLOOR) * (skin * decades * slope).exp() - FLOOR,
            );
            let shifted = Raster::from_values(FRAME, shifted.collect());
            let smooth = shifted.blurred(FINE);
            for index in 0..PIXELS {
                let skin = self.skin.values()[index];
                // Fine detail that a face does not have cannot be taken away.
                let energy = direction.energy.values()[index].clamp(0.0, 0.5);
                let gain = (0.5 * energy * decades.max(-1.0) * skin).exp();
                let low = smooth.values()[index];
                let value = low + gain * (shifted.values()[index] - low);
                let line = (deeper * self.wrinkles.values()[index]).exp();
                texture.push((value * line).clamp(0.0, 1.0));
            }
        }
        if sex == Sex::Male {
            let bare = |age: f32| smooth_step(RECEDING.0, RECEDING.1, age);
            self.recede(&mut texture, (bare(to) - bare(from)).max(0.0));
        }
        let grey = |age: f32| direction.grey * smooth_step(GREYING.0, GREYING.1, age);
        self.draw_hair(&mut texture, (grey(to) - grey(from)).max(0.0));
        NormalisedFace { landmarks, texture }
    }

    /// Moves the hairline up, at the temples most, and continues the skin of the forehead.
    fn recede(&self, texture: &mut [f32], amount: f32) {
        if amount == 0.0 {
            return;
        }
        let planes: Vec<Raster> = texture
            .chunks_exact(PIXELS)
            .map(|plane| Raster::from_values(FRAME, plane.to_vec()).blurred(2.0))
            .collect();
        let centre = [MIDDLE, PUPIL_ROW - 0.4 * PUPIL_DISTANCE];
        for index in 0..PIXELS {
            let [x, y] = [(index % FRAME) as f32, (index / FRAME) as f32];
            let depth = self.face.values()[index];
            let up = smooth_step(centre[1] + 4.0, centre[1] - 8.0, y);
            if !(-24.0..HAIRLINE_DEPTH).contains(&depth) || up == 0.0 {
                continue;
            }
            let across = (x - MIDDLE).abs() / PUPIL_DISTANCE;
            let temple = (-((across - 0.62) / 0.3).powi(2)).exp();
            let bare = amount * (5.0 + 9.0 * temple);
            let into_face = smooth_step(HAIRLINE_DEPTH, HAIRLINE_DEPTH - 5.0, depth);
            let share = up * into_face * smooth_step(-bare - 2.5, -bare + 2.5, depth);
            let share = share * (bare / 3.0).min(1.0);
            let (dx, dy) = (centre[0] - x, centre[1] - y);
            let step = (HAIRLINE_DEPTH + 1.0 - depth) / dx.hypot(dy).max(1.0);
            let skin = [x + step * dx, y + step * dy];
            for (channel, plane) in planes.iter().enumerate() {
                let value = &mut texture[channel * PIXELS + index];
                *value += share * (plane.at(skin) - *value);
            }
        }
    }

    /// Draws strands into hair, but not on bald skin, and moves its colour towards grey.
    fn draw_hair(&self, texture: &mut [f32], amount: f32) {
        const GREY: f32 = 0.58;
        const TINT: [f32; 3] = [1.0, 0.99, 0.975];
        let luma = |texture: &[f32], index: usize| {
            (0..3).map(|channel| LUMA[channel] * texture[channel * PIXELS + index]).sum::<f32>()
        };
        let mean_luma = |texture: &[f32], weight: &Raster| {
            let sum: f32 =
                weight.values().iter().enumerate().map(|(i, w)| w * luma(texture, i)).sum();
            sum / weight.values().iter().sum::<f32>().max(1e-6)
        };
        let hair = mean_luma(texture, &self.hair);
        let skin = mean_luma(texture, &self.skin);
        for index in 0..PIXELS {
            let light = luma(texture, index);
            let is_hair = self.hair.values()[index] * smooth_step(0.98 * skin, 0.8 * skin, light);
            let share = amount * is_hair;
            for (channel, tint) in TINT.into_iter().enumerate() {
                let value = &mut texture[channel * PIXELS + index];
                let grey = (GREY.max(hair) + 1.3 * (light - hair)).clamp(0.0, 1.0) * tint;
                *value += share * (grey - *value);
                let strand = STRANDS * is_hair * self.strands.values()[index];
                *value = (*value * strand.exp()).clamp(0.0, 1.0);
            }
        }
    }
}

/// Depth of the band inside the hairline that is covered where hair recedes, pixels.
const HAIRLINE_DEPTH: f32 = 9.0;
/// Standard deviation of strands of hair, in logarithms of brightness.
const STRANDS: f32 = 0.1;

/// Blur of the colours' direction around the eyes, pixels: without it, the rims of glasses, which
/// older people wear more often, would be drawn.
const RIM: f32 = 4.0;
/// Share of the change of hue that is kept: the portraits are of many photographers.
const REDNESS: f32 = 0.4;

/// Where rims of glasses can be: 1 around the eyes and on the bridge of the nose, 0 elsewhere.
fn around_eyes(index: usize) -> f32 {
    let x = ((index % FRAME) as f32 - MIDDLE).abs() / PUPIL_DISTANCE;
    let y = ((index / FRAME) as f32 - PUPIL_ROW) / PUPIL_DISTANCE;
    smooth_step(1.15, 0.95, x) * smooth_step(-0.5, -0.3, y) * smooth_step(0.6, 0.4, y)
}

impl Direction {
    fn new(portraits: &PortraitSums, sex: Sex, grey: f32) -> Result<Self, FaceError> {
        let sums: &Sums = portraits.of(sex)?;
        let slopes = sums.slopes();
        let (colours, rest) = slopes.split_at(3 * PIXELS);
        let (energy, moved) = rest.split_at(PIXELS);
        let planes = colours.chunks_exact(PIXELS).map(|plane| {
            let plane = Raster::from_values(FRAME, plane.to_vec());
            let (sharp, smooth) = (symmetric(&plane.blurred(0.8)), symmetric(&plane.blurred(RIM)));
            (0..PIXELS).map(|i| sharp[i] + around_eyes(i) * (smooth[i] - sharp[i])).collect()
        });
        let planes: Vec<Vec<f32>> = planes.collect();
        let luma = |i: usize| (0..3).map(|c| LUMA[c] * planes[c][i]).sum::<f32>();
        let colours = planes.iter().flat_map(|plane| {
            let of = |(i, value): (usize, &f32)| luma(i) + REDNESS * (value - luma(i));
            plane.iter().enumerate().map(of)
        });
        let energy = Raster::from_values(FRAME, energy.to_vec()).blurred(2.0);
        let landmarks = portraits.spread(moved.as_chunks().0)?;
        Ok(Self {
            colours: colours.collect(),
            energy: Raster::from_values(FRAME, symmetric(&energy)),
            landmarks: symmetric_landmarks(&landmarks)?,
            grey,
        })
    }

    /// Takes out the change of the mean colour of the skin, which differs with photographers and
    /// make-up: age does not move skin tone.
    fn keep_tone(&mut self, skin: &Raster) {
        let total: f32 = skin.values().iter().sum();
        for plane in self.colours.chunks_exact_mut(PIXELS) {
            let sum: f32 = plane.iter().zip(skin.values()).map(|(slope, skin)| slope * skin).sum();
            plane.iter_mut().for_each(|slope| *slope -= sum / total.max(1e-6));
        }
    }
}

/// A raster of the frame, averaged with its mirror image.
fn symmetric(raster: &Raster) -> Vec<f32> {
    let values = raster.values();
    (0..PIXELS)
        .map(|index| {
            let mirrored = index / FRAME * FRAME + FRAME - 1 - index % FRAME;
            0.5 * (values[index] + values[mirrored])
        })
        .collect()
}

/// Displacements of landmarks, averaged with those of the mirror image.
fn symmetric_landmarks(moved: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    let places: Vec<[f32; 2]> = moved.iter().map(|[x, y]| [MIDDLE + x, *y]).collect();
    let mirrored = crate::mirror_landmarks(&places)?;
    let both = places.iter().zip(&mirrored);
    Ok(both.map(|(p, q)| [0.5 * (p[0] + q[0]) - MIDDLE, 0.5 * (p[1] + q[1])]).collect())
}
