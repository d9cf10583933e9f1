//! From a recording of a voice to a picture of a face that shares its traits.
//!
//! ```no_run
//! use speech2face::audio::Limits;
//! use speech2face::{Recording, Settings, Speech2Face};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Speech2Face::shipped()?;
//! let recording = Recording::read("voice.m4a".as_ref(), &Limits::default())?;
//! let portrait = model.reconstruct(&recording, Settings::default())?;
//! std::fs::write("voice.png", portrait.to_png()?)?;
//! # Ok(()) }
//! ```
//!
//! The face is nobody's: it is a plausible face for somebody who sounds like this, drawn from what
//! a model learnt of many people, and it identifies no one. [`Speech2Face::embed_voice`] and
//! [`Speech2Face::decode`] are the two halves of the way, for whoever wants the features in
//! between; [`embed_face`] describes a photograph in the same numbers. Nothing here trains, opens the network or writes a file.

mod embed_face;
mod error;
mod export;
mod face_encoder;
mod face_reader;
mod feature;
mod folder;
mod model;
mod portrait;
mod provenance;
mod recording;
pub mod run_folder;
mod windows;

pub use embed_face::embed_face;
pub use error::{DecodeError, EmbedError, ModelError};
pub use export::{EncodingError, is_own, synthetic_png};
pub use face_encoder::{MobileFaceEncoder, VggFaceEncoder};
pub use face_reader::{
    AgeSexReader, AgeSexReading, FaceReader, FaceReaderError, FaceReading,
};
pub use feature::FaceFeature;
pub use folder::read_model_config;
pub use model::{SHIPPED, Speech2Face};
pub use portrait::{Face, Picture, Portrait};
pub use provenance::{ModelId, Provenance, RecordingId, SOFTWARE, SYNTHETIC, Settings};
pub use recording::Recording;
pub use s2f_audio as audio;
pub use s2f_core::{FaceSpace, Normalisation};
pub use s2f_face as face;
pub use s2f_nn::ModelConfig;
pub use windows::Windows;
