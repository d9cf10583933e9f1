//! Face spaces: which encoder and layer a face feature comes from.

use serde::{Deserialize, Serialize};

/// The face encoder and layer that a feature comes from. Features of different face spaces cannot
/// be compared or mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceSpace {
    /// The face encoder and its layer, for example `mobileface-v2` or `vgg-face-fc7`.
    pub name: String,
    /// Number of dimensions of a feature, D.
    pub dimension: usize,
    /// Whether features have unit length.
    pub normalisation: Normalisation,
}

/// Whether the features of a face space have unit length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Not normalised: the encoder's output as it is.
    None,
    /// The Euclidean length is 1.
    UnitLength,
}

impl FaceSpace {
    /// MobileFace V2, 256 dimensions, unit length: the face space of the shipped model.
    pub fn mobileface() -> Self {
        Self {
            name: "mobileface-v2".into(),
            dimension: 256,
            normalisation: Normalisation::UnitLength,
        }
    }

    /// VGG-Face's fc7 after its ReLU, 4096 dimensions, not normalised: the paper's face space.
    pub fn vgg_face() -> Self {
        Self { name: "vgg-face-fc7".into(), dimension: 4096, normalisation: Normalisation::None }
    }
}
