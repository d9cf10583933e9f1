//! Where the hair of a picture ends.

use std::ops::RangeInclusive;

use super::palette::{Colour, Palette, median};
use super::shape::{HAIR_OUTLINE, HAIRLINE, Point, between, mean};
use crate::Face;

/// Hair beside the jaw that is at least this wide, pixels, is long.
const LONG_PX: f32 = 7.0;
/// The hairline is looked for this far below and above its landmarks, pixels.
const RISE: (i8, i8) = (-6, 16);
/// The landmarks of the hairline that are above the forehead.
const FRONT: RangeInclusive<usize> = 2..=8;
/// The outline is where the colour changes by this much,
const EDGE: f32 = 0.14;
/// over this many pixels.
const WIDTH: usize = 4;

/// Whether the hair falls beside the face, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HairLength {
    Short,
    /// Beside the face, down to a row.
    Long {
        /// The outer edges, x on the left and on the right, beside the mouth.
        edges: [f32; 2],
        /// The row in which it ends.
        end: f32,
    },
}

impl HairLength {
    /// Measures the hair beside mouth and jaw.
    pub fn measure(face: &Face, palette: &Palette) -> Self {
        let marks = &face.landmarks;
        let row = (marks[43][1] + marks[44][1]) / 2.0;
        let [left, right] = [edge(face, row, false), edge(face, row, true)];
        let [jaw_left, jaw_right] = [marks[68][0], marks[71][0]];
        if (jaw_left - left).min(right - jaw_right) < LONG_PX {
            return Self::Short;
        }
        let end = |column: f32| end(face, [column, row], palette.measured_hair);
        let ends = end((left + jaw_left) / 2.0).max(end((right + jaw_right) / 2.0));
        Self::Long { edges: [left, right], end: ends }
    }

    pub fn is_long(self) -> bool {
        matches!(self, Self::Long { .. })
    }
}

/// How far above each landmark of the hairline the hair begins, pixels, towards the crown: a
/// receding hairline is in the picture, not in the landmarks.
pub fn hairline(face: &Face, palette: &Palette) -> [f32; HAIRLINE.len()] {
    let marks = &face.landmarks;
    let crown = mean(&HAIR_OUTLINE.map(|index| marks[index]));
    let measured: [f32; HAIRLINE.len()] = std::array::from_fn(|place| {
        if !FRONT.contains(&place) {
            return 0.0; // the temples
        }
        let mark = marks[HAIRLINE[place]];
        let far = (crown[0] - mark[0]).hypot(crown[1] - mark[1]).max(1.0);
        let is_hair = |distance: f32| {
            let colour = median(&face.picture, &[between(mark, crown, distance / far)], 1.5);
            colour.distance(palette.measured_hair) < colour.distance(palette.forehead)
        };
        let distances = (RISE.0..=RISE.1).map(f32::from);
        distances.into_iter().find(|&distance| is_hair(distance)).unwrap_or(0.0)
    });
    std::array::from_fn(|place| match FRONT.contains(&place) {
        true => 0.5 * measured[place] + 0.25 * (measured[place - 1] + measured[place + 1]),
        false => 0.0,
    })
}

/// The column in which the person begins in a row, from the left or from the right. The backdrop
/// is shaded, so neighbours are compared.
fn edge(face: &Face, row: f32, from_right: bool) -> f32 {
    let side = face.picture.side;
    let column = |step: usize| if from_right { side - 1 - step } else { step };
    let pixel = |step: usize| median(&face.picture, &[[column(step) as f32, row]], 0.5);
    let changes = |step: usize| pixel(step).distance(pixel(step - WIDTH)) > EDGE;
    let found = (WIDTH + 1..side / 2).find(|&step| changes(step));
    column(found.unwrap_or(side / 2)) as f32
}

/// The last row below `start` in which there is hair.
fn end(face: &Face, [x, y]: Point, hair: Colour) -> f32 {
    let last = face.picture.side as f32 - 2.0;
    let pixel = |row: f32| median(&face.picture, &[[x, row]], 1.0);
    let (backdrop, shirt) =
        (median(&face.picture, &[[2.0, y]], 1.0), median(&face.picture, &[[x, last]], 1.0));
    let beside = pixel(y);
    let mut row = y;
    while row < last {
        let found = pixel(row + 1.0);
        let to_hair = found.distance(hair).min(found.distance(beside));
        if to_hair > found.distance(backdrop) || to_hair > found.distance(shirt) {
            break;
        }
        row += 1.0;
    }
    row
}
