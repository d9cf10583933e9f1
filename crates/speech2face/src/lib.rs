//! From a recording of a voice to a picture of a face that shares its traits.
//!
//! ```
//! use speech2face::audio::ReadOptions;
//! use speech2face::device::DeviceChoice;
//! use speech2face::{ReconstructOptions, Speech2Face, VoiceRecording};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/voices/low.flac");
//! let device = DeviceChoice::Cpu.open()?;
//! let model = Speech2Face::shipped(&device)?;
//! let recording = VoiceRecording::read(path.as_ref(), &ReadOptions::default())?;
//! let reconstruction = model.reconstruct(&recording, ReconstructOptions::default())?;
//! let png = reconstruction.to_png()?;
//! # assert!(png.starts_with(b"\x89PNG"));
//! # Ok(()) }
//! ```
//!
//! The face belongs to nobody. It is a plausible face for somebody who sounds like this, drawn from
//! what a model learnt from many people, and it identifies no one.
//!
//! [`Speech2Face::embed_voice`] and [`Speech2Face::decode`] are the two halves of
//! [`Speech2Face::reconstruct`], and [`embed_face`] computes the feature of a photograph in the
//! same face space. Nothing in this crate trains, opens the network or writes a file.
#![forbid(unsafe_code)]

mod cartoon;
mod corpus_networks;
pub mod device;
mod distribution;
mod document;
mod embed_face;
mod embed_voice;
mod environment;
mod error;
mod evidence;
mod export;
mod face_encoder;
mod face_reader;
mod feature;
mod folder;
pub mod front_end;
mod growing_voice;
mod known_traits;
mod model;
mod model_source;
mod provenance;
mod reconstruct;
mod reconstruction;
mod recording;
mod run_folder;
mod steps;
mod training_record;
mod uncertainty;
mod voices;

/// The tensor library, in the version that this crate uses.
pub use burn;
pub use cartoon::{Cartoon, CartoonError, CartoonStyle, UnknownStyle};
pub use corpus_networks::{
    CorpusNetworks, CorpusNetworksError, FaceEncoderChoice, NetworkChoice, OnnxSettings,
};
pub use device::{Device, DeviceChoice, DeviceError};
pub use distribution::sample_features;
pub use document::{FaceDensity, FacesDocument};
pub use embed_face::embed_face;
pub use embed_voice::{distributions, embed_voices};
pub use environment::{Environment, Host};
pub use error::{DecodeError, EmbedError, ModelError};
pub use evidence::Evidence;
pub use export::{EncodingError, composite_png, synthetic_png};
pub use face_encoder::{MobileFaceEncoder, VggFaceEncoder};
pub use face_reader::{AgeSexReader, AgeSexReading, FaceReader, FaceReaderError, FaceReading};
pub use feature::{FaceFeature, FaceTraits};
pub use folder::read_model_config;
pub use growing_voice::GrowingVoice;
/// The library of pictures, in the version that this crate uses.
pub use image;
pub use known_traits::KnownTraits;
pub use model::{SHIPPED, Speech2Face};
pub use model_source::{ModelSource, ModelSourceError};
pub use provenance::{
    ModelId, Provenance, ReconstructOptions, RecordingId, SOFTWARE, SYNTHETIC, SampleId, Sampling,
};
pub use reconstruct::ReconstructRequest;
pub use reconstruction::{Face, Picture, PlausibleFaces, Reconstruction};
pub use recording::VoiceRecording;
pub use run_folder::{RunFolder, RunFolderError};
pub use s2f_audio as audio;
pub use s2f_core as core;
pub use s2f_core::{FaceSpace, Normalisation};
pub use s2f_face as face;
pub use s2f_nn as nn;
pub use s2f_nn::{FaceDistribution, ModelConfig};
pub use steps::{FrontEndInput, LevelSpan, Steps};
pub use training_record::{DataId, TrainingRecord};
pub use uncertainty::{AgeRange, Uncertainty};
pub use voices::{VoicePolicy, Windows, embed_windows};
