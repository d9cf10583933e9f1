//! Training of the voice encoder, of the face decoder and of the face distribution.
//!
//! Each network has one training function ([`train_voice_encoder`], [`train_face_decoder`],
//! [`train_face_distribution`]) and a configuration ([`VoiceEncoderTraining`],
//! [`FaceDecoderTraining`], [`FaceDistributionTraining`]), which is a TOML file.
//! [`read`] reads it; `check` of the configuration checks it against the machine before anything is
//! written. A run writes a run folder, and resumes in it after an interruption.
//!
//! The shipped model is trained on portraits and on recordings of other people: see
//! [`Morphing`] and [`Pairing`].
#![forbid(unsafe_code)]

mod face_decoder;
mod face_distribution;
mod voice_encoder;

mod card;
mod check;
mod config;
pub mod devices;
mod error;
mod event;
mod host;
pub mod peers;
mod run;
mod score_table;
mod seeds;
mod session;

mod augment;
mod batch;
mod batch_queue;
mod data;
mod draw;
mod pair_calibration;
mod pair_examples;
mod pairing;
mod recording_examples;
mod regression;
mod voices;

mod frozen;
mod learner;
mod train_state;
mod voice_losses;

mod basis;
mod face_network;
mod faces;
mod looks;
mod morph;
mod networks;

mod decoder_scores;
mod pair_scores;
mod recording_scores;
mod scoring;
mod sheet;

pub use card::{CardEvaluation, CardScore, complete_card};
pub use config::{
    AgeingData, Augmentation, BatchStatistics, Clips, FaceData, FaceDecoderTraining,
    FaceDistributionTraining, FaceEncoderFile, FaceFolder, FaceLosses, Morphing, Optimisation,
    Optimizer, PairData, PairDistribution, Pairing, RecordingData, Schedule, Start, TraitFaces,
    TraitPrior, TraitRegression, VoiceData, VoiceEncoderTraining, VoiceFolder, VoiceLosses,
    VoiceTraitData, Watch, read,
};
pub use decoder_scores::FaceDecoderScores;
pub use error::TrainError;
pub use event::TrainEvent;
pub use face_decoder::train_face_decoder;
pub use face_distribution::{
    FaceDistributionScores, PictureScores, TraitCorpusScores, train_face_distribution,
};
pub use pair_scores::{PairScores, Recalls};
pub use recording_scores::{CorpusScores, PathScores};
pub use run::Invocation;
pub use scoring::VoiceEncoderScores;
pub use seeds::{SeedRow, SeedScores, train_voice_encoder_seeds};
pub use voice_encoder::train_voice_encoder;
