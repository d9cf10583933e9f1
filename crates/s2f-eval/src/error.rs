//! What can go wrong in an evaluation.

use std::path::PathBuf;

use s2f_audio::AudioError;
use s2f_core::FileError;
use s2f_face::FaceError;
use s2f_nn::weights::WeightsError;
use s2f_pairs::PairsError;
use speech2face::{DecodeError, EncodingError};

/// Why there is no evaluation. Each message names the reason and a way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The pairs cannot be read or trusted.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
    /// A voice of the pairs cannot be decoded.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// A picture cannot be read.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The stored face of a pair is no picture.
    #[error("pair {pair_id}: {source}; hint: prepare the corpus anew")]
    Photograph {
        /// The pair.
        pair_id: String,
        /// What is wrong.
        source: FaceError,
    },
    /// A network that reads faces cannot be opened.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model fails.
    #[error(transparent)]
    Model(#[from] DecodeError),
    /// Parts that were kept do not fit together.
    #[error(
        "what was kept in {folder} does not fit together; hint: remove that folder and start again"
    )]
    Cache {
        /// The folder.
        folder: String,
    },
    /// A picture or a table of the report cannot be encoded.
    #[error("cannot encode a part of the report ({0})")]
    Encode(String),
    /// The model predicts other features than the pairs hold.
    #[error(
        "{} holds features of {pairs}, model {model} predicts {predicted}; hint: prepare the corpus \
         with the face encoder that the model was trained for", path.display()
    )]
    FaceSpaces {
        /// The pairs.
        path: PathBuf,
        /// Their face space.
        pairs: String,
        /// Name of the model.
        model: String,
        /// Its face space.
        predicted: String,
    },
    /// Too few people for any search.
    #[error(
        "{} has {speakers} in its split {part}, a search needs at least two people; hint: {hint}",
        path.display()
    )]
    TooFew {
        /// The pairs.
        path: PathBuf,
        /// How many speakers there are, in words.
        speakers: String,
        /// The split.
        part: &'static str,
        /// What to do.
        hint: String,
    },
    /// A model that cannot hear as little as is asked for.
    #[error(
        "model {model} hears nothing in {seconds} s of voice ({reason}); hint: choose longer ones \
         with --seconds"
    )]
    Seconds {
        /// Name of the model.
        model: String,
        /// What was asked for.
        seconds: f64,
        /// The network's reason.
        reason: String,
    },
    /// Labels that cannot be used.
    #[error("{}: {reason}; hint: the first line names the columns, the first of them speaker_id or \
             pair_id", path.display())]
    Labels {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An earlier report that this one cannot be compared with.
    #[error("{} cannot be the baseline: {reason}; hint: {hint}", path.display())]
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
