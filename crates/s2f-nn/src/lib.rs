//! The networks of speech2face on [Burn](https://burn.dev): voice encoder, face encoders, face
//! decoder with its differentiable warp, losses, and weights in and out.
//!
//! Each network is one file: its configuration with named presets, the struct, `init`, `forward`.
//! Pictures and sounds come in as tensors; no file but weights is read here.

mod config;
pub mod face_decoder;
pub mod losses;
mod model;
#[cfg(test)]
mod reference;
pub mod voice_encoder;
pub mod warp;
pub mod weights;

pub use config::ConfigError;
pub use face_decoder::{DecodedFace, FaceDecoder, FaceDecoderConfig};
pub use model::{FaceSpace, Model, ModelConfig, Normalisation, unit_length};
pub use voice_encoder::{VoiceEncoder, VoiceEncoderConfig};
pub use warp::Warp;
