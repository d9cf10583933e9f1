//! What can go wrong with a model.

use std::io;
use std::path::PathBuf;

use s2f_core::FaceSpace;
use s2f_face::FaceError;
use s2f_nn::ConfigError;
use s2f_nn::weights::WeightsError;

/// Why a model could not be opened. The message names the file and ends in a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such folder, or it is a file.
    #[error(
        "{} is no model folder ({reason}); hint: a model folder holds config.json and \
         model.safetensors", folder.display()
    )]
    NoFolder {
        /// What was given.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the folder could not be read.
    #[error("cannot read {} ({reason}); hint: get the model folder again", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// A file of the folder is larger than any that belongs there.
    #[error(
        "{} has {bytes} bytes, at most {limit} are read; hint: get the model folder again",
        file.display()
    )]
    TooBig {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// `config.json` is not JSON, or has a key that is unknown or missing.
    #[error(
        "{}: {reason}; hint: the file is damaged, or written for another version of speech2face",
        file.display()
    )]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No network can be built from `config.json`.
    #[error("{}: {problem}", file.display())]
    Network {
        /// The file.
        file: PathBuf,
        /// The key that is wrong, with its value.
        problem: ConfigError,
    },
    /// `model.safetensors` is damaged, or belongs to another `config.json`.
    #[error("{}: {problem}", file.display())]
    Weights {
        /// The file.
        file: PathBuf,
        /// What is wrong, with a hint.
        problem: WeightsError,
    },
}

/// Why a voice gave no feature, or a feature no face.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The feature describes a face in another way than the model reads.
    #[error(
        "the feature is of face space {}, model {model} reads {}; hint: use the model that the \
         feature was made with",
        describe(feature),
        describe(expected)
    )]
    OtherSpace {
        /// Name of the model.
        model: String,
        /// Face space of the feature.
        feature: FaceSpace,
        /// Face space of the model.
        expected: FaceSpace,
    },
    /// The feature has more or fewer numbers than its face space.
    #[error("{actual} numbers given for a feature of face space {}", describe(space))]
    WrongLength {
        /// The face space.
        space: FaceSpace,
        /// Numbers given.
        actual: usize,
    },
    /// The feature has a NaN or an infinity.
    #[error("a feature of face space {} with numbers that are not finite", describe(space))]
    BadNumber {
        /// The face space.
        space: FaceSpace,
    },
    /// The networks gave NaN or infinity.
    #[error(
        "model {model} gives {what} that are not finite; hint: its weights are damaged, get the \
         model again"
    )]
    NotFinite {
        /// Name of the model.
        model: String,
        /// Which numbers.
        what: &'static str,
    },
    /// The device that computes failed.
    #[error("the computing device failed: {0}")]
    Device(String),
}

/// Why a picture gave no feature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The picture shows no face.
    #[error(
        "no face was found; hint: the face has to look at the camera and be some 50 pixels wide"
    )]
    NoFace,
    /// The picture shows several faces, and nothing says which one is meant.
    #[error("{count} faces of about the same size; hint: cut the picture to the one that is meant")]
    SeveralFaces {
        /// How many.
        count: usize,
    },
    /// A network could not be run.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The encoder gave something else than it promises.
    #[error(transparent)]
    Feature(#[from] DecodeError),
}

/// A face space as messages show it.
fn describe(space: &FaceSpace) -> String {
    let FaceSpace { name, dimension, normalisation } = space;
    format!("{name} ({dimension} numbers, normalisation {normalisation:?})")
}
