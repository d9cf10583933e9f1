//! Reads picture files: JPEG, PNG and WebP, upright, within limits, and only whole ones.
//!
//! Decoders repair what is broken: a JPEG that ends early becomes grey below. A picture that would
//! have to be repaired is refused instead.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::FaceError;
use crate::detect::resize;
use crate::picture_error::{MAX_PIXELS, MAX_SIDE, PictureError};

mod jpeg;

/// Maximum size of a picture file, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Larger pictures are decoded one at a time, and then reduced to this number of pixels at most.
const LARGE_PIXELS: u64 = 32_000_000;
static LARGE: Mutex<()> = Mutex::new(());

/// Reads a JPEG, PNG or WebP file as 8-bit RGB. The EXIF orientation is applied. A picture of more
/// than 32 megapixels is reduced.
///
/// # Errors
/// [`FaceError::Read`], [`FaceError::TooManyBytes`] or [`FaceError::Decode`]; each names the file.
pub fn read_picture(path: impl AsRef<Path>) -> Result<RgbImage, FaceError> {
    let path = path.as_ref();
    let read = |source| FaceError::Read { path: path.into(), source };
    let bytes = fs::metadata(path).map_err(read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(FaceError::TooManyBytes { path: path.into(), bytes, limit: MAX_FILE_BYTES });
    }
    let bytes = fs::read(path).map_err(read)?;
    decode_picture(&bytes).map_err(|source| FaceError::Decode { path: path.into(), source })
}

/// Decodes the bytes of a picture file as [`read_picture`] does.
///
/// # Errors
/// [`PictureError`]; the caller adds where the bytes come from.
pub fn decode_picture(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    if let Some(format) = unsupported(bytes) {
        return Err(PictureError::Unsupported(format));
    }
    let cursor = Cursor::new(bytes);
    let mut reader =
        ImageReader::new(cursor).with_guessed_format().map_err(image::ImageError::from)?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    // This module has limits of its own, which name themselves.
    reader.limits(Limits::no_limits());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(PictureError::TooLarge { width, height });
    }
    let _alone =
        (pixels > LARGE_PIXELS).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let orientation = decoder.orientation()?;
    let mut picture = if is_jpeg {
        let samples = jpeg::Samples::of(bytes).ok_or(PictureError::BrokenOff)?;
        if samples.are_sequential {
            // The decoder makes up what is missing before the mark of the end, but not before the
            // end of the bytes. It reads a few bytes ahead.
            whole_jpeg(&[&bytes[..samples.end], &[0; 16]].concat())?
        } else {
            whole_jpeg(bytes)?
        }
    } else {
        DynamicImage::from_decoder(decoder)?
    };
    if pixels > LARGE_PIXELS {
        picture = DynamicImage::ImageRgb8(reduced(picture.into_rgb8(), pixels)?);
    }
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// Decodes a JPEG that needs no repair.
fn whole_jpeg(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let damaged = |reason: &dyn std::fmt::Display| PictureError::Damaged(reason.to_string());
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if is_grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(colours));
    let pixels = decoder.decode().map_err(|error| damaged(&error))?;
    let size = |length: usize| u32::try_from(length).unwrap_or(0);
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let (width, height) = (size(width), size(height));
    let picture = if is_grey {
        image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    picture.ok_or_else(|| damaged(&"it has fewer pixels than it says"))
}

/// A picture of so many pixels with at most [`LARGE_PIXELS`].
fn reduced(picture: RgbImage, pixels: u64) -> Result<RgbImage, PictureError> {
    let scale = (LARGE_PIXELS as f64 / pixels as f64).sqrt();
    let side = |length: u32| ((f64::from(length) * scale) as u32).max(1);
    let (width, height) = picture.dimensions();
    resize(&picture, side(width), side(height)).map_err(PictureError::Damaged)
}

/// The name of a picture format that is not read.
fn unsupported(bytes: &[u8]) -> Option<&'static str> {
    match (bytes.get(4..8), bytes.get(8..12)) {
        (Some(b"ftyp"), Some(b"avif" | b"avis")) => return Some("AVIF"),
        (
            Some(b"ftyp"),
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1"),
        ) => {
            return Some("HEIC");
        }
        _ => {}
    }
    let starts: [(&[u8], &str); 7] = [
        (b"GIF8", "GIF"),
        (b"BM", "BMP"),
        (b"II*\0", "TIFF or raw"),
        (b"MM\0*", "TIFF or raw"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    ];
    starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::reference_file;

    #[test]
    fn exif_orientation_is_applied() {
        let picture = read_picture(reference_file("turned.jpg")).unwrap();
        assert_eq!(picture.dimensions(), (16, 24));
        let [red, _, blue] = picture.get_pixel(8, 4).0;
        assert!(red > 240 && blue < 15);
        let [red, _, blue] = picture.get_pixel(8, 20).0;
        assert!(red < 15 && blue > 240);
    }

    #[test]
    fn errors_name_the_file() {
        let check = |name: &str, part: &str| {
            let text = read_picture(reference_file(name)).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(part), "{text}");
        };
        check("missing.png", "cannot be read");
        check("picture.py", "not a readable picture");
        // A header with 100 000 x 100 000 pixels is refused before memory is reserved.
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([100_000_u32, 100_000].map(u32::to_be_bytes).as_flattened());
        bytes.extend([8, 2, 0, 0, 0]);
        bytes.extend(0x2730_9c9f_u32.to_be_bytes()); // CRC-32 of the chunk, by Python's zlib
        bytes.extend(b"\0\0\0\x10IDAT"); // where the header ends
        bytes.extend([0; 20]);
        let huge = decode_picture(&bytes).unwrap_err();
        assert!(matches!(huge, PictureError::TooLarge { width: 100_000, .. }), "{huge}");
        assert!(decode_picture(&[]).is_err());
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1"[..], "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "AVIF"),
            (b"GIF89a", "GIF"),
        ] {
            let error = decode_picture(bytes).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    /// A picture with detail everywhere, as a file.
    fn encoded(format: ImageFormat) -> (RgbImage, Vec<u8>) {
        let picture = RgbImage::from_fn(160, 120, |x, y| {
            image::Rgb([(x * 7 + y * 3) as u8, (x * y) as u8, (x + 5 * y) as u8])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        (picture, bytes.into_inner())
    }

    #[test]
    fn a_picture_that_ends_early_is_refused_wherever_that_is() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let (picture, bytes) = encoded(format);
            let whole = decode_picture(&bytes).unwrap();
            assert_eq!(whole.dimensions(), picture.dimensions());
            for end in (0..bytes.len() - 2).step_by(37) {
                assert!(decode_picture(&bytes[..end]).is_err(), "{format:?} {end}");
            }
            // What follows the picture does not matter.
            assert_eq!(decode_picture(&[&bytes[..], &[0; 50]].concat()).unwrap(), whole);
        }
    }

    #[test]
    fn a_jpeg_that_was_given_an_end_is_refused_too() {
        let (_, bytes) = encoded(ImageFormat::Jpeg);
        for share in [30, 50, 70, 90] {
            let mut cut = bytes[..bytes.len() * share / 100].to_vec();
            // Zeros, as a download that was broken off leaves them, or the mark of the end.
            let zeros = [&cut[..], &vec![0; bytes.len() - cut.len()]].concat();
            assert!(decode_picture(&zeros).is_err(), "{share} %");
            cut.extend([0xff, 0xd9]);
            assert!(decode_picture(&cut).is_err(), "{share} %");
        }
    }

    #[test]
    fn a_strict_decoder_gives_the_same_pixels() {
        let (_, bytes) = encoded(ImageFormat::Jpeg);
        let other = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(decode_picture(&bytes).unwrap(), other);
    }
}
