//! Errors of reading and processing pictures of faces.

use std::path::PathBuf;

use crate::picture_error::PictureError;

/// An error of this crate. Messages name the file, if there is one, and end with a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read; hint: check the path and the permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error(
        "{}: the picture has {bytes} bytes, the limit is {limit}; hint: save a smaller version",
        path.display()
    )]
    TooManyBytes {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The picture cannot be used.
    #[error("{}: {source}; hint: save it as JPEG, PNG or WebP", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PictureError,
    },
    /// The file is not the face detector.
    #[error(
        "{}: not the face detector: {reason}; hint: use yunet_n_dynamic.onnx of \
         libfacedetection.train",
        path.display()
    )]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The face detector failed on a picture.
    #[error(
        "the face detector failed on a picture of {width}x{height} pixels: {reason}; hint: check \
         the model file"
    )]
    Detect {
        /// Width of the picture in pixels.
        width: u32,
        /// Height of the picture in pixels.
        height: u32,
        /// What went wrong.
        reason: String,
    },
    /// There are too few portraits of a sex for an average.
    #[error(
        "{found} portraits of one sex, at least {needed} are needed; hint: add portraits, so that \
         nobody can be recognised in their average"
    )]
    TooFewPeople {
        /// Number of portraits.
        found: usize,
        /// Minimum number.
        needed: usize,
    },
    /// A list of points has the wrong length.
    #[error(
        "{operation} needs {expected} points, got {found}; hint: check the template of the \
         landmark file"
    )]
    PointCount {
        /// What was computed.
        operation: &'static str,
        /// Number of points needed.
        expected: usize,
        /// Number of points given.
        found: usize,
    },
    /// Points coincide, lie on a line or are not finite, so they do not determine a transform.
    #[error(
        "{operation}: the points coincide, lie on a line or are not finite; hint: check the \
         landmarks"
    )]
    Degenerate {
        /// What was computed.
        operation: &'static str,
    },
    /// Too little plain background is visible around the head.
    #[error(
        "no plain background around the head; hint: use a portrait in front of a plain light wall"
    )]
    NoBackground,
    /// The face of a pair is not a picture of the right size.
    #[error("the stored face is {reason}; hint: prepare the corpus again")]
    PairFace {
        /// What is wrong.
        reason: String,
    },
    /// The file is not a face encoder.
    #[error(
        "{}: not a face encoder: {reason}; hint: use an ONNX file with the input \
         [n, 3, side, side] and the output [n, dimension]",
        path.display()
    )]
    Encoder {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The face encoder failed on a face.
    #[error(
        "the face encoder {space} failed: {reason}; hint: check the model file and its \
         preprocessing"
    )]
    Encode {
        /// The name of the encoder's face space.
        space: String,
        /// What went wrong.
        reason: String,
    },
    /// The face encoder gives no usable feature for a face.
    #[error(
        "the face encoder {space} gives {reason} for a face; hint: omit this face, or check the \
         model file if it happens for all of them"
    )]
    BadFeature {
        /// The name of the encoder's face space.
        space: String,
        /// What is wrong with the feature.
        reason: String,
    },
    /// The preprocessing of an ONNX face encoder is invalid.
    #[error(
        "invalid preprocessing: {reason}; hint: mean and scale are three finite values each, and \
         no scale is 0"
    )]
    Preprocessing {
        /// What is wrong.
        reason: String,
    },
}
