//! The crop that the networks of face-api.js were trained on.

use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};

/// Side of the crop, in pixels.
pub const SIDE: usize = 112;

/// Cuts the same box out of each picture, pads it to a centred square with black and scales it to
/// 112 × 112 pixels.
///
/// The box is x, y, width and height in pixels, as a face detector gives it. As in face-api.js,
/// its numbers are rounded down and what lies outside the picture is cut off; at least one pixel
/// is kept. Scaling is bilinear without smoothing: at boxes far larger than 112 pixels, smooth
/// first.
///
/// # Shapes
/// - `pictures`: `[n, c, h, w]`
/// - output: `[n, c, 112, 112]`
pub fn square_crop(pictures: Tensor<4>, face: [f32; 4]) -> Tensor<4> {
    let [n, c, height, width] = pictures.dims();
    let [x, y, face_width, face_height] = face.map(|v| v.floor() as i64);
    let columns = inside(x, face_width, width);
    let rows = inside(y, face_height, height);
    let side = columns.len().max(rows.len());
    let left = (side - columns.len()) / 2;
    let top = (side - rows.len()) / 2;
    let target = [0..n, 0..c, top..top + rows.len(), left..left + columns.len()];
    let face = pictures.clone().slice([0..n, 0..c, rows, columns]); // [n, c, rows, columns]
    let square = Tensor::zeros([n, c, side, side], &pictures.device()).slice_assign(target, face);
    let scaling = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(false)
        .with_output_size([SIDE, SIDE]);
    interpolate(square, scaling) // [n, c, 112, 112]
}

/// The part of `start..start + length` that lies in `0..size`, at least one long.
fn inside(start: i64, length: i64, size: usize) -> std::ops::Range<usize> {
    let limit = size as i64;
    let first = start.clamp(0, limit - 1);
    let end = start.saturating_add(length).clamp(first + 1, limit);
    first as usize..end as usize
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, s};

    use super::*;
    use crate::reference::{Reference, largest_difference};

    /// Written by `reference/nn/face_crop.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/face_crop.safetensors");

    #[test]
    fn equals_pytorch() {
        let device = Device::flex();
        let reference = Reference::new(REFERENCE);
        let pictures = reference.floats::<4>("pictures", &device);
        let boxes = reference.numbers("boxes");
        for (i, face) in boxes.as_chunks().0.iter().enumerate() {
            let crop = square_crop(pictures.clone(), *face);
            let expected = reference.floats(&format!("crop{i}"), &device);
            // Weighted means of numbers up to 1 in single precision.
            let thinned = crop.slice(s![.., .., 3..;9, 5..;9]);
            assert!(largest_difference(thinned, expected) < 1e-5, "{face:?}");
        }
    }

    #[test]
    fn a_box_outside_the_picture_still_gives_a_crop() {
        let pictures = Tensor::ones([1, 3, 20, 30], &Device::flex());
        for face in [[-50.0, 5.0, 10.0, 10.0], [90.0, 90.0, 5.0, 5.0], [3.0, 3.0, 0.0, -4.0]] {
            assert_eq!(square_crop(pictures.clone(), face).dims(), [1, 3, SIDE, SIDE]);
        }
        let face = [f32::NAN, f32::INFINITY, f32::MAX, f32::MAX];
        assert_eq!(square_crop(pictures, face).dims(), [1, 3, SIDE, SIDE]);
    }
}
