//! The face detector YuNet: a bounding box and five points per face.
//!
//! Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023;
//! <https://github.com/ShiqiYu/libfacedetection.train>, file `yunet_n_dynamic.onnx`.

use std::path::Path;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::FaceError;
use crate::yunet::{CELL, Cells, YuNet};

/// A detected face, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The bounding box: left edge, top edge, width, height.
    pub rect: [f32; 4],
    /// Left eye, right eye, tip of the nose, left and right corner of the mouth (sides of the
    /// picture).
    pub points: [[f32; 2]; 5],
    /// Confidence, 0 to 1.
    pub score: f32,
}

/// The detector, ready to run. It can be shared by threads; each call computes on the calling
/// thread.
pub struct Detector {
    network: YuNet,
}

/// Larger pictures are reduced to this longer side, in pixels: the network was trained at 640, and
/// the time stays bounded.
const LONGEST_SIDE: u32 = 640;

/// The same for [`Detector::detect_coarse`], in pixels.
const COARSE_SIDE: u32 = 320;

/// Side of [`Detector::refine`]'s close-up: in sides of the face's box, and in pixels.
const CLOSE_UP: f64 = 2.0;
const CLOSE_UP_SIDE: u32 = 224;

/// Minimum intersection over union of a face in the close-up with the face that is refined.
const SAME_FACE_OVERLAP: f32 = 0.4;

/// Minimum confidence of a face that is reported.
const SCORE_THRESHOLD: f32 = 0.6;

/// Of two boxes with a larger intersection over union, only the more confident is kept.
const OVERLAP_THRESHOLD: f32 = 0.3;

impl Detector {
    /// Loads `yunet_n_dynamic.onnx`.
    ///
    /// # Errors
    /// [`FaceError::Read`] if the file cannot be read, [`FaceError::Model`] if it is not this
    /// network.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FaceError> {
        Ok(Self { network: YuNet::open(path.as_ref())? })
    }

    /// Detects the faces in `picture`, the most confident first.
    ///
    /// # Errors
    /// [`FaceError::Detect`] if the picture cannot be resized.
    pub fn detect(&self, picture: &RgbImage) -> Result<Vec<Detection>, FaceError> {
        self.detect_within(picture, LONGEST_SIDE)
    }

    /// Like [`Detector::detect`], several times as fast and less accurate: a face is only found if
    /// it takes up about 5 % of the picture's longer side. Call [`Detector::refine`] before using
    /// the points.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn detect_coarse(&self, picture: &RgbImage) -> Result<Vec<Detection>, FaceError> {
        self.detect_within(picture, COARSE_SIDE)
    }

    /// Detects a `face` of `picture` again in a close-up of fixed size, which makes its points
    /// equally accurate in large and small pictures. If the close-up shows no face, `face` is
    /// returned unchanged.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn refine(&self, picture: &RgbImage, face: &Detection) -> Result<Detection, FaceError> {
        let (width, height) = picture.dimensions();
        let failed = |reason: String| FaceError::Detect { width, height, reason };
        let [x, y, face_width, face_height] = face.rect.map(f64::from);
        let half = 0.5 * CLOSE_UP * face_width.max(face_height);
        let [middle_x, middle_y] = [x + 0.5 * face_width, y + 0.5 * face_height];
        // Whole pixels, so that the position of the close-up is exact.
        let left = (middle_x - half).floor().clamp(0.0, f64::from(width));
        let top = (middle_y - half).floor().clamp(0.0, f64::from(height));
        let right = (middle_x + half).ceil().clamp(0.0, f64::from(width));
        let bottom = (middle_y + half).ceil().clamp(0.0, f64::from(height));
        let (part_width, part_height) = (right - left, bottom - top);
        if !(part_width >= 1.0 && part_height >= 1.0) {
            return Ok(*face);
        }
        let part = image::imageops::crop_imm(
            picture,
            left as u32,
            top as u32,
            part_width as u32,
            part_height as u32,
        );
        let zoom = f64::from(CLOSE_UP_SIDE) / (2.0 * half);
        let side = |length: f64| ((length * zoom).round() as u32).max(1);
        let close_up =
            resize(&part.to_image(), side(part_width), side(part_height)).map_err(failed)?;
        let scale = [
            (part_width / f64::from(close_up.width())) as f32,
            (part_height / f64::from(close_up.height())) as f32,
        ];
        let found = self.run(&close_up).into_iter();
        let found = found.map(|found| found.scaled(scale).shifted([left as f32, top as f32]));
        let same = found.filter(|found| overlap(&found.rect, &face.rect) > SAME_FACE_OVERLAP);
        let best = same
            .max_by(|a, b| overlap(&a.rect, &face.rect).total_cmp(&overlap(&b.rect, &face.rect)));
        Ok(best.unwrap_or(*face))
    }

    fn detect_within(
        &self,
        picture: &RgbImage,
        longest_side: u32,
    ) -> Result<Vec<Detection>, FaceError> {
        let (width, height) = picture.dimensions();
        let failed = |reason: String| FaceError::Detect { width, height, reason };
        if width == 0 || height == 0 {
            return Ok(Vec::new());
        }
        let longest = width.max(height);
        if longest <= longest_side {
            return Ok(self.run(picture));
        }
        let side = |length: u32| {
            let length = f64::from(length) * f64::from(longest_side) / f64::from(longest);
            (length.round() as u32).max(1)
        };
        let shrunk = resize(picture, side(width), side(height)).map_err(failed)?;
        let found = self.run(&shrunk);
        let scale = [width as f32 / shrunk.width() as f32, height as f32 / shrunk.height() as f32];
        Ok(found.into_iter().map(|face| face.scaled(scale)).collect())
    }

    /// Detects the faces in a picture without resizing it.
    fn run(&self, picture: &RgbImage) -> Vec<Detection> {
        let mut found = Vec::new();
        for cells in self.network.run(picture) {
            decode(&cells, &mut found);
        }
        suppress(found)
    }
}

impl Detection {
    /// The same face, translated: (x, y) becomes (x + `right`, y + `down`).
    pub fn shifted(self, [right, down]: [f32; 2]) -> Self {
        let [x, y, width, height] = self.rect;
        Self {
            rect: [x + right, y + down, width, height],
            points: self.points.map(|[x, y]| [x + right, y + down]),
            score: self.score,
        }
    }

    /// A face of the reduced picture in pixels of the full one. Pixel centres have integer
    /// coordinates, hence the half pixels.
    fn scaled(self, [across, down]: [f32; 2]) -> Self {
        let place = |[x, y]: [f32; 2]| [(x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5];
        let [x, y, width, height] = self.rect;
        let [x, y] = place([x, y]);
        Self {
            rect: [x, y, width * across, height * down],
            points: self.points.map(place),
            score: self.score,
        }
    }
}

/// Resizes a picture: bilinear, with a wider kernel when reducing. The pixel type is fixed at
/// compile time: `Resizer::resize` would bring the code for every other type along, 2.5 MB.
pub(crate) fn resize(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, String> {
    let (from_width, from_height) = picture.dimensions();
    let source = TypedImageRef::<U8x3>::from_buffer(from_width, from_height, picture.as_raw())
        .map_err(|error| error.to_string())?;
    let mut resized = RgbImage::new(width, height);
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut resized)
        .map_err(|error| error.to_string())?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|error| error.to_string())?;
    Ok(resized)
}

/// Appends the faces of one stride's cells, row by row, whose score reaches the threshold.
fn decode(cells: &Cells, found: &mut Vec<Detection>) {
    let step = cells.stride as f32;
    let count = cells.values.len() / CELL;
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    for cell in 0..count {
        let value = |channel: usize| cells.values[channel * count + cell];
        let score = (sigmoid(value(0)) * sigmoid(value(1))).sqrt();
        if score < SCORE_THRESHOLD {
            continue;
        }
        let origin = [(cell % cells.columns) as f32, (cell / cells.columns) as f32];
        let place =
            |channel: usize| [0, 1].map(|axis| (origin[axis] + value(channel + axis)) * step);
        let [x, y] = place(2);
        let [width, height] = [4, 5].map(|channel| value(channel).exp() * step);
        found.push(Detection {
            rect: [x - 0.5 * width, y - 0.5 * height, width, height],
            points: std::array::from_fn(|point| place(6 + 2 * point)),
            score,
        });
    }
}

/// Non-maximum suppression.
fn suppress(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for face in found {
        if kept.iter().all(|better| overlap(&better.rect, &face.rect) <= OVERLAP_THRESHOLD) {
            kept.push(face);
        }
    }
    kept
}

/// Intersection over union of two boxes.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let shared = |axis: usize| {
        let end = (a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]);
        (end - a[axis].max(b[axis])).max(0.0)
    };
    let intersection = shared(0) * shared(1);
    intersection / (a[2] * a[3] + b[2] * b[3] - intersection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, reference_file};

    fn detector() -> Option<Detector> {
        Some(Detector::open(s2f_testing::data("models/yunet/yunet_n_dynamic.onnx")?).unwrap())
    }

    /// Rows of x, y, width, height, 5 x (x, y), score.
    fn check(found: &[Detection], expected: &[f32; 15], tolerance_px: f32) {
        let [found] = found else { panic!("{} faces", found.len()) };
        let numbers = found.rect.iter().chain(found.points.as_flattened());
        for (number, expected) in numbers.zip(expected) {
            assert!((number - expected).abs() < tolerance_px, "{found:?} {expected:?}");
        }
        assert!((found.score - expected[14]).abs() < 1e-3 * tolerance_px.max(0.1));
    }

    // The published values were computed with ONNX Runtime. Another order of summation changes
    // positions of up to 320 by about 1e-6 of their value.
    #[test]
    fn agrees_with_onnx_runtime() {
        let Some(detector) = detector() else { return };
        let Some(folder) = s2f_testing::data("models/reference/yunet") else { return };
        let (shape, input) = read_npy::<u8>(&folder.join("input_rgb_u8.npy"));
        let (_, rows) = read_npy::<f32>(&folder.join("dynamic_320_detections_f32.npy"));
        let pictures = input.chunks_exact(input.len() / shape[0]);
        for (pixels, expected) in pictures.zip(rows.as_chunks::<15>().0) {
            let picture =
                RgbImage::from_raw(shape[2] as u32, shape[1] as u32, pixels.to_vec()).unwrap();
            check(&detector.detect(&picture).unwrap(), expected, 1e-2);
        }
    }

    // The published values are of the 640x640 network, padded with black. JPEG decoders differ by
    // one or two byte steps, and such noise moves a box by up to 1.3 pixels (in OpenCV).
    #[test]
    fn faces_are_found_in_photographs_of_any_size() {
        let Some(detector) = detector() else { return };
        let Some(folder) = s2f_testing::data("models/reference/yunet") else { return };
        let Some(faces) = s2f_testing::data("data/faces/london/images") else { return };
        let (_, rows) = read_npy::<f32>(&folder.join("fixed_640_full_512_detections_f32.npy"));
        for (name, expected) in ["004", "062", "127"].iter().zip(rows.as_chunks::<15>().0) {
            let picture = crate::read_picture(faces.join(format!("{name}_neutral.jpg"))).unwrap();
            let mut padded = RgbImage::new(640, 640);
            image::imageops::replace(&mut padded, &picture, 0, 0);
            check(&detector.detect(&padded).unwrap(), expected, 2.0);
            // Twice as large, with an odd height: reduced inside to 5/4 of the original size. The
            // network itself moves its points by up to 5 pixels between such scales (also in
            // OpenCV); the limit is a tenth of the distance between the eyes.
            let large = image::imageops::resize(
                &picture,
                1024,
                1023,
                image::imageops::FilterType::Triangle,
            );
            let found = detector.detect(&large).unwrap();
            let [face] = found.as_slice() else { panic!("{} faces", found.len()) };
            for (point, expected) in face.points.iter().zip(expected[4..14].as_chunks::<2>().0) {
                let distance = (point[0] / 2.0 - expected[0]).hypot(point[1] / 2.0 - expected[1]);
                assert!(distance < 9.0, "{name}: {distance}");
            }
        }
    }

    #[test]
    fn a_picture_without_a_face_gives_none() {
        let Some(detector) = detector() else { return };
        for (width, height) in [(1, 1), (3, 700), (0, 0), (200, 33)] {
            assert_eq!(detector.detect(&RgbImage::new(width, height)).unwrap(), []);
        }
    }

    #[test]
    fn errors_of_other_files_name_the_file() {
        let check = |path: &Path, part: &str| {
            let text = Detector::open(path).err().map(|error| error.to_string()).unwrap();
            assert!(text.contains(&path.display().to_string()) && text.contains(part), "{text}");
        };
        check(&reference_file("missing.onnx"), "cannot be read");
        check(&reference_file("picture.py"), "yunet_n_dynamic.onnx");
        if let Some(other) = s2f_testing::data("models/silero_vad/silero_vad_16k_op15.onnx") {
            check(&other, "yunet_n_dynamic.onnx");
        }
    }

    #[test]
    fn the_most_confident_of_overlapping_boxes_is_kept() {
        let face = |x: f32, score: f32| Detection {
            rect: [x, 0.0, 10.0, 10.0],
            points: [[0.0; 2]; 5],
            score,
        };
        let kept = suppress(vec![face(0.0, 0.7), face(1.0, 0.9), face(30.0, 0.8)]);
        assert_eq!(kept.iter().map(|face| face.score).collect::<Vec<_>>(), [0.9, 0.8]);
    }
}
