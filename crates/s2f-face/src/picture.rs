//! Reading pictures, and sampling them between pixels without aliasing.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use crate::FaceError;
use crate::align::Similarity;

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

/// The value of `picture` at (`x`, `y`), 0 to 255; see [`Sampler`].
pub(crate) fn sample(picture: &RgbImage, place: [f32; 2], step: f32) -> [f32; 3] {
    Sampler::new(picture, step).at(place)
}

/// A square of `side` pixels whose pixels lie where `back` brings them in `picture`, without
/// aliasing: see [`Sampler`].
pub(crate) fn resampled(picture: &RgbImage, back: &Similarity, side: u32) -> RgbImage {
    let mut sampler = Sampler::new(picture, back.scale() as f32);
    RgbImage::from_fn(side, side, |column, row| {
        let place = back.apply([column as f32, row as f32]);
        Rgb(sampler.at(place).map(|value| value.round().clamp(0.0, 255.0) as u8))
    })
}

/// Reads a picture between its pixels with the Catmull-Rom kernel, stretched to `step` pixels.
/// Beyond the edge the nearest pixel stands.
///
/// `step` is the distance of neighbouring samples in pixels of this picture: where it is above 1
/// the picture is shrunk, and the wider kernel keeps fine detail from aliasing.
struct Sampler<'a> {
    picture: &'a RgbImage,
    step: f32,
    /// Columns under the kernel, as their place in a row of bytes, and their weights.
    columns: Vec<(usize, f32)>,
}

impl<'a> Sampler<'a> {
    fn new(picture: &'a RgbImage, step: f32) -> Self {
        // Bounds the time where points far off ask for an absurd scale.
        Self { picture, step: step.clamp(1.0, LARGEST_STEP), columns: Vec::new() }
    }

    fn at(&mut self, [x, y]: [f32; 2]) -> [f32; 3] {
        let (width, height) = self.picture.dimensions();
        let columns = Taps::new(x, self.step, width);
        let columns = columns.iter().map(|(column, weight)| (3 * column as usize, weight));
        self.columns.clear();
        self.columns.extend(columns);
        let across: f32 = self.columns.iter().map(|(_, weight)| weight).sum();
        let row_bytes = 3 * width as usize;
        let mut sum = [0.0; 3];
        let mut weights = 0.0;
        for (row, row_weight) in Taps::new(y, self.step, height).iter() {
            let bytes = &self.picture.as_raw()[row as usize * row_bytes..][..row_bytes];
            let mut row_sum = [0.0; 3];
            for &(place, weight) in &self.columns {
                for (sum, byte) in row_sum.iter_mut().zip(&bytes[place..place + 3]) {
                    *sum += weight * f32::from(*byte);
                }
            }
            for (sum, row_sum) in sum.iter_mut().zip(row_sum) {
                *sum += row_weight * row_sum;
            }
            weights += row_weight;
        }
        sum.map(|sum| sum / (weights * across))
    }
}

/// Largest stretch of the kernel: a face across all of the largest picture needs about as much.
const LARGEST_STEP: f32 = 64.0;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, reference_file};

    // Reference: reference/face/picture.py, Pillow's bicubic filter, which is the same kernel. Pillow
    // rounds to bytes between its two passes and cuts the kernel at the edge: inside, one step of a
    // byte is left.
    #[test]
    fn shrinking_agrees_with_pillow() {
        let (shape, input) = read_npy::<u8>(&reference_file("shrink_input.npy"));
        let picture = RgbImage::from_raw(shape[1] as u32, shape[0] as u32, input).unwrap();
        let (shape, expected) = read_npy::<u8>(&reference_file("shrink_output.npy"));
        let step = picture.width() as f32 / shape[1] as f32;
        for row in 2..shape[0] - 2 {
            for column in 2..shape[1] - 2 {
                let place = [column, row].map(|index| (index as f32 + 0.5) * step - 0.5);
                let found = sample(&picture, place, step);
                let first = 3 * (row * shape[1] + column);
                for (found, expected) in found.into_iter().zip(&expected[first..first + 3]) {
                    let difference = found.clamp(0.0, 255.0) - f32::from(*expected);
                    assert!(difference.abs() <= 1.1, "{row} {column}: {difference}");
                }
            }
        }
    }

    #[test]
    fn samples_at_pixels_are_the_pixels_and_the_edge_repeats() {
        let picture = RgbImage::from_fn(5, 4, |x, y| Rgb([(40 * x) as u8, (50 * y) as u8, 9]));
        let check = |place: [f32; 2], expected: [f32; 3]| {
            let found = sample(&picture, place, 1.0);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
        };
        check([2.0, 3.0], [80.0, 150.0, 9.0]);
        check([-7.0, 1.0], [0.0, 50.0, 9.0]);
        check([1e9, -1e9], [160.0, 0.0, 9.0]);
    }

    #[test]
    fn pictures_are_turned_upright() {
        let picture = read_picture(reference_file("turned.jpg")).unwrap();
        assert_eq!(picture.dimensions(), (16, 24));
        let [red, _, blue] = picture.get_pixel(8, 4).0;
        assert!(red > 240 && blue < 15);
        let [red, _, blue] = picture.get_pixel(8, 20).0;
        assert!(red < 15 && blue > 240);
    }

    #[test]
    fn unreadable_pictures_are_named() {
        let check = |name: &str, part: &str| {
            let text = read_picture(reference_file(name)).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(part), "{text}");
        };
        check("missing.png", "cannot be read");
        check("picture.py", "not a readable picture");
        // A header that promises 100 000 x 100 000 pixels is refused before memory is taken.
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([100_000_u32, 100_000].map(u32::to_be_bytes).as_flattened());
        bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert!(decode_picture(&bytes).is_err());
        assert!(decode_picture(&[]).is_err());
    }
}
