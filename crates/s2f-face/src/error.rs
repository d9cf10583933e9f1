//! What can go wrong with pictures of faces.

use std::path::PathBuf;

/// An error of this crate. Messages name the file where there is one and end in a way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read; hint: check the name and the permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("{}: {bytes} bytes are too many for a picture, {limit} are allowed; hint: save it smaller", path.display())]
    TooManyBytes {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no picture that this crate reads, or a damaged one, or one beyond
    /// [`MAX_SIDE`](crate::MAX_SIDE).
    #[error("{}: not a readable picture; hint: save it anew as PNG or JPEG, at most {limit} pixels a side", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The limit of each side in pixels.
        limit: u32,
        /// What the decoder said.
        source: image::ImageError,
    },
    /// The face detector's file is not what is expected.
    #[error("{}: not the face detector: {reason}; hint: take yunet_n_dynamic.onnx of libfacedetection.train", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The face detector failed on a picture.
    #[error(
        "the face detector failed on a picture of {width}x{height}: {reason}; hint: check the model file"
    )]
    Detect {
        /// Width of the picture in pixels.
        width: u32,
        /// Height of the picture in pixels.
        height: u32,
        /// What the runtime said.
        reason: String,
    },
    /// A list of points has the wrong length.
    #[error(
        "{operation} needs {expected} points, got {found}; hint: check the landmark file's template"
    )]
    PointCount {
        /// What was asked for.
        operation: &'static str,
        /// Points needed.
        expected: usize,
        /// Points given.
        found: usize,
    },
    /// Points coincide, lie on a line, or are not finite, so that no transform is determined.
    #[error(
        "{operation}: the points coincide, lie on a line or are not finite; hint: check the landmarks"
    )]
    Degenerate {
        /// What was asked for.
        operation: &'static str,
    },
    /// Too little plain background is visible around a head to estimate it.
    #[error(
        "no plain background around the head; hint: use a portrait in front of a plain light wall"
    )]
    NoBackground,
    /// The bytes of a pair's face are no picture of the right size.
    #[error("the stored face is {reason}; hint: prepare the corpus again")]
    PairFace {
        /// What is wrong with it.
        reason: String,
    },
    /// The face encoder's file cannot be used.
    #[error("{}: no face encoder: {reason}; hint: give an ONNX file that reads [n, 3, side, side] and gives [n, dimension]", path.display())]
    Encoder {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The face encoder failed on faces.
    #[error(
        "the face encoder {space} failed: {reason}; hint: check the model file and its settings"
    )]
    Encode {
        /// The encoder's face space.
        space: String,
        /// What happened.
        reason: String,
    },
}
