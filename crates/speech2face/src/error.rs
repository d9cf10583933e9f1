//! Errors of models, features and photographs.

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
        "{} is not a model folder ({reason}); hint: a model folder contains config.json and \
         model.safetensors", folder.display()
    )]
    NoFolder {
        /// The path.
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
    /// A file of the folder is larger than any such file can be.
    #[error(
        "{} has {bytes} bytes, the limit is {limit}; hint: get the model folder again",
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
        "{}: {reason}; hint: the file is damaged, or was written for another version of \
         speech2face",
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

/// Why a voice could not be embedded, or a feature not decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The feature belongs to another face space than the model's.
    #[error(
        "the feature is of face space {feature}, but model {model} reads {expected}; hint: use \
         the model that the feature was made with"
    )]
    OtherSpace {
        /// Name of the model.
        model: String,
        /// Face space of the feature.
        feature: Box<FaceSpace>,
        /// Face space of the model.
        expected: Box<FaceSpace>,
    },
    /// The feature is an identity, such as that of a photograph, without the traits that follow it
    /// in the model's face space.
    #[error(
        "the feature is of face space {feature}, but model {model} reads {expected}; hint: add \
         the traits with Speech2Face::add_traits"
    )]
    NoTraits {
        /// Name of the model.
        model: String,
        /// Face space of the feature.
        feature: Box<FaceSpace>,
        /// Face space of the model.
        expected: Box<FaceSpace>,
    },
    /// The model predicts one face for a voice, not a distribution.
    #[error(
        "model {model} has no distribution of faces; hint: use a model whose config.json has \
         face_distribution"
    )]
    NoDistribution {
        /// Name of the model.
        model: String,
    },
    /// A truncation of faces that are drawn at random is out of its range.
    #[error("the truncation is {value}; hint: use 0 (typical faces) to 1 (all plausible faces)")]
    Truncation {
        /// Its value.
        value: f64,
    },
    /// The feature does not have the dimension of its face space.
    #[error(
        "a feature of {actual} values cannot be of face space {space}; hint: check which encoder \
         it came from"
    )]
    WrongLength {
        /// The face space.
        space: FaceSpace,
        /// Number of values.
        actual: usize,
    },
    /// The feature contains a NaN or an infinity.
    #[error(
        "a feature of face space {space} contains values that are not finite; hint: the weights \
         it was computed with are damaged"
    )]
    BadValue {
        /// The face space.
        space: FaceSpace,
    },
    /// The networks' output contains a NaN or an infinity.
    #[error(
        "model {model} gives {what} that are not finite; hint: its weights are damaged, get the \
         model again"
    )]
    NotFinite {
        /// Name of the model.
        model: String,
        /// Which values.
        what: &'static str,
    },
    /// A value of the voice policy is out of its range.
    #[error(
        "{field} of the voice policy is {value}, and must be {range}; hint: the values of \
         VoicePolicy::default() are valid"
    )]
    Policy {
        /// The field of [`VoicePolicy`](crate::VoicePolicy).
        field: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        range: String,
    },
    /// The device failed.
    #[error("the device failed: {0}; hint: try --device cpu")]
    Device(String),
}

/// Why a picture could not be embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The picture shows no face.
    #[error(
        "no face was found; hint: the face must look at the camera and be at least 50 pixels wide"
    )]
    NoFace,
    /// The picture shows several faces of about the same size.
    #[error("{count} faces of about the same size; hint: crop the picture to one of them")]
    SeveralFaces {
        /// How many.
        count: usize,
    },
    /// A network could not be run.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The encoder's output is not a feature of its face space.
    #[error(transparent)]
    Feature(#[from] DecodeError),
}
