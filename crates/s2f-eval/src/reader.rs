//! What networks that had no part in training read in a picture of a face.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use s2f_face::Detector;
use s2f_nn::face_api::{AgeGender, Landmark68, POINTS, SquareCrop};

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
        let square = SquareCrop::new(face.rect, [width as usize, height as usize]);
        let crop = square.cut(picture.permute([0, 3, 1, 2])); // [1, 3, 112, 112]
        let points: Vec<f32> = self.landmarks.forward(crop.clone()).into_data().iter().collect();
        let estimate = self.age_gender.forward(crop);
        let sex: Vec<f32> = estimate.sex.into_data().iter().collect();
        let mut landmarks = [[0.0; 2]; POINTS];
        for (point, share) in landmarks.iter_mut().zip(points.as_chunks::<2>().0) {
            *point = square.to_picture(*share);
        }
        Ok(Some(Reading { landmarks, age: estimate.age.into_scalar(), male: sex[0] }))
    }
}
