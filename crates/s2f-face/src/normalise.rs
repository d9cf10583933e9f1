//! From a photograph with landmarks to a face of one shape, light and background.
//!
//! The way the project warps, here and in the face decoder: T is the texture in the mean shape, L
//! are the landmarks of a face, M those of the mean shape, all in the frame of 224x224 pixels.
//! Rendering: picture(y) = T(y − u(y)), where u is the thin-plate spline with u = L − M at the
//! points L and u = 0 at the [`border_points`]. Extraction: T(x) = picture(x + v(x)), where
//! v = L − M at the points M and 0 at the border points.

use image::{Rgb, RgbImage};

use crate::landmarks::{LANDMARK_COUNT, LANDMARKS, PUPILS, check_count, select_landmarks};
use crate::picture::Samples;
use crate::{FaceError, Similarity, ThinPlate};

/// Side of the frame in pixels.
pub const FRAME: usize = 224;

/// Distance of the pupils of the mean shape in pixels.
pub const PUPIL_DISTANCE: f32 = 50.0;

/// Row of the pupils of the mean shape.
pub const PUPIL_ROW: f32 = 102.0;

/// Column of the middle of the mean shape: between the two middle columns of pixels.
pub const MIDDLE: f32 = (FRAME as f32 - 1.0) / 2.0; // 111.5

/// How far outside of the outermost pixel centres the border points lie, in pixels.
pub const BORDER_MARGIN: f32 = 32.0;

/// Border points along each side, corners included.
pub const BORDER_POINTS_PER_SIDE: usize = 5;

/// Number of border points.
pub const BORDER_POINTS: usize = 4 * (BORDER_POINTS_PER_SIDE - 1); // 16

/// Points around the frame that no warp moves, evenly spaced on a square; row by row.
pub fn border_points() -> [[f32; 2]; BORDER_POINTS] {
    let low = -BORDER_MARGIN;
    let step = (FRAME as f32 - 1.0 + 2.0 * BORDER_MARGIN) / (BORDER_POINTS_PER_SIDE - 1) as f32;
    let last = BORDER_POINTS_PER_SIDE - 1;
    let mut points = [[0.0; 2]; BORDER_POINTS];
    let mut next = 0;
    for row in 0..=last {
        for column in 0..=last {
            if row == 0 || row == last || column == 0 || column == last {
                points[next] = [low + step * column as f32, low + step * row as f32];
                next += 1;
            }
        }
    }
    points
}

/// The shape that textures are brought to: symmetric, pupils level at [`PUPIL_ROW`],
/// [`PUPIL_DISTANCE`] apart.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanShape {
    points: Vec<[f32; 2]>,
}

/// A face in the mean shape, with the shape it had.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalisedFace {
    /// `[LANDMARK_COUNT]` points in pixels of the frame.
    pub landmarks: Vec<[f32; 2]>,
    /// `[3, 224, 224]`, sRGB from 0 to 1: the picture warped to the mean shape.
    pub texture: Vec<f32>,
}
