//! `speech2face train face-decoder`.

use std::path::PathBuf;

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
    /// Parameters of MobileFace V2, the face space, under `models`.
    pub face_encoder: PathBuf,
    /// How many people are held out for the scores.
    pub held_out: usize,
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
    /// Standard deviation of the noise added to the input features, which have length 1.
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
        self.models.join(&self.face_encoder)
    }
}
