//! Errors of an evaluation.

use std::error::Error;
use std::path::PathBuf;

use s2f_audio::AudioError;
use s2f_core::{FaceSpace, FileError, LockError};
use s2f_face::FaceError;
use s2f_pairs::PairsError;
use speech2face::{DecodeError, EncodingError, FaceReaderError, ModelError, RunFolderError};

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The pairs cannot be read or trusted, or the model was trained on them.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder in which another process writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A voice of the pairs cannot be decoded.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A picture cannot be read.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The stored face of a pair is not a picture.
    #[error("pair {pair_id}: {source}; hint: prepare the corpus again")]
    Photograph {
        /// The pair.
        pair_id: String,
        /// What is wrong.
        source: FaceError,
    },
    /// A network that reads faces cannot be opened.
    #[error(transparent)]
    FaceReader(#[from] FaceReaderError),
    /// The model cannot be opened.
    #[error(transparent)]
    Open(#[from] ModelError),
    /// The record of a model's training cannot be read.
    #[error(transparent)]
    Run(#[from] RunFolderError),
    /// The model fails.
    #[error(transparent)]
    Model(#[from] DecodeError),
    /// Features of another network cannot be used.
    #[error(
        "the features of {name} cannot be used: {reason}; hint: one for each pair, of {space}, \
         which is that of the pairs"
    )]
    Features {
        /// The network.
        name: String,
        /// What is wrong.
        reason: String,
        /// The face space that features must have.
        space: Box<FaceSpace>,
    },
    /// It was stopped by [`EvaluationOptions::cancel`](crate::EvaluationOptions::cancel).
    #[error("the evaluation was cancelled; hint: the same call resumes it")]
    Cancelled,
    /// Another network fails.
    #[error(transparent)]
    Network(Box<dyn Error + Send + Sync>),
    /// Cached features do not fit together.
    #[error(
        "the features in {folder} do not fit together; hint: remove that folder and start again"
    )]
    Cache {
        /// The folder.
        folder: String,
    },
    /// A picture or a table of the report cannot be encoded.
    #[error("cannot encode a part of the report ({0}); hint: free some memory and try again")]
    Encode(String),
    /// The model predicts features of another face space than the pairs have.
    #[error(
        "{} has features of {pairs}, model {model} predicts {predicted}; hint: prepare the corpus \
         with the face encoder that the model was trained for", path.display()
    )]
    FaceSpaces {
        /// The pairs.
        path: PathBuf,
        /// Their face space.
        pairs: Box<FaceSpace>,
        /// Name of the model.
        model: String,
        /// Its face space.
        predicted: Box<FaceSpace>,
    },
    /// Too few people for any search.
    #[error(
        "{} has {speakers} in its split {selection}, but a search needs at least two people; hint: \
         {hint}",
        path.display()
    )]
    TooFew {
        /// The pairs.
        path: PathBuf,
        /// How many speakers there are, in words.
        speakers: String,
        /// The split.
        selection: &'static str,
        /// What to do.
        hint: String,
    },
    /// The set that is evaluated was split again after the model was trained on it.
    #[error(
        "{} was prepared or split again after {} was trained on it, so it is unknown which \
         speakers the model was trained on; hint: restore the splits of the training, or train \
         again",
        path.display(), run.display()
    )]
    SplitChanged {
        /// The pairs.
        path: PathBuf,
        /// The run folder.
        run: PathBuf,
    },
    /// Labels that cannot be used.
    #[error("{}: {reason}; hint: the first line names the columns, and the first column is \
             speaker_id or pair_id", path.display())]
    Labels {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An earlier report that cannot be read, or that this one cannot be compared with.
    #[error("the report {} cannot be used: {reason}; hint: {hint}", path.display())]
    Baseline {
        /// The report.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
}

impl From<EncodingError> for EvalError {
    fn from(error: EncodingError) -> Self {
        Self::Encode(error.to_string())
    }
}
