//! `speech2face train face-decoder`.

use std::path::PathBuf;

use s2f_core::FaceSpace;
use s2f_nn::FaceDecoderConfig;
use serde::{Deserialize, Serialize};

use super::Optimisation;
use crate::Watch;

/// An experiment with a face decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDecoderTraining {
    /// Seed of weights, morphs and batches.
    pub seed: u64,
    /// What it learns from.
    pub data: FaceData,
    /// How faces are mixed into training pairs.
    pub morphing: Morphing,
    /// The network.
    pub network: FaceDecoderConfig,
    /// Weights of the losses.
    pub losses: FaceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
    /// How often the run looks at itself.
    #[serde(default)]
    pub watch: Watch,
}

/// Photographs with landmarks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceData {
    /// Where the folders are.
    pub root: PathBuf,
    /// Where the published networks are.
    pub models: PathBuf,
    /// Sets of portraits.
    pub folders: Vec<FaceFolder>,
    /// The network whose features are drawn, and so the face space.
    pub face_encoder: FaceEncoderFile,
    /// How many people are held out for the scores.
    pub held_out: usize,
}

/// A face encoder and its weights, under `models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaceEncoderFile {
    /// MobileFace V2, 256-D at unit length: the original MXNet parameters.
    Mobileface(PathBuf),
    /// VGG-Face's fc7, 4096-D, the paper's: safetensors, as `model import` leaves them.
    VggFace(PathBuf),
}

/// One set of portraits, taken in one light.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceFolder {
    /// Folder under the root, with `people.csv`, `landmarks.csv` and the pictures that they name.
    pub path: PathBuf,
    /// Factors of linear red, green and blue that bring the set to the look of the others.
    pub gain: [f32; 3],
    /// Factor of the distance of a colour from grey.
    pub saturation: f32,
}

/// How faces are mixed into training pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Morphing {
    /// How many different morphs are drawn before training.
    pub pool: usize,
    /// Nearest neighbours that a face is mixed with.
    pub neighbours: usize,
    /// The most faces in one morph; the fewest are two, so that no target is a single person.
    pub most_faces: usize,
    /// Standard deviation of the noise added to each number of an input feature, as a share of the
    /// feature's length.
    pub feature_noise: f64,
}

/// Weights of the face decoder's losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceLosses {
    /// Mean absolute error of the texture, colours from 0 to 1.
    pub texture: f64,
    /// Mean squared error of the landmarks, in pixels squared.
    pub landmarks: f64,
    /// Negative cosine between the input feature and that of the picture.
    pub identity: f64,
    /// How many faces of a batch the identity loss renders and looks at.
    pub identity_batch: usize,
}

impl FaceData {
    /// The face encoder's file.
    pub fn face_encoder_file(&self) -> PathBuf {
        match &self.face_encoder {
            FaceEncoderFile::Mobileface(file) | FaceEncoderFile::VggFace(file) => {
                self.models.join(file)
            }
        }
    }

    /// Where the decoder's features live.
    pub fn face_space(&self) -> FaceSpace {
        match self.face_encoder {
            FaceEncoderFile::Mobileface(_) => FaceSpace::mobileface(),
            FaceEncoderFile::VggFace(_) => FaceSpace::vgg_face(),
        }
    }
}
