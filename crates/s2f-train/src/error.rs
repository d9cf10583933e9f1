//! What can go wrong in training.

use std::io;
use std::path::{Path, PathBuf};

use s2f_audio::AudioError;
use s2f_corpus::CorpusError;
use s2f_face::FaceError;
use s2f_nn::ConfigError;
use s2f_nn::weights::WeightsError;
use speech2face::ModelError;

use crate::devices::DeviceError;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A configuration that cannot be read or makes no sense.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of a configuration that is out of its range.
    #[error("{key} is {found}, but must be {wanted}; hint: mend the configuration or --set it")]
    Setting {
        /// The key.
        key: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// Pairs that cannot be read or trusted.
    #[error(transparent)]
    Pairs(#[from] s2f_pairs::PairsError),
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] s2f_core::FileError),
    /// A file that cannot be read or written.
    #[error("cannot {operation} {}; hint: check the name and the permissions", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Too little data for what the configuration asks.
    #[error("{0}")]
    Data(String),
    /// A loss that is not a number.
    #[error("step {step}: {loss} is not a number{}; hint: lower the learning rate", batch(.ids))]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// Name of the loss.
        loss: &'static str,
        /// What was in the batch.
        ids: Vec<String>,
    },
    /// A folder with files that no run has written.
    #[error(
        "{} has files in it and is no run folder; hint: name a new or an empty folder",
        path.display()
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder in which another process trains.
    #[error(
        "another process trains in {}; hint: wait for its end, or name another folder",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder whose run was told something else.
    #[error(
        "the run in {} has {key} = {was}, not {now}; hint: set it back to go on with that run, or \
         name another folder for a new one",
        path.display()
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// The first key that differs.
        key: String,
        /// Its value in the run.
        was: String,
        /// Its value now.
        now: String,
    },
    /// A run folder whose run learns from other data.
    #[error(
        "the run in {} has learnt from other data than there is now; hint: put the data back to go \
         on with that run, or name another folder for a new one",
        path.display()
    )]
    OtherData {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint from which no run can go on.
    #[error(
        "{}: {reason}; hint: put the file back, or remove the run's folder to begin anew",
        path.display()
    )]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A recording.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A table of a corpus.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A picture.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// A network's shape.
    #[error(transparent)]
    Network(#[from] ConfigError),
    /// A device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model folder.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file of weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl TrainError {
    /// For `map_err` on an operation on `path`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// The first names of what was in a batch.
fn batch(ids: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (ids.len(), ids.len().saturating_sub(SHOWN)) {
        (0, _) => String::new(),
        (_, 0) => format!(" in the batch of {shown}"),
        (_, more) => format!(" in the batch of {shown} and {more} more"),
    }
}
