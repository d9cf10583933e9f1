//! What can go wrong in training.

use std::io;
use std::path::{Path, PathBuf};

use s2f_audio::AudioError;
use s2f_corpus::CorpusError;
use s2f_face::FaceError;
use s2f_nn::ConfigError;
use s2f_nn::weights::WeightsError;
use speech2face::ModelError;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
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
    #[error("step {step}: the {loss} loss is not a number; hint: lower the learning rate")]
    Diverged {
        /// The step, from 0.
        step: usize,
        /// Name of the loss.
        loss: &'static str,
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
