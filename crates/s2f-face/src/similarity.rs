//! Similarity transforms from points, and the aligned crop of the face encoder.

use image::RgbImage;

use crate::FaceError;
use crate::picture::resampled;

/// Side of the face encoder's input, in pixels.
pub const MOBILEFACE_SIDE: u32 = 112;

/// Where the five points of a face go in the face encoder's 112x112 input, in pixels: left eye,
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

/// A turn, a scale and a shift of the plane: (x, y) goes to
/// (a·x − b·y + tx, b·x + a·y + ty).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Scale times the cosine of the angle.
    pub a: f64,
    /// Scale times the sine of the angle.
    pub b: f64,
    /// Shift to the right.
    pub tx: f64,
    /// Shift down.
    pub ty: f64,
}

impl Similarity {
    /// The transform that brings `from` closest to `to` in the sense of least squares, without
    /// reflection.
    ///
    /// Method: Umeyama, "Least-squares estimation of transformation parameters between two point
    /// patterns", PAMI 1991; in the plane it has this closed form.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] where the lists differ in length, [`FaceError::Degenerate`]
    /// where `from` has less than two different points or a number is not finite.
    pub fn fit(from: &[[f32; 2]], to: &[[f32; 2]]) -> Result<Self, FaceError> {
        let operation = "similarity transform";
        if from.len() != to.len() {
            let (expected, found) = (from.len(), to.len());
            return Err(FaceError::PointCount { operation, expected, found });
        }
        let (from_x, from_y) = mean(from);
        let (to_x, to_y) = mean(to);
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (f64::from(p[0]) - from_x, f64::from(p[1]) - from_y);
            let (qx, qy) = (f64::from(q[0]) - to_x, f64::from(q[1]) - to_y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (dot / spread, cross / spread);
        let found =
            Self { a, b, tx: to_x - a * from_x + b * from_y, ty: to_y - b * from_x - a * from_y };
        let usable = spread > 0.0 && found.scale() > 0.0 && (found.tx + found.ty).is_finite();
        if usable { Ok(found) } else { Err(FaceError::Degenerate { operation }) }
    }

    /// The transform applied to a point.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = (f64::from(x), f64::from(y));
        [(self.a * x - self.b * y + self.tx) as f32, (self.b * x + self.a * y + self.ty) as f32]
    }

    /// The transform that undoes this one.
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, tx: -a * self.tx + b * self.ty, ty: -b * self.tx - a * self.ty }
    }

    /// Length of the picture of a unit length.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }
}

/// Crops a face for the face encoder: the five `points` of `picture` (in the order of
/// [`MOBILEFACE_TEMPLATE`]) go to the template in a 112x112 picture.
///
/// A face larger than the template is shrunk with a wider kernel, so that it does not alias. What
/// lies outside of the picture repeats its edge.
///
/// # Errors
/// [`FaceError::Degenerate`] where the points coincide or are not finite.
pub fn mobileface_crop(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<RgbImage, FaceError> {
    let back = Similarity::fit(points, &MOBILEFACE_TEMPLATE)?.inverse();
    Ok(resampled(picture, &back, MOBILEFACE_SIDE))
}

fn mean(points: &[[f32; 2]]) -> (f64, f64) {
    let n = points.len() as f64;
    let x: f64 = points.iter().map(|p| f64::from(p[0])).sum();
    let y: f64 = points.iter().map(|p| f64::from(p[1])).sum();
    (x / n, y / n)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::reference::{published, read_npy, reference_file};

    // Reference: reference/face/align.py, Umeyama's method with NumPy's SVD. Both compute in
    // double precision on single precision points.
    #[test]
    fn agrees_with_umeyama() {
        let (_, rows) = read_npy::<f64>(&reference_file("align.npy"));
        for row in rows.as_chunks::<24>().0 {
            let points = |numbers: &[f64]| -> Vec<[f32; 2]> {
                let pairs = numbers.as_chunks::<2>().0;
                pairs.iter().map(|pair| pair.map(|number| number as f32)).collect()
            };
            let found = Similarity::fit(&points(&row[..10]), &points(&row[10..20])).unwrap();
            for (found, expected) in
                [found.a, found.b, found.tx, found.ty].into_iter().zip(&row[20..])
            {
                assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()));
            }
        }
    }

    #[test]
    fn the_inverse_undoes() {
        let turn = Similarity { a: 0.3, b: -1.2, tx: 40.0, ty: -7.0 };
        let [x, y] = turn.inverse().apply(turn.apply([13.0, 21.0]));
        assert!((x - 13.0).hypot(y - 21.0) < 1e-4);
    }

    #[test]
    fn points_that_coincide_are_an_error() {
        let picture = RgbImage::new(20, 20);
        assert!(mobileface_crop(&picture, &[[3.0, 3.0]; 5]).is_err());
        assert!(mobileface_crop(&picture, &[[f32::NAN, 3.0]; 5]).is_err());
        assert!(Similarity::fit(&[], &[]).is_err());
        assert!(Similarity::fit(&[[1.0, 2.0]], &[]).is_err());
    }

    // Of a smooth picture every filter gives the value at the place: what is left is rounding.
    #[test]
    fn a_crop_shows_the_picture_at_the_places_of_the_template() {
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
        let Some(models) = published("models/reference/mobileface") else { return };
        let (_, template) = read_npy::<f32>(&models.join("template_112_f32.npy"));
        assert_eq!(template, MOBILEFACE_TEMPLATE.as_flattened());
    }
}
