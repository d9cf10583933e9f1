//! The crop of a face that both networks were trained on.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};

/// Side of the crop, in pixels.
pub const CROP_SIDE: usize = 112;

/// The square around a face that is scaled to a crop of 112 × 112 pixels.
///
/// As in face-api.js, a face detector's box is rounded down and clipped to the picture, keeping at
/// least one pixel, and padded with black to a square around its centre.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s2f_nn::face_api::SquareCrop;
///
/// let picture = Tensor::<4>::ones([1, 3, 240, 320], &Device::flex());
/// let square = SquareCrop::new([100.0, 60.0, 80.0, 110.0], [320, 240]);
/// assert_eq!(square.cut(picture).dims(), [1, 3, 112, 112]);
/// assert_eq!(square.to_picture([0.5, 0.5]), [139.5, 114.5]); // the centre
/// ```
#[derive(Debug, Clone)]
pub struct SquareCrop {
    /// Columns of the picture in the square.
    columns: Range<usize>,
    /// Rows of the picture in the square.
    rows: Range<usize>,
}

impl SquareCrop {
    /// The square for a face detector's box, x, y, width and height in pixels, in a picture of the
    /// given width and height in pixels, which are not 0.
    pub fn new(face: [f32; 4], [width, height]: [usize; 2]) -> Self {
        let [x, y, face_width, face_height] = face.map(|value| value.floor() as i64);
        Self { columns: inside(x, face_width, width), rows: inside(y, face_height, height) }
    }

    /// Side of the square, pixels of the picture.
    fn side(&self) -> usize {
        self.columns.len().max(self.rows.len())
    }

    /// Black columns to the left of the picture's and black rows above them.
    fn padding(&self) -> [usize; 2] {
        [(self.side() - self.columns.len()) / 2, (self.side() - self.rows.len()) / 2]
    }

    /// Cuts the square out of each picture and scales it, bilinearly and without smoothing: for
    /// faces far larger than 112 pixels, smooth the picture first.
    ///
    /// # Shapes
    /// - `pictures`: `[n, channels, height, width]`, values of any range
    /// - output: `[n, channels, 112, 112]`
    pub fn cut(&self, pictures: Tensor<4>) -> Tensor<4> {
        let [n, channels, ..] = pictures.dims();
        let (columns, rows) = (self.columns.clone(), self.rows.clone());
        let [left, top] = self.padding();
        let target = [0..n, 0..channels, top..top + rows.len(), left..left + columns.len()];
        let black = Tensor::zeros([n, channels, self.side(), self.side()], &pictures.device());
        // [n, channels, rows, columns]
        let face = pictures.slice([0..n, 0..channels, rows, columns]);
        let square = black.slice_assign(target, face); // [n, channels, side, side]
        let scaling = InterpolateOptions::new(InterpolateMode::Bilinear)
            .with_align_corners(false)
            .with_output_size([CROP_SIDE, CROP_SIDE]);
        interpolate(square, scaling) // [n, channels, 112, 112]
    }

    /// The position in the picture, x and y in pixels with the centre of the first pixel at (0, 0),
    /// of a position in the crop, as a share of its side from its left and top edge.
    pub fn to_picture(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (side, [left, top]) = (self.side() as f32, self.padding());
        let position = |first: usize, padding: usize, share: f32| {
            first as f32 - padding as f32 + share * side - 0.5
        };
        [position(self.columns.start, left, x), position(self.rows.start, top, y)]
    }
}

/// The part of `start..start + length` that lies in `0..size`; at least one index.
fn inside(start: i64, length: i64, size: usize) -> Range<usize> {
    let limit = size as i64;
    let first = start.clamp(0, limit - 1);
    let end = start.saturating_add(length).clamp(first + 1, limit);
    first as usize..end as usize
}

#[cfg(test)]
mod tests {
    use burn::tensor::s;

    use super::*;
    use crate::tests::{Reference, cpu, largest_difference};

    /// Written by `reference/nn/face_crop.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/face_crop.safetensors");

    #[test]
    fn equals_pytorch() {
        let device = cpu();
        let reference = Reference::new(REFERENCE);
        let pictures = reference.floats::<4>("pictures", &device);
        let boxes = reference.values("boxes");
        for (i, face) in boxes.as_chunks().0.iter().enumerate() {
            let crop = SquareCrop::new(*face, [60, 40]).cut(pictures.clone());
            let expected = reference.floats(&format!("crop{i}"), &device);
            // Weighted means of values up to 1 in single precision.
            let sampled = crop.slice(s![.., .., 3..;9, 5..;9]);
            assert!(largest_difference(sampled, expected) < 1e-5, "{face:?}");
        }
    }

    #[test]
    fn a_box_outside_the_picture_still_gives_a_crop() {
        let pictures = Tensor::ones([1, 3, 20, 30], &cpu());
        let far = [f32::NAN, f32::INFINITY, f32::MAX, f32::MAX];
        let outside =
            [[-50.0, 5.0, 10.0, 10.0], [90.0, 90.0, 5.0, 5.0], [3.0, 3.0, 0.0, -4.0], far];
        for face in outside {
            let crop = SquareCrop::new(face, [30, 20]).cut(pictures.clone());
            assert_eq!(crop.dims(), [1, 3, CROP_SIDE, CROP_SIDE], "{face:?}");
        }
    }

    #[test]
    fn positions_in_the_crop_are_mapped_to_the_picture() {
        // A box of 40 × 60 at (30, 20): a square of 60 with 10 columns of padding on each side.
        let square = SquareCrop::new([30.7, 20.2, 40.9, 60.9], [200, 200]);
        assert_eq!(square.to_picture([0.0, 0.0]), [19.5, 19.5]);
        assert_eq!(square.to_picture([0.5, 0.5]), [49.5, 49.5]);
        // Half outside on the left: 20 columns of the picture in its middle.
        let square = SquareCrop::new([-20.0, 20.0, 40.0, 60.0], [200, 200]);
        assert_eq!(square.to_picture([0.5, 0.0]), [9.5, 19.5]);
    }
}
