//! Lines and folds of skin that come with age. They are drawn, not taken from a photograph.

use crate::frame::{FRAME, MIDDLE, PUPIL_DISTANCE, PUPIL_ROW};
use crate::noise::Noise;
use crate::raster::{Raster, smooth_step};

/// Relative depth of the lines, per decade.
const LINE_DEPTH: f32 = 0.018;
/// Relative depth of the folds, per decade.
const FOLD_DEPTH: f32 = 0.066;

/// The relative change of brightness per decade by lines and folds: dark is negative.
///
/// `face` has the distance from the border of the face, `skin` the share of skin of each pixel.
pub(crate) fn wrinkles(face: &Raster, skin: &Raster) -> Raster {
    let (lines, folds) = (lines(face), folds());
    let drawn = lines.values().iter().zip(folds.values()).zip(skin.values());
    let drawn = drawn.map(|((line, fold), skin)| skin * (LINE_DEPTH * line + FOLD_DEPTH * fold));
    Raster::from_values(FRAME, drawn.collect())
}

/// Lines across the forehead, beside and below the eyes, and fine lines of the skin. They are
/// drawn from noise.
fn lines(face: &Raster) -> Raster {
    let noise = Noise::new(5);
    let across = noise.bands([9.0, 0.8], 3.0);
    let fine = noise.bands([0.5, 0.5], 2.4);
    Raster::from_fn(FRAME, |column, row| {
        let index = row * FRAME + column;
        let x = (column as f32 - MIDDLE).abs() / PUPIL_DISTANCE;
        let y = (row as f32 - PUPIL_ROW) / PUPIL_DISTANCE;
        let spot = |cx: f32, cy: f32, wx: f32, wy: f32| {
            (-((x - cx) / wx).powi(2) - ((y - cy) / wy).powi(2)).exp()
        };
        let forehead = spot(0.0, -0.77, 0.6, 0.25);
        let beside_eyes = 0.8 * spot(0.86, 0.07, 0.14, 0.2);
        let below_eyes = 0.6 * spot(0.55, 0.3, 0.25, 0.11);
        let inside = smooth_step(2.0, 8.0, face.values()[index]);
        let line = across.values()[index] * (forehead + beside_eyes + below_eyes)
            + 0.25 * inside * fine.values()[index];
        // Lines are dark; between them the skin is only a little lighter.
        if line > 0.0 { 0.5 * line } else { line }
    })
}

/// A point of a fold: x (of the right half of the picture) and y from the middle between the
/// pupils, in pupil distances, and the depth there, 0 to 1.
type FoldPoint = ([f32; 2], f32);

/// From the wing of the nose to the corner of the mouth.
const NOSE_TO_MOUTH: [FoldPoint; 5] = [
    ([0.27, 0.50], 0.3),
    ([0.36, 0.60], 1.0),
    ([0.46, 0.76], 1.0),
    ([0.51, 0.92], 0.8),
    ([0.52, 1.05], 0.2),
];
/// From the corner of the mouth to the chin.
const MOUTH_TO_CHIN: [FoldPoint; 4] =
    [([0.43, 1.08], 0.3), ([0.47, 1.18], 0.8), ([0.48, 1.30], 0.5), ([0.46, 1.40], 0.0)];
/// Below the bag of the eye.
const BELOW_THE_EYE: [FoldPoint; 5] = [
    ([0.24, 0.16], 0.2),
    ([0.34, 0.27], 0.6),
    ([0.50, 0.31], 0.7),
    ([0.66, 0.27], 0.5),
    ([0.78, 0.19], 0.0),
];
/// Between the brows.
const FROWN: [FoldPoint; 4] =
    [([0.07, -0.36], 0.0), ([0.10, -0.25], 0.35), ([0.09, -0.14], 0.35), ([0.07, -0.06], 0.0)];

/// Folds on both sides of the face: dark along their line, a little lighter above and outside it,
/// where the skin bulges. About -1 to 0.3.
fn folds() -> Raster {
    Raster::from_fn(FRAME, |column, row| {
        let x = (column as f32 - MIDDLE).abs() / PUPIL_DISTANCE;
        let y = (row as f32 - PUPIL_ROW) / PUPIL_DISTANCE;
        let folds: [&[FoldPoint]; 4] = [&NOSE_TO_MOUTH, &MOUTH_TO_CHIN, &BELOW_THE_EYE, &FROWN];
        folds.into_iter().map(|points| fold(points, [x, y])).sum()
    })
}

/// Brightness of one fold at a place.
fn fold(points: &[FoldPoint], [x, y]: [f32; 2]) -> f32 {
    let (mut nearest, mut depth, mut outside) = (f32::INFINITY, 0.0, false);
    for pair in points.windows(2) {
        let [(from, from_depth), (to, to_depth)] = [pair[0], pair[1]];
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let (px, py) = (x - from[0], y - from[1]);
        let along = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        let distance = (px - along * dx).hypot(py - along * dy);
        if distance < nearest {
            nearest = distance;
            depth = from_depth + along * (to_depth - from_depth);
            outside = dx * py - dy * px < 0.0;
        }
    }
    let dark = (-(nearest / 0.035).powi(2)).exp();
    let light = if outside { 0.3 * (-((nearest - 0.09) / 0.06).powi(2)).exp() } else { 0.0 };
    depth * (light - dark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(folds: &Raster, x: f32, y: f32) -> f32 {
        folds.at([MIDDLE + x * PUPIL_DISTANCE, PUPIL_ROW + y * PUPIL_DISTANCE])
    }

    #[test]
    fn folds_are_dark_on_both_sides_and_nowhere_else() {
        let folds = folds();
        for side in [-1.0, 1.0] {
            assert!(at(&folds, 0.46 * side, 0.76) < -0.8); // beside the mouth
            assert!(at(&folds, 0.56 * side, 0.74) > 0.1); // the cheek bulges outside it
            assert!(at(&folds, 0.50 * side, 0.31) < -0.5); // below the eye
            assert!(at(&folds, 0.50 * side, 0.24) > 0.05); // the bag
        }
        assert!(at(&folds, 0.0, 0.9).abs() < 0.01); // between nose and lip
        assert!(at(&folds, 0.0, -0.8).abs() < 0.01); // forehead
    }

    #[test]
    fn there_are_no_wrinkles_outside_the_skin() {
        let face = Raster::from_fn(FRAME, |_, _| 20.0);
        let bare = Raster::from_fn(FRAME, |_, _| 0.0);
        assert!(wrinkles(&face, &bare).values().iter().all(|value| *value == 0.0));
        let skin = Raster::from_fn(FRAME, |_, _| 1.0);
        let deepest = wrinkles(&face, &skin).values().iter().fold(0.0_f32, |a, b| a.min(*b));
        assert!((-0.15..-0.04).contains(&deepest), "{deepest}");
    }
}
