//! Training: one straight loop per network, its configuration, the run folder, and what the
//! shipped model learns from: faces in one shape, morphs between them, voices paired with faces by
//! a documented prior.

mod augment;
mod basis;
mod batch;
mod check;
mod config;
pub mod devices;
mod draw;
mod error;
mod face_decoder;
mod face_network;
mod faces;
mod frozen;
mod learner;
mod loader;
mod morph;
mod pair_examples;
mod pair_scores;
mod pairing;
mod recording_examples;
mod run;
mod scores;
mod sheet;
mod source;
mod voice_encoder;
mod voice_losses;
mod voices;

pub use config::{
    Augmentation, Clips, FaceData, FaceDecoderTraining, FaceEncoderFile, FaceFolder, FaceLosses,
    Morphing, Optimisation, Optimizer, PairData, Pairing, RecordingData, Schedule, Start,
    VoiceData, VoiceEncoderTraining, VoiceLosses, read,
};
pub use error::TrainError;
pub use face_decoder::{FaceDecoderScores, train_face_decoder};
pub use pair_scores::{PairScores, Recalls};
pub use run::{Event, Watch};
pub use scores::{CorpusScores, PathScores};
pub use source::VoiceEncoderScores;
pub use voice_encoder::train_voice_encoder;
