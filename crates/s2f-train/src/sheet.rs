//! Sheets of pictures for visual inspection.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use speech2face::{ModelId, composite_png, synthetic_png};

use crate::TrainError;

/// Pictures in a row.
pub(crate) const COLUMNS: usize = 8;

/// What is on a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Generated faces alone.
    Generated,
    /// Generated faces, and photographs or averages of them.
    WithPhotographs,
}

/// A network by its name and its file of weights.
pub(crate) fn finished(name: &str, weights: &[u8]) -> ModelId {
    ModelId { name: name.to_owned(), sha256: s2f_core::hash::sha256(weights) }
}

/// A network during its training, whose weights are in no file: their hash is written as zeros.
pub(crate) fn in_training(name: &str) -> ModelId {
    ModelId { name: name.to_owned(), sha256: "0".repeat(64) }
}

/// Rows of pictures `[n, 3, side, side]`, 0 to 1, one above the other: picture by picture what is
/// compared. As [`png`].
pub(crate) fn above_one_another(
    rows: [Tensor<4>; 2],
    content: Content,
    model: &ModelId,
) -> Result<Vec<u8>, TrainError> {
    let columns = rows[0].dims()[0];
    in_rows(Tensor::cat(rows.to_vec(), 0), columns, content, model)
}

/// Pictures `[n, 3, side, side]`, 0 to 1, side by side in rows of [`COLUMNS`], as a PNG that is
/// marked as synthetic and as made by `model`.
pub(crate) fn png(
    pictures: Tensor<4>,
    content: Content,
    model: &ModelId,
) -> Result<Vec<u8>, TrainError> {
    in_rows(pictures, COLUMNS, content, model)
}

fn in_rows(
    pictures: Tensor<4>,
    columns: usize,
    content: Content,
    model: &ModelId,
) -> Result<Vec<u8>, TrainError> {
    let [count, _, side, _] = pictures.dims();
    let columns = columns.min(count);
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
    let encode = match content {
        Content::Generated => synthetic_png,
        Content::WithPhotographs => composite_png,
    };
    Ok(encode([width as u32, height as u32], &pixels, model)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_people_stay_above_one_another() {
        let row = |value: f32| Tensor::<4>::ones([3, 3, 2, 2], &Device::flex()) * value;
        let png = above_one_another([row(0.2), row(0.6)], Content::Generated, &in_training("a"));
        let sheet = image::load_from_memory(&png.unwrap()).unwrap().to_rgb8();
        assert_eq!(sheet.dimensions(), (6, 4));
        for x in 0..6 {
            assert_eq!([1, 2].map(|y| sheet.get_pixel(x, y).0), [[51; 3], [153; 3]]);
        }
    }

    #[test]
    fn a_sheet_is_marked_and_has_its_pictures_in_rows() {
        let pictures = Tensor::<4>::ones([COLUMNS + 1, 3, 2, 2], &Device::flex()) * 0.2;
        for (content, start, source) in [
            (Content::Generated, "Synthetic image.", "/trainedAlgorithmicMedia"),
            (Content::WithPhotographs, "Photographs of people", "/compositeWithTrained"),
        ] {
            let model = finished("name of the model", b"abc");
            let png = png(pictures.clone(), content, &model).unwrap();
            let has = |text: &str| png.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(has(&format!("Description\0{start}")) && has(source), "{content:?}");
            // printf abc | sha256sum
            let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert!(has(&format!("name of the model, SHA-256 {hash}")));
            let sheet = image::load_from_memory(&png).unwrap().to_rgb8();
            assert_eq!(sheet.dimensions(), (2 * COLUMNS as u32, 4));
            assert_eq!((sheet.get_pixel(0, 2).0, sheet.get_pixel(2, 2).0), ([51; 3], [255; 3]));
        }
        assert_eq!(in_training("run").sha256.len(), 64);
    }
}
