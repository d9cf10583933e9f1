//! The aligned crop of a face: where MobileFace expects the five points.

use image::RgbImage;

use crate::resample::resampled;
use crate::{FaceError, Similarity};

/// Side of MobileFace's input, in pixels.
pub const MOBILEFACE_SIDE: u32 = 112;

/// Where an aligned face has its five points in MobileFace's 112x112 input, in pixels: left eye,
/// right eye (sides of the picture), tip of the nose, left and right corner of the mouth.
///
/// Source: alignment of MobileFace Identification V2.
pub const MOBILEFACE_TEMPLATE: [[f32; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];

/// The aligned crop that MobileFace reads, 112x112 pixels: the five `points` of `picture` (in the
/// order of [`MOBILEFACE_TEMPLATE`]) are mapped to the template by the best similarity transform.
///
/// A face larger than the template is reduced with a wider kernel, which prevents aliasing. Outside
/// the picture, its edge pixels are repeated.
///
/// # Errors
/// [`FaceError::Degenerate`] if the points coincide or are not finite.
pub fn mobileface_crop(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<RgbImage, FaceError> {
    let to_picture = Similarity::fit(points, &MOBILEFACE_TEMPLATE)?.inverse();
    Ok(resampled(picture, &to_picture, MOBILEFACE_SIDE))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::reference::read_npy;

    #[test]
    fn points_that_coincide_are_an_error() {
        let picture = RgbImage::new(20, 20);
        assert!(mobileface_crop(&picture, &[[3.0, 3.0]; 5]).is_err());
        assert!(mobileface_crop(&picture, &[[f32::NAN, 3.0]; 5]).is_err());
    }

    // Every filter reproduces a smooth picture, so only rounding is left.
    #[test]
    fn a_crop_has_the_five_points_at_the_template() {
        let wave = |[x, y]: [f32; 2]| {
            [127.0 + 90.0 * (x / 40.0).sin(), 127.0 + 90.0 * (y / 50.0).cos(), 0.2 * x + 0.3 * y]
        };
        let picture = RgbImage::from_fn(300, 300, |x, y| {
            Rgb(wave([x as f32, y as f32]).map(|value| value.round() as u8))
        });
        let place = Similarity { a: 2.1, b: 0.3, tx: 30.0, ty: 20.0 };
        let crop = mobileface_crop(&picture, &MOBILEFACE_TEMPLATE.map(|p| place.apply(p))).unwrap();
        assert_eq!(crop.dimensions(), (112, 112));
        for (x, y) in [(38, 51), (73, 51), (56, 71), (41, 92), (70, 92), (20, 20)] {
            let expected = wave(place.apply([x as f32, y as f32]));
            for (found, expected) in crop.get_pixel(x, y).0.into_iter().zip(expected) {
                assert!((f32::from(found) - expected).abs() < 1.5, "{x} {y}: {found} {expected}");
            }
        }
    }

    #[test]
    fn absurd_points_take_bounded_time() {
        let picture = RgbImage::from_pixel(50, 50, Rgb([7, 8, 9]));
        let crop = mobileface_crop(&picture, &MOBILEFACE_TEMPLATE.map(|p| p.map(|v| v * 1e9)));
        assert_eq!(crop.unwrap().get_pixel(50, 50), &Rgb([7, 8, 9]));
    }

    #[test]
    fn the_template_is_the_published_one() {
        let Some(models) = s2f_testing::data("models/reference/mobileface") else { return };
        let (_, template) = read_npy::<f32>(&models.join("template_112_f32.npy"));
        assert_eq!(template, MOBILEFACE_TEMPLATE.as_flattened());
    }
}
