//! The frame of normalised faces: 224x224 pixels, where the pupils lie in it, and the points around
//! it that no warp moves.

/// Side of the frame in pixels.
pub const FRAME: usize = 224;

/// Distance between the pupils of the mean shape in pixels. The whole head with its hair, the
/// neck and the beginning of the shoulders fit.
pub const PUPIL_DISTANCE: f32 = 44.0;

/// Row of the pupils of the mean shape, in pixels.
pub const PUPIL_ROW: f32 = 100.0;

/// Column of the mean shape's axis of symmetry, in pixels: between the two middle columns.
pub const MIDDLE: f32 = (FRAME as f32 - 1.0) / 2.0; // 111.5

/// The plain background of a normalised portrait: the sRGB value of all three channels, 0 to 1.
pub const BACKGROUND: f32 = 0.72;

/// Distance of the border points from the outermost pixel centres, outwards, in pixels.
pub const BORDER_MARGIN: f32 = 32.0;

/// Border points along each side, corners included.
pub const BORDER_POINTS_PER_SIDE: usize = 5;

/// Number of border points.
pub const BORDER_POINTS: usize = 4 * (BORDER_POINTS_PER_SIDE - 1); // 16

/// The points around the frame that no warp moves, in pixels of the frame: evenly spaced on a
/// square, row by row.
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

/// Pixels of the frame.
pub(crate) const PIXELS: usize = FRAME * FRAME;

/// Weights of R, G and B in luma, ITU-R BT.601.
pub(crate) const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Where the left and the right pupil of the mean shape lie, in pixels of the frame.
pub(crate) const PUPIL_POINTS: [[f32; 2]; 2] =
    [[MIDDLE - PUPIL_DISTANCE / 2.0, PUPIL_ROW], [MIDDLE + PUPIL_DISTANCE / 2.0, PUPIL_ROW]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn border_points_surround_the_frame() {
        let border = border_points();
        assert_eq!(border[0], [-32.0, -32.0]);
        assert_eq!(border[1], [39.75, -32.0]);
        assert_eq!(border[BORDER_POINTS - 1], [255.0, 255.0]);
        assert!(border.iter().all(|p| p.iter().any(|v| *v == -32.0 || *v == 255.0)));
    }
}
