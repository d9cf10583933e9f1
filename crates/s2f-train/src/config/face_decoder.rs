//! The configuration of `speech2face train face-decoder`.

use std::path::PathBuf;

use s2f_core::{FaceSpace, Trait};
use s2f_nn::FaceDecoderConfig;
use serde::{Deserialize, Serialize};

use super::{Optimisation, Watch};

/// The configuration of a face decoder's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDecoderTraining {
    /// Random seed of weights, morphs and batches.
    pub seed: u64,
    /// Training data.
    pub data: FaceData,
    /// How faces are mixed into training pairs.
    pub morphing: Morphing,
    /// The network.
    pub network: FaceDecoderConfig,
    /// Weights of the losses.
    pub losses: FaceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
    /// How often the run validates and saves.
    #[serde(default)]
    pub watch: Watch,
}

/// Photographs with landmarks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceData {
    /// Folder that contains `folders`.
    pub root: PathBuf,
    /// Folder of published networks, as `speech2face model pull` fills it; the user's folder of
    /// networks if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// Sets of portraits.
    pub folders: Vec<FaceFolder>,
    /// The face encoder whose features are the decoder's input; it defines the face space.
    pub face_encoder: FaceEncoderFile,
    /// Number of people that are held out for the scores.
    pub held_out: usize,
    /// Averages that the faces are aged and given long hair by. The decoder then reads sex, age and
    /// hair beside the feature of the face encoder: the face space has these traits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ageing: Option<AgeingData>,
}

/// Portraits of people of all ages, of whom only averages are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeingData {
    /// Folder under the root, with `people.csv`, `landmarks68.csv` and the pictures that they name.
    pub folder: PathBuf,
    /// Factor of the average ageing, above 0: averages understate it.
    pub strength: f32,
    /// Ages that every face is drawn at, 16 to 100 years, ascending, 2 to 16 of them; morphs are
    /// mixtures of neighbouring ones.
    pub ages: Vec<f32>,
}

/// A face encoder and the file of its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaceEncoderFile {
    /// MobileFace V2, 256-D, unit length: the published MXNet parameters, under `models`.
    Mobileface(PathBuf),
    /// VGG-Face's fc7, 4096-D, as in the paper: the user's safetensors file, as `model import`
    /// writes it, under `models` if that is given.
    VggFace(PathBuf),
}

/// A set of portraits that were taken in the same light.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceFolder {
    /// Folder under the root, with `people.csv`, `landmarks.csv` and the pictures that they name.
    pub path: PathBuf,
    /// Factors of linear red, green and blue that adapt the set to the colours of the others.
    pub gain: [f32; 3],
    /// Factor of the distance of a colour from grey.
    pub saturation: f32,
}

/// How faces are mixed into training pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Morphing {
    /// Number of morphs that are drawn before training.
    pub pool: usize,
    /// Number of nearest neighbours that a face is mixed with.
    pub neighbours: usize,
    /// Maximum number of faces in a morph; the minimum is two, so that no target is a single
    /// person.
    pub most_faces: usize,
    /// Standard deviation of the noise that is added to each value of an input feature, as a share
    /// of the feature's length.
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
    /// Number of faces of a batch that are rendered for the identity loss.
    pub identity_batch: usize,
}

impl FaceData {
    /// The face space of the decoder's features.
    pub fn face_space(&self) -> FaceSpace {
        let identity = match self.face_encoder {
            FaceEncoderFile::Mobileface(_) => FaceSpace::mobileface(),
            FaceEncoderFile::VggFace(_) => FaceSpace::vgg_face(),
        };
        match self.ageing {
            Some(_) => identity.with_traits(&Trait::ALL),
            None => identity,
        }
    }
}
