//! Portrait photographs with the lighting evened out and the background replaced by a plain one.

use image::{Rgb, RgbImage};

use crate::background::{Background, estimate};
use crate::frame::{BACKGROUND, FRAME, MIDDLE, PUPIL_DISTANCE, PUPIL_POINTS, PUPIL_ROW};
use crate::landmarks::{
    LANDMARKS, LandmarkGroup, PUPILS, TEMPLATE_POINTS, check_count, select_landmarks,
};
use crate::raster::{Raster, smooth_step};
use crate::resample::{sample, to_byte};
use crate::{FaceError, Similarity};

/// The colour correction of a set of portraits.
///
/// The light on the wall is divided out first. This corrects the rest: the colour of the wall
/// itself, and the saturation of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourCorrection {
    /// Gain of linear red, green and blue, relative to the background as white.
    pub gain: [f32; 3],
    /// Factor of a colour's distance from the grey of the same luminance; 1 leaves it.
    pub saturation: f32,
}

impl ColourCorrection {
    /// For the Face Research Lab London Set.
    pub const LONDON: Self = Self { gain: [0.92, 0.92, 0.92], saturation: 1.0 };

    /// For the Face Research Lab's Young Adult White Faces (Canada), which have a dark grey wall
    /// and saturated colours. Chosen so that the median colour of the cheeks equals that of the
    /// London set.
    pub const CANADA: Self = Self { gain: [0.60, 0.64, 0.608], saturation: 0.7 };

    fn apply(&self, rgb: [f32; 3]) -> [f32; 3] {
        // Luminance of linear sRGB, ITU-R BT.709.
        let grey = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
        [0, 1, 2].map(|channel| {
            let colour = grey + self.saturation * (rgb[channel] - grey);
            self.gain[channel] * colour.max(0.0)
        })
    }
}

/// A portrait on a plain background, aligned by its pupils with the frame of 224x224 pixels and
/// stored at twice its resolution.
#[derive(Debug, Clone)]
pub struct PlainPortrait {
    picture: RgbImage,
    /// The share of the person in each pixel by its colour alone, 0 to 1.
    matte: Raster,
    landmarks: Vec<[f32; 2]>,
}

/// Side of the stored picture, in pixels.
const SIDE: usize = 512;

/// Pixels of the stored picture per pixel of the frame.
const SUPERSAMPLING: f32 = 2.0;

/// The stored picture extends beyond the frame by this much on each side, in pixels of the frame.
const MARGIN: f32 = (SIDE as f32 / SUPERSAMPLING - FRAME as f32) / 2.0; // 16

/// Distance between the pupils in pixels of the stored picture; the unit of the sizes below.
const UNIT: f32 = SUPERSAMPLING * PUPIL_DISTANCE; // 96

impl PlainPortrait {
    /// Prepares a frontal portrait in front of a plain wall. `template` has its 189 landmarks, in
    /// pixels of `picture`.
    ///
    /// The light is estimated from the wall around the head and divided out; pixels that differ
    /// little from the wall become background. The points on the outline of the hair are moved to
    /// the end of the hair, along rays from the midpoint between the pupils.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if there are not 189 points, [`FaceError::Degenerate`] if the
    /// pupils coincide, [`FaceError::NoBackground`] if too little plain wall is visible.
    pub fn new(
        picture: &RgbImage,
        template: &[[f32; 2]],
        correction: ColourCorrection,
    ) -> Result<Self, FaceError> {
        check_count("the landmark template", template, TEMPLATE_POINTS)?;
        let to_frame = Similarity::fit(&PUPILS.map(|pupil| template[pupil]), &PUPIL_POINTS)?;
        let template: Vec<[f32; 2]> = template.iter().map(|&p| to_frame.apply(p)).collect();

        let photograph = Photograph::read(picture, &to_frame.inverse());
        let head = Raster::polygon(SIDE, &head_polygon(&template));
        let visible = visible_background(&head, &photograph);
        let background = estimate(&photograph.light, &visible, SIDE, 0.3 * UNIT)?;
        let (picture, matte) = compose(&photograph, &background, &head, correction);

        let mut landmarks = select_landmarks(&template)?;
        follow_hair(&mut landmarks, &matte);
        Ok(Self { picture, matte, landmarks })
    }

    /// The 106 landmarks, aligned by the pupils, in pixels of the frame.
    pub fn landmarks(&self) -> &[[f32; 2]] {
        &self.landmarks
    }

    /// The colour at a point of the frame, sRGB from 0 to 1, for samples that are `step` pixels of
    /// the frame apart.
    pub(crate) fn colour(&self, point: [f32; 2], step: f32) -> [f32; 3] {
        sample(&self.picture, stored(point), step * SUPERSAMPLING).map(|value| value / 255.0)
    }

    /// The share of the person at a point of the frame, 0 to 1, by its colour alone: skin as bright
    /// as the wall is not recognised.
    pub(crate) fn matte(&self, point: [f32; 2]) -> f32 {
        self.matte.at(stored(point))
    }
}

/// From pixels of the frame to pixels of the stored picture. Both have integer coordinates at pixel
/// centres.
fn stored(point: [f32; 2]) -> [f32; 2] {
    point.map(|value| SUPERSAMPLING * (value + MARGIN + 0.5) - 0.5)
}

/// From pixels of the stored picture to pixels of the frame.
fn framed(point: [f32; 2]) -> [f32; 2] {
    point.map(|value| (value + 0.5) / SUPERSAMPLING - MARGIN - 0.5)
}

/// The photograph, resampled to the pixels of the stored picture.
struct Photograph {
    /// Logarithm of linear light.
    light: Vec<[f32; 3]>,
    /// Whether the pixel lies inside the photograph.
    inside: Vec<bool>,
}

impl Photograph {
    fn read(picture: &RgbImage, from_frame: &Similarity) -> Self {
        let step = from_frame.scale() as f32 / SUPERSAMPLING;
        let right = picture.width() as f32 - 0.5;
        let bottom = picture.height() as f32 - 0.5;
        let mut light = Vec::with_capacity(SIDE * SIDE);
        let mut inside = Vec::with_capacity(SIDE * SIDE);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let [x, y] = from_frame.apply(framed([column as f32, row as f32]));
                light.push(sample(picture, [x, y], step).map(|value| log_light(value / 255.0)));
                inside.push(x >= -0.5 && x <= right && y >= -0.5 && y <= bottom);
            }
        }
        Self { light, inside }
    }
}

/// The outline of hair, head and neck in pixels of the stored picture, closed below it.
fn head_polygon(template: &[[f32; 2]]) -> Vec<[f32; 2]> {
    const OUTLINE: std::ops::RangeInclusive<usize> = 145..=157;
    let mut polygon: Vec<[f32; 2]> = template[OUTLINE].iter().map(|&p| stored(p)).collect();
    let below = SIDE as f32;
    let (first, last) = (polygon[0], polygon[polygon.len() - 1]);
    polygon.push([last[0], below]);
    polygon.push([first[0], below]);
    polygon
}

/// 1 where the wall can be visible: well outside head and neck, above the shoulders.
fn visible_background(head: &Raster, photograph: &Photograph) -> Raster {
    let near_head = head.blurred(0.2 * UNIT);
    let [_, shoulders] = stored([0.0, PUPIL_ROW + 1.5 * PUPIL_DISTANCE]);
    Raster::from_fn(SIDE, |column, row| {
        let index = row * SIDE + column;
        let away = near_head.values()[index] < 0.02 && (row as f32) < shoulders;
        if away && photograph.inside[index] { 1.0 } else { 0.0 }
    })
}

/// Puts the person in front of a plain background. Also returns the matte of the person by colour
/// alone, 0 to 1.
fn compose(
    photograph: &Photograph,
    background: &Background,
    head: &Raster,
    correction: ColourCorrection,
) -> (RgbImage, Raster) {
    // Rises from 0 just inside the drawn outline, which is inexact, to 1 further in.
    let head_depth = head.blurred(0.06 * UNIT);
    let mut pixels = Vec::with_capacity(3 * SIDE * SIDE);
    let mut person_by_colour = Vec::with_capacity(SIDE * SIDE);
    for index in 0..SIDE * SIDE {
        let against_wall =
            [0, 1, 2].map(|c| photograph.light[index][c] - background.wall[index][c]);
        let against_shadow = [0, 1, 2].map(|c| against_wall[c] - background.shadows[index][c]);
        let distance = against_shadow.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let inside = if photograph.inside[index] { 1.0 } else { 0.0 };
        let by_colour = inside * smooth_step(0.15, 0.5, distance);
        let person = by_colour.max(smooth_step(0.75, 1.0, head_depth.values()[index]));
        // Keeps the colour of single hairs and removes the grain of the wall.
        let remainder = inside * smooth_step(0.08, 0.3, distance);
        let front = correction.apply(against_wall.map(f32::exp));
        for (value, front) in against_shadow.into_iter().zip(front) {
            let back = linear(BACKGROUND) * (remainder * value).exp();
            pixels.push(to_byte(encoded(person * front + (1.0 - person) * back)));
        }
        person_by_colour.push(by_colour);
    }
    let picture = RgbImage::from_fn(SIDE as u32, SIDE as u32, |column, row| {
        let first = 3 * (row as usize * SIDE + column as usize);
        Rgb([pixels[first], pixels[first + 1], pixels[first + 2]])
    });
    let matte = Raster::from_fn(SIDE, |column, row| person_by_colour[row * SIDE + column]);
    (picture, matte)
}

/// Moves the points on the outline of the hair to its outermost edge, along their rays.
fn follow_hair(landmarks: &mut [[f32; 2]], matte: &Raster) {
    // Inwards only a little: on bald heads, the hairline is close.
    const INWARDS: f32 = 0.05 * PUPIL_DISTANCE;
    const OUTWARDS: f32 = 0.55 * PUPIL_DISTANCE;
    let matte = matte.blurred(0.05 * UNIT);
    let centre = [MIDDLE, PUPIL_ROW];
    for (point, landmark) in landmarks.iter_mut().zip(&LANDMARKS) {
        if landmark.group != LandmarkGroup::HairOutline {
            continue;
        }
        let ray = [point[0] - centre[0], point[1] - centre[1]];
        let drawn = ray[0].hypot(ray[1]);
        let along = |length: f32| [0, 1].map(|axis| centre[axis] + ray[axis] * length / drawn);
        let steps = ((INWARDS + OUTWARDS) * SUPERSAMPLING) as usize;
        let edge = (0..=steps)
            .map(|step| drawn + OUTWARDS - step as f32 / SUPERSAMPLING)
            .find(|&length| matte.at(stored(along(length))) > 0.5);
        *point = along(edge.unwrap_or(drawn - INWARDS));
    }
}

/// Logarithm of the linear light of an sRGB value from 0 to 1. Cut off at 1e-3, the first few steps
/// of a byte.
fn log_light(value: f32) -> f32 {
    linear(value.max(0.0)).max(1e-3).ln()
}

/// From sRGB to linear light, IEC 61966-2-1.
fn linear(value: f32) -> f32 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// From linear light to sRGB, IEC 61966-2-1.
fn encoded(value: f32) -> f32 {
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::LANDMARK_COUNT;
    use crate::reference::{Photo, photos};
    use crate::{MeanShape, NormalisedFace, read_picture};

    fn prepare(person: &Photo, correction: ColourCorrection) -> PlainPortrait {
        let picture = read_picture(&person.picture).unwrap();
        PlainPortrait::new(&picture, &person.points, correction).unwrap()
    }

    /// Every ninth person of both sets, prepared.
    fn some_people() -> Option<Vec<PlainPortrait>> {
        let mut prepared = Vec::new();
        for (set, correction) in
            [("london", ColourCorrection::LONDON), ("canada", ColourCorrection::CANADA)]
        {
            let people = photos(set)?;
            prepared.extend(people.iter().step_by(9).map(|person| prepare(person, correction)));
        }
        Some(prepared)
    }

    #[test]
    fn the_background_is_plain_and_evenly_lit() {
        let Some(people) = some_people() else { return };
        for person in &people {
            // Beside the head, above the ears, where these people have no hair.
            for place in [[4.0, 4.0], [219.0, 4.0], [6.0, 40.0], [217.0, 40.0]] {
                for value in person.colour(place, 1.0) {
                    assert!((value - BACKGROUND).abs() < 0.02, "{place:?}: {value}");
                }
            }
        }
    }

    // Warped to the mean shape and back. The two splines are not inverse to each other, so edges
    // move by fractions of a pixel.
    #[test]
    fn warping_to_the_mean_shape_and_back_keeps_the_face() {
        let Some(people) = some_people() else { return };
        let shapes: Vec<&[[f32; 2]]> = people.iter().map(PlainPortrait::landmarks).collect();
        let mean = MeanShape::of(&shapes).unwrap();
        for person in &people {
            let face = NormalisedFace::new(person, &mean).unwrap();
            assert_eq!(face.landmarks.len(), LANDMARK_COUNT);
            let picture = face.render(&mean).unwrap();
            let aligned = mean.align(person.landmarks()).unwrap().inverse();
            let (mut difference, mut count) = (0.0, 0.0);
            // From the brows to the mouth: hair and neck are filled where the portrait has a wall.
            for row in 80..150 {
                for column in 80..144 {
                    let place = aligned.apply([column as f32, row as f32]);
                    let expected = person.colour(place, aligned.scale() as f32);
                    let found = picture.get_pixel(column, row).0;
                    for (found, expected) in found.into_iter().zip(expected) {
                        difference += (f32::from(found) / 255.0 - expected).abs();
                        count += 1.0;
                    }
                }
            }
            assert!(difference / count < 0.02, "{}", difference / count);
        }
    }

    #[test]
    fn a_picture_without_a_wall_or_without_pupils_is_an_error() {
        let busy = RgbImage::from_fn(300, 300, |x, y| {
            Rgb([0_u32, 1, 2].map(|c| ((x * 7919 + y * 104_729 + c * 31) % 251) as u8))
        });
        let mut points = vec![[150.0, 150.0]; TEMPLATE_POINTS];
        let fails = |points: &[[f32; 2]]| {
            PlainPortrait::new(&busy, points, ColourCorrection::LONDON).is_err()
        };
        assert!(fails(&points));
        points[PUPILS[0]] = [120.0, 120.0];
        points[PUPILS[1]] = [180.0, 120.0];
        assert!(fails(&points));
        assert!(fails(&points[1..]));
    }
}
