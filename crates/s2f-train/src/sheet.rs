//! Sheets of pictures for visual inspection.

use burn::tensor::{Device, Tensor, TensorData};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::TrainError;

/// Pictures in a row.
pub(crate) const COLUMNS: usize = 8;

/// Pictures `[n, 3, side, side]`, 0 to 1, side by side in rows of [`COLUMNS`], as a PNG.
pub(crate) fn png(pictures: Tensor<4>) -> Result<Vec<u8>, TrainError> {
    let [count, _, side, _] = pictures.dims();
    let columns = COLUMNS.min(count);
    let (width, height) = (columns * side, count.div_ceil(columns) * side);
    let values: Vec<f32> = pictures.permute([0, 2, 3, 1]).into_data().iter().collect();
    let mut pixels = vec![255_u8; width * height * 3];
    for (index, row) in values.chunks_exact(side * 3).enumerate() {
        let (picture, y) = (index / side, index % side);
        let start = ((picture / columns * side + y) * width + picture % columns * side) * 3;
        for (pixel, value) in pixels[start..].iter_mut().zip(row) {
            *pixel = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|e| TrainError::Data(format!("cannot encode a picture as PNG: {e}")))?;
    Ok(bytes)
}

/// The first picture of `[n, 3, height, width]`, 0 to 1.
pub(crate) fn image(pictures: Tensor<4>) -> RgbImage {
    let [_, _, height, width] = pictures.dims();
    let values: Vec<f32> =
        pictures.narrow(0, 0, 1).permute([0, 2, 3, 1]).into_data().iter().collect();
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let start = (y as usize * width + x as usize) * 3;
        image::Rgb([0, 1, 2].map(|channel| byte(values[start + channel])))
    })
}

/// Pictures of one size as `[n, 3, height, width]`, 0 to 255.
pub(crate) fn tensor(pictures: &[RgbImage], device: &Device) -> Tensor<4> {
    let (width, height) = pictures.first().map_or((0, 0), RgbImage::dimensions);
    let values: Vec<f32> =
        pictures.iter().flat_map(|p| p.as_raw().iter().copied().map(f32::from)).collect();
    let shape = [pictures.len(), height as usize, width as usize, 3];
    Tensor::<4>::from_data(TensorData::new(values, shape), device).permute([0, 3, 1, 2])
}
