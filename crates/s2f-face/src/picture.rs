//! Reading pictures, and sampling them between pixels without aliasing.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::FaceError;

/// Largest picture file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Largest width and height of a picture, in pixels.
pub const MAX_SIDE: u32 = 8192;

/// Reads a PNG or JPEG file as 8 bit RGB, turned upright as its EXIF orientation says.
///
/// # Errors
/// [`FaceError::Read`], [`FaceError::TooManyBytes`] or [`FaceError::Decode`], all naming the file.
pub fn read_picture(path: impl AsRef<Path>) -> Result<RgbImage, FaceError> {
    let path = path.as_ref();
    let read = |source| FaceError::Read { path: path.into(), source };
    let bytes = fs::metadata(path).map_err(read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(FaceError::TooManyBytes { path: path.into(), bytes, limit: MAX_FILE_BYTES });
    }
    let bytes = fs::read(path).map_err(read)?;
    decode_picture(&bytes).map_err(|source| FaceError::Decode {
        path: path.into(),
        limit: MAX_SIDE,
        source,
    })
}

/// Decodes the bytes of a PNG or JPEG file as [`read_picture`] does.
///
/// # Errors
/// Says what the decoder found, for the caller to add where the bytes come from.
pub fn decode_picture(bytes: &[u8]) -> Result<RgbImage, image::ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// The value of `picture` at (`x`, `y`), 0 to 255, with the Catmull-Rom kernel stretched to `step`
/// pixels. Beyond the edge the nearest pixel stands.
///
/// `step` is the distance of neighbouring samples in pixels of this picture: where it is above 1
/// the picture is shrunk, and the wider kernel keeps fine detail from aliasing.
pub(crate) fn sample(picture: &RgbImage, [x, y]: [f32; 2], step: f32) -> [f32; 3] {
    let step = step.max(1.0);
    let columns = Taps::new(x, step, picture.width());
    let rows = Taps::new(y, step, picture.height());
    let mut sum = [0.0; 3];
    let mut weight_sum = 0.0;
    for (row, row_weight) in rows.iter() {
        for (column, column_weight) in columns.iter() {
            let weight = row_weight * column_weight;
            for (total, value) in sum.iter_mut().zip(picture.get_pixel(column, row).0) {
                *total += weight * f32::from(value);
            }
            weight_sum += weight;
        }
    }
    sum.map(|total| total / weight_sum)
}

/// A value of 0 to 1 as a byte.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The pixels under the kernel along one axis.
struct Taps {
    first: i64,
    count: i64,
    position: f32,
    step: f32,
    last: i64,
}

impl Taps {
    fn new(position: f32, step: f32, length: u32) -> Self {
        let last = i64::from(length) - 1;
        // Far outside every tap is the edge pixel: the position need not go further.
        let reach = 2.0 * step;
        let position = position.clamp(-reach, last as f32 + reach);
        let first = (position - reach).ceil() as i64;
        let count = (position + reach).floor() as i64 - first + 1;
        Self { first, count, position, step, last }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, f32)> {
        (self.first..self.first + self.count).map(|tap| {
            let weight = catmull_rom((tap as f32 - self.position) / self.step);
            (tap.clamp(0, self.last) as u32, weight)
        })
    }
}

/// Cubic convolution with a = -1/2 (Keys, 1981), support 2.
fn catmull_rom(t: f32) -> f32 {
    let t = t.abs();
    if t < 1.0 {
        (1.5 * t - 2.5) * t * t + 1.0
    } else if t < 2.0 {
        ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    } else {
        0.0
    }
}
