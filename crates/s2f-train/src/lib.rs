//! Training: one straight loop per network, its configuration, the run folder, and what the
//! shipped model learns from: faces in one shape, morphs between them, voices paired with faces by
//! a documented prior.

mod augment;
mod basis;
mod check;
mod config;
mod draw;
mod error;
mod face_decoder;
mod faces;
mod morph;
mod pairing;
mod run;
mod scores;
mod sheet;
mod voice_encoder;
mod voices;

pub use config::{
    Augmentation, FaceData, FaceDecoderTraining, FaceFolder, FaceLosses, Morphing, Optimisation,
    Pairing, VoiceData, VoiceEncoderTraining, VoiceLosses, read,
};
pub use error::TrainError;
pub use face_decoder::{FaceDecoderScores, train_face_decoder};
pub use run::{Event, Watch};
pub use scores::{CorpusScores, PathScores, VoiceEncoderScores};
pub use voice_encoder::train_voice_encoder;
