//! What can go wrong when a synthetic population is made.

use std::path::PathBuf;

use s2f_core::{FileError, LockError};

use crate::CorpusError;

/// What can go wrong when a synthetic population is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynthError {
    /// A setting that is out of range, or a model that cannot be used.
    #[error("cannot make a population: {reason}; hint: see `corpus synth --help`")]
    Population {
        /// Why not.
        reason: String,
    },
    /// A face that the model cannot draw.
    #[error("cannot draw a face: {source}; hint: check the model with `model verify`")]
    Draw {
        /// The error of the model.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A folder that contains something else.
    #[error(
        "{}: {reason}; hint: use another folder, or the same settings as before",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },
    /// An operation that the operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder in which another process writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An ffmpeg that does not run.
    #[error(transparent)]
    Ffmpeg(#[from] CorpusError),
}
