//! Errors of training.

use std::path::PathBuf;

use s2f_audio::AudioError;
use s2f_core::{FaceSpace, FileError};
use s2f_corpus::CorpusError;
use s2f_face::FaceError;
use s2f_nn::ConfigError;
use s2f_nn::weights::WeightsError;
use s2f_pairs::PairsError;
use s2f_registry::RegistryError;
use speech2face::{
    DecodeError, EncodingError, FaceReaderError, ModelError, ModelSourceError, RunFolderError,
};

use crate::devices::DevicesError;
use crate::peers::PeersError;

/// An error of training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A configuration file cannot be read.
    #[error("{}: {reason}; hint: correct the configuration, or the key with --set", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of a configuration has a value that cannot be used.
    #[error(
        "{key} is {found}, but must be {wanted}; hint: change it in the configuration or with \
         --set"
    )]
    Value {
        /// The key.
        key: &'static str,
        /// What it must be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The table `[network]` of a configuration describes no network that can be built.
    #[error("[network]: {0}")]
    Network(#[from] ConfigError),
    /// Pairs have features of another face space than the face decoder reads.
    #[error(
        "{} has features of face space {pairs}, the face decoder reads {decoder}; hint: prepare \
         the corpus with the face encoder of the face decoder", path.display()
    )]
    FaceSpaces {
        /// The pairs.
        path: PathBuf,
        /// Their face space.
        pairs: Box<FaceSpace>,
        /// The face decoder's.
        decoder: Box<FaceSpace>,
    },
    /// Pairs have features of photographs, which have no traits, but the face decoder reads some.
    #[error(
        "{} has features of face space {pairs}, the face decoder reads {decoder}, and a photograph \
         has no traits; hint: train on recordings ([data.recordings]), or set face_decoder to one \
         that was trained without data.ageing", path.display()
    )]
    NoTraits {
        /// The pairs.
        path: PathBuf,
        /// Their face space.
        pairs: Box<FaceSpace>,
        /// The face decoder's.
        decoder: Box<FaceSpace>,
    },
    /// A configuration needs more memory than there is.
    #[error(
        "training would take about {} of memory ({details}), this machine has {}; hint: reduce \
         optimisation.batch, {keys} or the sizes in [network]",
        gib(*needed),
        gib(*limit)
    )]
    Memory {
        /// Estimated memory, bytes.
        needed: u64,
        /// Memory of the machine, bytes.
        limit: u64,
        /// What takes the most.
        details: String,
        /// Other keys that influence it.
        keys: &'static str,
    },
    /// A file under `models` is not the published one.
    #[error(
        "{} is not a file of the published network {name}; hint: run `speech2face model pull \
         {name}`, and set {key} to {expected}",
        path.display()
    )]
    NotPublished {
        /// The file.
        path: PathBuf,
        /// The network.
        name: &'static str,
        /// The key that names the file.
        key: &'static str,
        /// The value that it has to have.
        expected: String,
    },
    /// Pairs that cannot be used.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is not enough data for the configuration.
    #[error("{0}")]
    Data(String),
    /// A loss is not finite.
    #[error(
        "step {step}: {loss} is not finite{}; hint: lower optimisation.learning_rate",
        in_batch(.ids)
    )]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// Name of the loss.
        loss: &'static str,
        /// The examples of the batch.
        ids: Vec<String>,
    },
    /// The output folder holds no run, but another file.
    #[error(
        "{} already exists and was not written by speech2face; hint: move it, or name a new or an \
         empty folder",
        path.display()
    )]
    OtherFile {
        /// The file.
        path: PathBuf,
    },
    /// Another process trains in the run folder.
    #[error(
        "another process is training in {}; hint: wait until it ends, or name another folder",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The run folder holds a run with another configuration.
    #[error(
        "the run in {} has {key} = {was}, not {now}; hint: change it back to resume that run, or \
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
    /// The run folder holds a run on other data.
    #[error(
        "the run in {} was trained on other data; hint: restore the data to resume that run, or \
         name another folder for a new one",
        path.display()
    )]
    OtherData {
        /// The folder.
        path: PathBuf,
    },
    /// No run can resume from a checkpoint.
    #[error(
        "{}: {reason}; hint: restore the file from a copy, or remove the run folder to start over",
        path.display()
    )]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A run folder that cannot be read.
    #[error(transparent)]
    RunFolder(#[from] RunFolderError),
    /// A published network that is missing or damaged.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A recording.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A table of a corpus.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A sheet of pictures.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// A picture.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// A network that reads faces.
    #[error(transparent)]
    FaceReader(#[from] FaceReaderError),
    /// A device.
    #[error(transparent)]
    Device(#[from] DevicesError),
    /// The processes that train together.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The name of a model.
    #[error(transparent)]
    ModelSource(#[from] ModelSourceError),
    /// A model folder.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A voice gives no feature.
    #[error(transparent)]
    Feature(#[from] DecodeError),
    /// A file of weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// The first examples of a batch.
fn in_batch(ids: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (ids.len(), ids.len().saturating_sub(SHOWN)) {
        (0, _) => String::new(),
        (_, 0) => format!(" in the batch of {shown}"),
        (_, more) => format!(" in the batch of {shown} and {more} more"),
    }
}

/// Bytes as GiB.
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}
