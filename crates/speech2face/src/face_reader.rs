//! What networks that had no part in training read in a picture of a face.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use s2f_face::Detector;
use s2f_nn::face_crop::square_crop;
use s2f_nn::landmark68::POINTS;
use s2f_nn::{AgeGender, Landmark68};

use crate::EvalError;

/// Finds a face and reads 68 points, age and sex in it, to measure produced pictures and never to
/// decide anything about a person.
pub struct FaceReader {
    detector: Detector,
    landmarks: Landmark68,
    age_gender: AgeGender,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// x and y in pixels of the picture, in the order of iBUG 300-W.
    pub landmarks: [[f32; 2]; POINTS],
    /// Years.
    pub age: f32,
    /// Probability of male, 0 to 1.
    pub male: f32,
}

impl FaceReader {
    /// Opens the published files: YuNet's ONNX, and the manifests of face-api.js's landmark and age
    /// and gender networks with their weights beside them.
    ///
    /// # Errors
    /// [`EvalError`] names the file that is absent or not that file.
    pub fn open(detector: &Path, landmarks: &Path, age_gender: &Path) -> Result<Self, EvalError> {
        let device = Device::flex();
        Ok(Self {
            detector: Detector::open(detector)?,
            landmarks: Landmark68::from_face_api(landmarks, &device)?,
            age_gender: AgeGender::from_face_api(age_gender, &device)?,
        })
    }

    /// Reads the surest face of a picture; none where there is no face in it.
    ///
    /// # Errors
    /// [`EvalError::Face`] where the detector does not run.
    pub fn read(&self, picture: &RgbImage) -> Result<Option<Reading>, EvalError> {
        let faces = self.detector.detect(picture)?;
        let Some(face) = faces.iter().max_by(|a, b| a.score.total_cmp(&b.score)) else {
            return Ok(None);
        };
        let (width, height) = picture.dimensions();
        let numbers: Vec<f32> = picture.iter().map(|&value| f32::from(value)).collect();
        let shape = [1, height as usize, width as usize, 3];
        let picture = Tensor::<4>::from_data(TensorData::new(numbers, shape), &Device::flex());
        let crop = square_crop(picture.permute([0, 3, 1, 2]), face.rect); // [1, 3, 112, 112]
        let points: Vec<f32> = self.landmarks.forward(crop.clone()).into_data().iter().collect();
        let impression = self.age_gender.forward(crop);
        let gender: Vec<f32> = impression.gender.into_data().iter().collect();
        let place = Square::of(face.rect, [width, height]);
        let mut landmarks = [[0.0; 2]; POINTS];
        for (point, share) in landmarks.iter_mut().zip(points.as_chunks::<2>().0) {
            *point = place.point(*share);
        }
        Ok(Some(Reading { landmarks, age: impression.age.into_scalar(), male: gender[0] }))
    }
}

/// Where [`square_crop`] cuts.
struct Square {
    left: f32,
    top: f32,
    side: f32,
}

impl Square {
    /// The square around the part of a box that lies in a picture of that size.
    fn of(rect: [f32; 4], size: [u32; 2]) -> Self {
        let [x, y, width, height] = rect.map(f32::floor);
        let inside = |start: f32, length: f32, size: u32| {
            let first = start.clamp(0.0, size as f32 - 1.0);
            (first, (start + length).clamp(first + 1.0, size as f32) - first)
        };
        let ((x, width), (y, height)) = (inside(x, width, size[0]), inside(y, height, size[1]));
        let side = width.max(height);
        let padding = |length: f32| ((side - length) / 2.0).floor();
        Self { left: x - padding(width), top: y - padding(height), side }
    }

    /// From shares of the crop to pixels of the picture.
    fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.left + x * self.side - 0.5, self.top + y * self.side - 0.5]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_go_back_to_where_the_crop_was_cut() {
        // A box of 40 × 60 at (30, 20): a square of 60 with 10 columns of padding on each side.
        let square = Square::of([30.7, 20.2, 40.9, 60.9], [200, 200]);
        assert_eq!(square.point([0.0, 0.0]), [19.5, 19.5]);
        assert_eq!(square.point([0.5, 0.5]), [49.5, 49.5]);
        // Half outside on the left: 20 columns are left of it.
        let square = Square::of([-20.0, 20.0, 40.0, 60.0], [200, 200]);
        assert_eq!(square.point([0.5, 0.0]), [9.5, 19.5]);
    }
}
