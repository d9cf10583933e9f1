//! Face spaces: the numbers in which a face encoder describes a face.

use serde::{Deserialize, Serialize};

/// Which numbers describe a face. Features of two face spaces cannot be compared or mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceSpace {
    /// The face encoder and its layer, for example `mobileface-v2` or `vgg-face-fc7`.
    pub name: String,
    /// Numbers a feature has, D.
    pub dimension: usize,
    /// What is known of a feature's length.
    pub normalisation: Normalisation,
}

/// What is known of the length of every feature of a face space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Nothing: the encoder's output as it is.
    None,
    /// The Euclidean length is 1.
    UnitLength,
}

impl FaceSpace {
    /// MobileFace V2's 256 numbers at unit length: the face space of the shipped model.
    pub fn mobileface() -> Self {
        Self {
            name: "mobileface-v2".into(),
            dimension: 256,
            normalisation: Normalisation::UnitLength,
        }
    }

    /// The 4096 numbers of VGG-Face's fc7 after its ReLU: the paper's face space.
    pub fn vgg_face() -> Self {
        Self { name: "vgg-face-fc7".into(), dimension: 4096, normalisation: Normalisation::None }
    }
}
