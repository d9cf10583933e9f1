//! Reads picture files: PNG and JPEG, upright, within limits.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::FaceError;

/// Maximum size of a picture file, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Maximum width and height of a picture, in pixels.
pub const MAX_SIDE: u32 = 8192;

/// Reads a PNG or JPEG file as 8-bit RGB. The EXIF orientation is applied.
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
    decode_picture(&bytes).map_err(|source| FaceError::Decode {
        path: path.into(),
        limit: MAX_SIDE,
        source,
    })
}

/// Decodes the bytes of a PNG or JPEG file as [`read_picture`] does.
///
/// # Errors
/// The decoder's error; the caller adds where the bytes come from.
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
        bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert!(decode_picture(&bytes).is_err());
        assert!(decode_picture(&[]).is_err());
    }
}
