//! Age, sex and landmarks of a face in a picture, estimated by networks that are not used
//! in training: they measure generated faces, and must never decide anything about a person.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use s2f_core::Sex;
use s2f_face::{Detector, FaceError};
use s2f_nn::face_api::{AgeGender, Landmark68, POINTS, SquareCrop};
use s2f_nn::weights::WeightsError;

/// Why a face could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaceReaderError {
    /// The face detector.
    #[error(transparent)]
    Detector(#[from] FaceError),
    /// The weights of a network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Detects a face and estimates age and sex.
pub struct AgeSexReader {
    detector: Detector,
    age_gender: AgeGender,
    device: Device,
}

/// Estimated age and sex of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgeSexReading {
    /// Age in years.
    pub age: f32,
    /// Probability of male, 0 to 1.
    pub male: f32,
}

/// Detects a face and estimates age, sex and landmarks.
pub struct FaceReader {
    age_sex: AgeSexReader,
    landmarks: Landmark68,
}

/// Estimated age, sex and landmarks of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceReading {
    /// The landmarks in the order of iBUG 300-W, x and y in pixels of the picture.
    pub landmarks: [[f32; 2]; POINTS],
    /// Age in years.
    pub age: f32,
    /// Probability of male, 0 to 1.
    pub male: f32,
}

impl AgeSexReading {
    /// The more probable sex.
    pub fn sex(&self) -> Sex {
        if self.male > 0.5 { Sex::Male } else { Sex::Female }
    }
}

impl FaceReading {
    /// The more probable sex.
    pub fn sex(&self) -> Sex {
        AgeSexReading { age: self.age, male: self.male }.sex()
    }
}

impl AgeSexReader {
    /// Opens YuNet's ONNX file, and the manifest of face-api.js's age and gender network with its
    /// weights beside it.
    ///
    /// # Errors
    /// [`FaceReaderError`] names the file that is missing or not the expected one.
    pub fn open(
        detector: &Path,
        age_gender: &Path,
        device: &Device,
    ) -> Result<Self, FaceReaderError> {
        Ok(Self {
            detector: Detector::open(detector)?,
            age_gender: AgeGender::from_face_api(age_gender, device)?,
            device: device.clone(),
        })
    }

    /// Estimates age and sex of the most certain face of a picture; `None` without a face.
    ///
    /// # Errors
    /// [`FaceReaderError::Detector`] if the detector fails.
    pub fn read(&self, picture: &RgbImage) -> Result<Option<AgeSexReading>, FaceReaderError> {
        Ok(self.crop(picture)?.map(|(_, crop)| self.age_sex(crop)))
    }

    /// The square around the most certain face, and what is in it, `[1, 3, 112, 112]`, 0 to 255.
    fn crop(&self, picture: &RgbImage) -> Result<Option<(SquareCrop, Tensor<4>)>, FaceReaderError> {
        let faces = self.detector.detect(picture)?;
        let Some(face) = faces.iter().max_by(|a, b| a.score.total_cmp(&b.score)) else {
            return Ok(None);
        };
        let [width, height] = [picture.width() as usize, picture.height() as usize];
        let values: Vec<f32> = picture.iter().map(|&value| f32::from(value)).collect();
        let data = TensorData::new(values, [1, height, width, 3]);
        let picture = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
        let square = SquareCrop::new(face.rect, [width, height]);
        let crop = square.cut(picture);
        Ok(Some((square, crop)))
    }

    fn age_sex(&self, crop: Tensor<4>) -> AgeSexReading {
        let estimate = self.age_gender.forward(crop);
        let sex: Vec<f32> = estimate.sex.into_data().iter().collect(); // [male, female]
        AgeSexReading { age: estimate.age.into_scalar(), male: sex[0] }
    }
}

impl FaceReader {
    /// Opens YuNet's ONNX file, and the manifests of face-api.js's landmark network and of its age
    /// and gender network with their weights beside them.
    ///
    /// # Errors
    /// [`FaceReaderError`] names the file that is missing or not the expected one.
    pub fn open(
        detector: &Path,
        landmarks: &Path,
        age_gender: &Path,
        device: &Device,
    ) -> Result<Self, FaceReaderError> {
        Ok(Self {
            age_sex: AgeSexReader::open(detector, age_gender, device)?,
            landmarks: Landmark68::from_face_api(landmarks, device)?,
        })
    }

    /// Reads the most certain face of a picture; `None` without a face.
    ///
    /// # Errors
    /// [`FaceReaderError::Detector`] if the detector fails.
    pub fn read(&self, picture: &RgbImage) -> Result<Option<FaceReading>, FaceReaderError> {
        let Some((square, crop)) = self.age_sex.crop(picture)? else { return Ok(None) };
        let points: Vec<f32> = self.landmarks.forward(crop.clone()).into_data().iter().collect();
        let mut landmarks = [[0.0; 2]; POINTS];
        for (landmark, share) in landmarks.iter_mut().zip(points.as_chunks::<2>().0) {
            *landmark = square.to_picture(*share);
        }
        let AgeSexReading { age, male } = self.age_sex.age_sex(crop);
        Ok(Some(FaceReading { landmarks, age, male }))
    }
}
