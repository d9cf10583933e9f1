//! The networks of speech2face on [Burn](https://burn.dev): voice encoder, face encoders, face
//! decoder with its differentiable warp, losses, and weights in and out.
//!
//! Each network is one file: its configuration with named presets, the struct, `init`, `forward`.
//! Pictures and sounds come in as tensors; no file but weights is read here.

#![forbid(unsafe_code)]

pub mod age_gender;
mod config;
pub mod face_crop;
pub mod face_decoder;
pub mod landmark68;
pub mod losses;
pub mod mobile_face;
mod model;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod published;
#[cfg(test)]
mod reference;
mod separable;
pub mod texture;
pub mod vgg_face;
pub mod voice_encoder;
pub mod warp;
pub mod weights;

pub use age_gender::{AgeGender, Impression};
pub use config::{ConfigError, Cost, MAX_PARAMETERS};
pub use face_decoder::{DecodedFace, FaceDecoder, FaceDecoderConfig};
pub use landmark68::Landmark68;
pub use mobile_face::MobileFace;
pub use model::{Model, ModelConfig, normalise, unit_length};
pub use vgg_face::{VggFace, VggFaceConfig};
pub use voice_encoder::{SegmentPooling, VoiceEncoder, VoiceEncoderConfig};
pub use warp::Warp;
