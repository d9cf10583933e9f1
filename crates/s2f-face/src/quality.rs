//! Quality measures of a face in a picture: size, head pose and sharpness.
//!
//! The five points of a face are in the order of [`MOBILEFACE_TEMPLATE`], in pixels of the picture.

use image::RgbImage;

use crate::align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE};
use crate::resample::resampled;
use crate::{FaceError, Similarity};

/// The size of a face: the side, in pixels of the picture, of the square that MobileFace's crop
/// covers. It reaches from forehead to chin, about three times the distance between the eyes. All
/// five points contribute, so turning the head changes it little.
///
/// # Errors
/// [`FaceError::Degenerate`] if the points coincide or are not finite.
pub fn face_side(points: &[[f32; 2]; 5]) -> Result<f32, FaceError> {
    let there = Similarity::fit(points, &MOBILEFACE_TEMPLATE)?;
    Ok((f64::from(MOBILEFACE_SIDE) / there.scale()) as f32)
}

/// The pose of a head relative to the camera, in degrees; 0 is frontal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadPose {
    /// Sideways: positive towards the right of the picture.
    pub yaw_deg: f32,
    /// Up and down: positive towards the bottom of the picture.
    pub pitch_deg: f32,
    /// The angle between the direction of the face and the camera, which combines both.
    pub angle_deg: f32,
}

/// Distance of the tip of the nose from the plane of the eyes and the corners of the mouth, in
/// pixels of the 112x112 crop: 22 mm in a face with eyes 63 mm apart, which is 35.2 pixels. Noses
/// vary by a fifth of that, and so do the angles.
const NOSE_DEPTH: f64 = 22.0 / 63.0 * 35.2;

/// Offset of a frontal face's tip of the nose from the template's, in pixels of the 112x112 crop:
/// the detector places it lower. Mean of 204 frontal portraits (Face Research Lab London Set).
const NOSE_OFFSET: [f64; 2] = [0.4, 2.8];

impl HeadPose {
    /// Estimates the pose from the five points of a face.
    ///
    /// Eyes and corners of the mouth lie nearly in a plane, and a distant camera maps that plane of
    /// [`MOBILEFACE_TEMPLATE`] affinely to the picture; the tip of the nose is in front of it. Its
    /// distance from the mapped nose of a frontal face is the sine of the angle times its height.
    /// Yaw and pitch are the components along and across the line of the eyes. The estimate is
    /// accurate to a few degrees for nearly frontal faces. Beyond 60 degrees the detector guesses
    /// the hidden points, and the angle is only known to be large.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] if the points coincide, lie on a line or are not finite.
    pub fn of(points: &[[f32; 2]; 5]) -> Result<Self, FaceError> {
        let found = Plane::of(points);
        let template = Plane::of(&MOBILEFACE_TEMPLATE);
        // The columns of the affine map: the images of one pixel of the template to the right and
        // down.
        let [[a, c], [b, d]] = [template.right, template.down];
        let determinant = a * d - b * c;
        let right: [f64; 2] =
            [0, 1].map(|i| (d * found.right[i] - c * found.down[i]) / determinant);
        let down: [f64; 2] = [0, 1].map(|i| (a * found.down[i] - b * found.right[i]) / determinant);
        let scale = largest_stretch(right, down);
        let nose = [0, 1].map(|axis| template.nose[axis] + NOSE_OFFSET[axis] - template.eyes[axis]);
        let flat =
            [0, 1].map(|axis| found.eyes[axis] + nose[0] * right[axis] + nose[1] * down[axis]);
        let off = [0, 1].map(|axis| (found.nose[axis] - flat[axis]) / (scale * NOSE_DEPTH));
        let length = right[0].hypot(right[1]);
        let yaw = (off[0] * right[0] + off[1] * right[1]) / length;
        let pitch = (off[1] * right[0] - off[0] * right[1]) / length;
        if !(yaw.is_finite() && pitch.is_finite()) {
            return Err(FaceError::Degenerate { operation: "head pose" });
        }
        let degrees = |sine: f64| sine.clamp(-1.0, 1.0).asin().to_degrees() as f32;
        Ok(Self {
            yaw_deg: degrees(yaw),
            pitch_deg: degrees(pitch),
            angle_deg: degrees(yaw.hypot(pitch)),
        })
    }
}

/// The plane of eyes and mouth, and the nose in front of it.
struct Plane {
    /// Midpoint of the eyes.
    eyes: [f64; 2],
    /// From left to right: the sum over eyes and mouth.
    right: [f64; 2],
    /// From the midpoint of the eyes to that of the mouth.
    down: [f64; 2],
    nose: [f64; 2],
}

impl Plane {
    fn of(points: &[[f32; 2]; 5]) -> Self {
        let [left_eye, right_eye, nose, left_mouth, right_mouth] =
            points.map(|point| point.map(f64::from));
        let each = |of: &dyn Fn(usize) -> f64| [of(0), of(1)];
        let eyes = each(&|i| 0.5 * (left_eye[i] + right_eye[i]));
        Self {
            eyes,
            right: each(&|i| right_eye[i] - left_eye[i] + right_mouth[i] - left_mouth[i]),
            down: each(&|i| 0.5 * (left_mouth[i] + right_mouth[i]) - eyes[i]),
            nose,
        }
    }
}

/// The largest singular value of the matrix with these columns: the scale of the map along the
/// direction without foreshortening.
fn largest_stretch(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (aa, bb) = (a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1]);
    let ab = a[0] * b[0] + a[1] * b[1];
    (0.5 * (aa + bb + (aa - bb).hypot(2.0 * ab))).sqrt()
}

/// Side of the crop in which sharpness is measured, in pixels: half of MobileFace's, so that faces
/// of different sizes are comparable and the camera's noise is averaged out.
const SHARPNESS_SIDE: u32 = MOBILEFACE_SIDE / 2;

/// The sharpness of the face with these points: the variance of the Laplacian divided by the
/// variance of the brightness, in the aligned face at 56x56 pixels. Dimensionless; 0 for a plain
/// surface.
///
/// The variance of the Laplacian as a focus measure: Pech-Pacheco et al., "Diatom autofocusing in
/// brightfield microscopy: a comparative study", ICPR 2000. The division makes it independent of
/// brightness and contrast.
///
/// # Errors
/// [`FaceError::Degenerate`] if the points coincide or are not finite.
pub fn sharpness(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<f32, FaceError> {
    let to_picture = Similarity::fit(points, &half_template())?.inverse();
    let face = resampled(picture, &to_picture, SHARPNESS_SIDE);
    let grey = |x, y| {
        let [r, g, b] = face.get_pixel(x, y).0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b // ITU-R BT.601
    };
    let (mut laplacian, mut brightness) = (Moments::default(), Moments::default());
    for y in 1..SHARPNESS_SIDE - 1 {
        for x in 1..SHARPNESS_SIDE - 1 {
            let centre = grey(x, y);
            brightness.add(centre);
            laplacian.add(
                grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1) - 4.0 * centre,
            );
        }
    }
    // One byte step is rounding, so a smaller variance counts as 1.
    Ok((laplacian.variance() / brightness.variance().max(1.0)) as f32)
}

/// The template in a crop of half the side. Pixels are squares: their edges coincide, not their
/// centres.
fn half_template() -> [[f32; 2]; 5] {
    MOBILEFACE_TEMPLATE.map(|point| point.map(|value| 0.5 * (value + 0.5) - 0.5))
}

/// Sums for a variance.
#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        self.squares / self.count - mean * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, reference_file};

    // Reference: reference/face/pair_face.py, points of a solid face rotated by SciPy. The points
    // are in single precision; the eyes of the template are not exactly level, and yaw and pitch
    // are relative to its own axes.
    #[test]
    fn the_pose_is_that_of_a_rotated_solid_face() {
        let (_, rows) = read_npy::<f64>(&reference_file("turn.npy"));
        for row in rows.as_chunks::<13>().0 {
            let mut points = [[0.0; 2]; 5];
            for (point, pair) in points.iter_mut().zip(row.as_chunks::<2>().0) {
                *point = pair.map(|number| number as f32);
            }
            let [yaw, pitch, angle] = [10, 11, 12].map(|column| row[column] as f32);
            let found = HeadPose::of(&points).unwrap();
            assert!((found.angle_deg - angle).abs() < 1e-2, "{found:?} {angle}");
            // With both angles, the line of the eyes is not level, and the components mix.
            if yaw == 0.0 || pitch == 0.0 {
                assert!((found.yaw_deg - yaw).abs() < 0.3, "{found:?} {yaw}");
                assert!((found.pitch_deg - pitch).abs() < 0.3, "{found:?} {pitch}");
            }
        }
    }

    // Reference: reference/face/pair_face.py, OpenCV's Laplacian in double precision.
    #[test]
    fn sharpness_agrees_with_opencv() {
        let (shape, faces) = read_npy::<u8>(&reference_file("sharpness_input.npy"));
        let (_, expected) = read_npy::<f64>(&reference_file("sharpness.npy"));
        // Points for which the crop is the 56x56 picture itself.
        let points = half_template();
        for (face, expected) in faces.chunks_exact(faces.len() / shape[0]).zip(expected) {
            let face = RgbImage::from_raw(56, 56, face.to_vec()).unwrap();
            let found = f64::from(sharpness(&face, &points).unwrap());
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn sharpness_depends_little_on_brightness_contrast_and_size() {
        let picture = |size: f32, contrast: f32| {
            RgbImage::from_fn((112.0 * size) as u32, (112.0 * size) as u32, |x, y| {
                let [x, y] = [x, y].map(|place| (place as f32 + 0.5) / size);
                let value = (x / 3.0).sin() * (y / 4.0).cos() + (x / 20.0).sin();
                image::Rgb([(100.0 + contrast * value) as u8; 3])
            })
        };
        let of = |size: f32, contrast: f32| {
            let points = MOBILEFACE_TEMPLATE.map(|p| p.map(|v| (v + 0.5) * size - 0.5));
            sharpness(&picture(size, contrast), &points).unwrap()
        };
        let expected = of(1.0, 40.0);
        for (size, contrast) in [(1.0, 15.0), (2.0, 40.0), (5.0, 25.0)] {
            let found = of(size, contrast);
            assert!((found / expected - 1.0).abs() < 0.15, "{size} {contrast}: {found} {expected}");
        }
        let plain = RgbImage::from_pixel(112, 112, image::Rgb([90; 3]));
        assert_eq!(sharpness(&plain, &MOBILEFACE_TEMPLATE).unwrap(), 0.0);
    }

    #[test]
    fn the_face_side_is_that_of_mobilefaces_crop() {
        let points = MOBILEFACE_TEMPLATE.map(|[x, y]| [7.0 - 2.0 * y, 2.0 * x - 9.0]);
        assert!((face_side(&points).unwrap() - 224.0).abs() < 1e-3);
        assert!(face_side(&[[1.0; 2]; 5]).is_err());
        assert!(HeadPose::of(&[[1.0; 2]; 5]).is_err());
        assert!(sharpness(&RgbImage::new(9, 9), &[[f32::NAN; 2]; 5]).is_err());
    }
}
