//! A portrait photograph put in front of a plain background in even light.

use image::{Rgb, RgbImage};

use crate::background::{Background, estimate};
use crate::landmarks::{Group, LANDMARKS, PUPILS, TEMPLATE_POINTS, check_count, select_landmarks};
use crate::normalise::{BACKGROUND, FRAME, MIDDLE, PUPIL_DISTANCE, PUPIL_ROW};
use crate::picture::{sample, to_byte};
use crate::raster::{Map, smooth_step};
use crate::{FaceError, Similarity};

/// How one set of portraits was lit and developed, to be undone.
///
/// The light that falls on the wall is divided out first; this corrects what remains: the wall's
/// own colour, and a camera that makes colours stronger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Factors of linear red, green and blue, relative to the background as white.
    pub gain: [f32; 3],
    /// Factor of the distance of a colour from grey of the same luminance.
    pub saturation: f32,
}

impl Light {
    /// For the Face Research Lab London Set.
    pub const LONDON: Self = Self { gain: [0.92, 0.92, 0.92], saturation: 1.0 };

    /// For the Face Research Lab's Young Adult White Faces (Canada): its grey wall is dark and its
    /// camera's colours are strong. Measured so that the median colour of the cheeks is that of the
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

/// A portrait with its pupils where the frame has them, twice as fine as the frame, on a plain
/// background.
#[derive(Debug, Clone)]
pub struct PlainPortrait {
    picture: RgbImage,
    landmarks: Vec<[f32; 2]>,
}

/// Side of the prepared picture.
const SIDE: usize = 512;

/// Pixels of the prepared picture for one of the frame.
pub(crate) const FINENESS: f32 = 2.0;

/// The prepared picture reaches this far over each side of the frame, in pixels of the frame.
const MARGIN: f32 = (SIDE as f32 / FINENESS - FRAME as f32) / 2.0; // 16

/// Distance of the pupils in the prepared picture; sizes below are in this unit.
const UNIT: f32 = FINENESS * PUPIL_DISTANCE; // 96

impl PlainPortrait {
    /// Prepares a frontal portrait before a plain wall. `template` are its 189 landmarks in pixels
    /// of `picture`.
    ///
    /// The light on the wall is estimated from the wall around the head and divided out; what
    /// differs little from the wall becomes plain background. The points on the outline of the
    /// hair are moved along the rays from between the pupils to where the hair ends.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] where there are not 189 points, [`FaceError::Degenerate`] where
    /// the pupils coincide, [`FaceError::NoBackground`] where no plain wall is seen.
    pub fn new(picture: &RgbImage, template: &[[f32; 2]], light: Light) -> Result<Self, FaceError> {
        check_count("the landmark template", template, TEMPLATE_POINTS)?;
        let left = [MIDDLE - PUPIL_DISTANCE / 2.0, PUPIL_ROW];
        let right = [MIDDLE + PUPIL_DISTANCE / 2.0, PUPIL_ROW];
        let to_frame = Similarity::fit(&PUPILS.map(|pupil| template[pupil]), &[left, right])?;
        let template: Vec<[f32; 2]> = template.iter().map(|&p| to_frame.apply(p)).collect();

        let photograph = Photograph::read(picture, &to_frame.inverse());
        let head = Map::polygon(SIDE, &head_polygon(&template));
        let seen = seen_background(&head, &photograph);
        let background = estimate(&photograph.light, &seen, SIDE, 0.3 * UNIT)?;
        let (picture, matte) = compose(&photograph, &background, &head, light);

        let mut landmarks = select_landmarks(&template)?;
        follow_hair(&mut landmarks, &matte);
        Ok(Self { picture, landmarks })
    }

    /// The landmarks in pixels of the frame, aligned by the pupils.
    pub fn landmarks(&self) -> &[[f32; 2]] {
        &self.landmarks
    }

    /// The colour at a point of the frame, sRGB from 0 to 1, for samples `step` frame pixels apart.
    pub(crate) fn colour(&self, place: [f32; 2], step: f32) -> [f32; 3] {
        sample(&self.picture, prepared(place), step * FINENESS).map(|value| value / 255.0)
    }
}

/// From pixels of the frame to pixels of the prepared picture: both have whole numbers at pixel
/// centres.
fn prepared(place: [f32; 2]) -> [f32; 2] {
    place.map(|value| FINENESS * (value + MARGIN + 0.5) - 0.5)
}

/// From pixels of the prepared picture to pixels of the frame.
fn framed(place: [f32; 2]) -> [f32; 2] {
    place.map(|value| (value + 0.5) / FINENESS - MARGIN - 0.5)
}

/// The photograph in the place of the prepared picture.
struct Photograph {
    /// Logarithm of linear light.
    light: Vec<[f32; 3]>,
    /// Whether the photograph reaches here.
    known: Vec<bool>,
}

impl Photograph {
    fn read(picture: &RgbImage, from_frame: &Similarity) -> Self {
        let step = from_frame.scale() as f32 / FINENESS;
        let right = picture.width() as f32 - 0.5;
        let bottom = picture.height() as f32 - 0.5;
        let mut light = Vec::with_capacity(SIDE * SIDE);
        let mut known = Vec::with_capacity(SIDE * SIDE);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let place = from_frame.apply(framed([column as f32, row as f32]));
                light.push(sample(picture, place, step).map(|value| log_light(value / 255.0)));
                let [x, y] = place;
                known.push(x >= -0.5 && x <= right && y >= -0.5 && y <= bottom);
            }
        }
        Self { light, known }
    }
}

/// Outline of hair, head and neck in the prepared picture, closed below it.
fn head_polygon(template: &[[f32; 2]]) -> Vec<[f32; 2]> {
    const OUTLINE: std::ops::RangeInclusive<usize> = 145..=157;
    let mut polygon: Vec<[f32; 2]> = template[OUTLINE].iter().map(|&p| prepared(p)).collect();
    let below = SIDE as f32;
    let (first, last) = (polygon[0], polygon[polygon.len() - 1]);
    polygon.push([last[0], below]);
    polygon.push([first[0], below]);
    polygon
}

/// 1 where the wall may be seen: well outside of head and neck, above the shoulders.
fn seen_background(head: &Map, photograph: &Photograph) -> Map {
    let near_head = head.blurred(0.2 * UNIT);
    let [_, shoulders] = prepared([0.0, PUPIL_ROW + 1.5 * PUPIL_DISTANCE]);
    Map::from_fn(SIDE, |column, row| {
        let index = row * SIDE + column;
        let away = near_head.values()[index] < 0.02 && (row as f32) < shoulders;
        if away && photograph.known[index] { 1.0 } else { 0.0 }
    })
}

/// Puts the person before a plain background; also returns where the person is by colour alone.
fn compose(
    photograph: &Photograph,
    background: &Background,
    head: &Map,
    light: Light,
) -> (RgbImage, Map) {
    // From 0 just inside of the drawn outline, which is not exact, to 1 further in.
    let inside = head.blurred(0.06 * UNIT);
    let mut pixels = Vec::with_capacity(3 * SIDE * SIDE);
    let mut person_by_colour = Vec::with_capacity(SIDE * SIDE);
    for index in 0..SIDE * SIDE {
        let against_wall =
            [0, 1, 2].map(|c| photograph.light[index][c] - background.wall[index][c]);
        let against_shadow = [0, 1, 2].map(|c| against_wall[c] - background.shadows[index][c]);
        let distance = against_shadow.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let known = if photograph.known[index] { 1.0 } else { 0.0 };
        let by_colour = known * smooth_step(0.15, 0.5, distance);
        let person = by_colour.max(smooth_step(0.75, 1.0, inside.values()[index]));
        // Single hairs keep their share of colour; the wall's grain goes.
        let remainder = known * smooth_step(0.08, 0.3, distance);
        let front = light.apply(against_wall.map(f32::exp));
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
    let matte = Map::from_fn(SIDE, |column, row| person_by_colour[row * SIDE + column]);
    (picture, matte)
}

/// Moves the points on the outline of the hair to its outermost edge on their rays.
fn follow_hair(landmarks: &mut [[f32; 2]], matte: &Map) {
    // Inwards only a little: on bald heads the hairline lies close inside.
    const INWARDS: f32 = 0.05 * PUPIL_DISTANCE;
    const OUTWARDS: f32 = 0.55 * PUPIL_DISTANCE;
    let matte = matte.blurred(0.05 * UNIT);
    let from = [MIDDLE, PUPIL_ROW];
    for (point, landmark) in landmarks.iter_mut().zip(&LANDMARKS) {
        if landmark.group != Group::HairOutline {
            continue;
        }
        let away = [point[0] - from[0], point[1] - from[1]];
        let drawn = away[0].hypot(away[1]);
        let along = |length: f32| [0, 1].map(|axis| from[axis] + away[axis] * length / drawn);
        let steps = ((INWARDS + OUTWARDS) * FINENESS) as usize;
        let edge = (0..=steps)
            .map(|step| drawn + OUTWARDS - step as f32 / FINENESS)
            .find(|&length| matte.at(prepared(along(length))) > 0.5);
        *point = along(edge.unwrap_or(drawn - INWARDS));
    }
}

/// Logarithm of the linear light of an sRGB value of 0 to 1; the darkest is cut, where a byte has
/// no more than its first few steps.
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
    use s2f_corpus::unpaired::{Portrait, portraits};

    use super::*;
    use crate::landmarks::LANDMARK_COUNT;
    use crate::reference::published;
    use crate::{MeanShape, NormalisedFace, read_picture};

    fn prepare(person: &Portrait, light: Light) -> PlainPortrait {
        let picture = read_picture(&person.picture).unwrap();
        PlainPortrait::new(&picture, &person.points, light).unwrap()
    }

    /// Some people of both sets, prepared.
    fn some_people() -> Option<Vec<PlainPortrait>> {
        let faces = published("data/faces")?;
        let mut prepared = Vec::new();
        for (set, light) in [("london", Light::LONDON), ("canada", Light::CANADA)] {
            let people = portraits(&faces.join(set)).unwrap();
            prepared.extend(people.iter().step_by(9).map(|person| prepare(person, light)));
        }
        Some(prepared)
    }

    #[test]
    fn the_background_is_plain_and_light_evens_out() {
        let Some(people) = some_people() else { return };
        for person in &people {
            // Beside the head above the ears, where no hair of these people reaches.
            for place in [[4.0, 4.0], [219.0, 4.0], [6.0, 40.0], [217.0, 40.0]] {
                for value in person.colour(place, 1.0) {
                    assert!((value - BACKGROUND).abs() < 0.02, "{place:?}: {value}");
                }
            }
        }
    }

    // Warped to the mean shape and back: the two splines are not each other's inverse, which moves
    // edges by fractions of a pixel.
    #[test]
    fn a_face_survives_the_mean_shape() {
        let Some(people) = some_people() else { return };
        let shapes: Vec<&[[f32; 2]]> = people.iter().map(PlainPortrait::landmarks).collect();
        let mean = MeanShape::of(&shapes).unwrap();
        for person in &people {
            let face = NormalisedFace::new(person, &mean).unwrap();
            assert_eq!(face.landmarks.len(), LANDMARK_COUNT);
            let picture = face.render(&mean).unwrap();
            let aligned = mean.align(person.landmarks()).unwrap().inverse();
            let (mut difference, mut count) = (0.0, 0.0);
            for row in 90..190 {
                for column in 70..154 {
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
    fn a_picture_without_a_wall_or_a_face_is_an_error() {
        let busy = RgbImage::from_fn(300, 300, |x, y| {
            Rgb([0_u32, 1, 2].map(|c| ((x * 7919 + y * 104_729 + c * 31) % 251) as u8))
        });
        let mut points = vec![[150.0, 150.0]; TEMPLATE_POINTS];
        let fails = |points: &[[f32; 2]]| PlainPortrait::new(&busy, points, Light::LONDON).is_err();
        assert!(fails(&points));
        points[PUPILS[0]] = [120.0, 120.0];
        points[PUPILS[1]] = [180.0, 120.0];
        assert!(fails(&points));
        assert!(fails(&points[1..]));
    }
}
