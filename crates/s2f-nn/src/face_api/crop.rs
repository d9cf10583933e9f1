//! The crop of a face that both networks were trained on.

use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};

/// Side of the crop, in pixels.
pub const CROP_SIDE: usize = 112;

/// Cuts the same box out of each picture, pads it with black to a square around its centre and
/// scales it to 112 × 112 pixels.
///
/// `face` is a face detector's box: x, y, width and height in pixels. As in face-api.js, each of
/// them is rounded down and the box is clipped to the picture; at least one pixel is kept. Scaling
/// is bilinear without smoothing: for boxes far larger than 112 pixels, smooth the picture first.
///
/// # Shapes
/// - `pictures`: `[n, channels, height, width]`, values of any range
/// - output: `[n, channels, 112, 112]`
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s2f_nn::face_api::square_crop;
///
/// let picture = Tensor::<4>::ones([1, 3, 240, 320], &Device::flex());
/// let crop = square_crop(picture, [100.0, 60.0, 80.0, 110.0]);
/// assert_eq!(crop.dims(), [1, 3, 112, 112]);
/// ```
pub fn square_crop(pictures: Tensor<4>, face: [f32; 4]) -> Tensor<4> {
    let [n, channels, height, width] = pictures.dims();
    let [x, y, face_width, face_height] = face.map(|v| v.floor() as i64);
    let columns = inside(x, face_width, width);
    let rows = inside(y, face_height, height);
    let side = columns.len().max(rows.len());
    let left = (side - columns.len()) / 2;
    let top = (side - rows.len()) / 2;
    let target = [0..n, 0..channels, top..top + rows.len(), left..left + columns.len()];
    let face = pictures.clone().slice([0..n, 0..channels, rows, columns]); // [n, channels, rows, columns]
    let square = Tensor::zeros([n, channels, side, side], &pictures.device()).slice_assign(target, face);
    let scaling = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(false)
        .with_output_size([CROP_SIDE, CROP_SIDE]);
    interpolate(square, scaling) // [n, channels, 112, 112]
}

/// The part of `start..start + length` that lies in `0..size`; at least one index.
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
    use crate::tests::{Reference, largest_difference, cpu};

    /// Written by `reference/nn/face_crop.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/face_crop.safetensors");

    #[test]
    fn equals_pytorch() {
        let device = cpu();
        let reference = Reference::new(REFERENCE);
        let pictures = reference.floats::<4>("pictures", &device);
        let boxes = reference.values("boxes");
        for (i, face) in boxes.as_chunks().0.iter().enumerate() {
            let crop = square_crop(pictures.clone(), *face);
            let expected = reference.floats(&format!("crop{i}"), &device);
            // Weighted means of values up to 1 in single precision.
            let sampled = crop.slice(s![.., .., 3..;9, 5..;9]);
            assert!(largest_difference(sampled, expected) < 1e-5, "{face:?}");
        }
    }

    #[test]
    fn a_box_outside_the_picture_still_gives_a_crop() {
        let pictures = Tensor::ones([1, 3, 20, 30], &cpu());
        for face in [[-50.0, 5.0, 10.0, 10.0], [90.0, 90.0, 5.0, 5.0], [3.0, 3.0, 0.0, -4.0]] {
            assert_eq!(square_crop(pictures.clone(), face).dims(), [1, 3, CROP_SIDE, CROP_SIDE]);
        }
        let face = [f32::NAN, f32::INFINITY, f32::MAX, f32::MAX];
        assert_eq!(square_crop(pictures, face).dims(), [1, 3, CROP_SIDE, CROP_SIDE]);
    }
}
