//! The networks of speech2face on [Burn](https://burn.dev): voice encoder, speaker encoder, face
//! encoders, face decoder with its differentiable warp, distributions of faces, losses, and weights
//! in and out.
//!
//! Each network has a configuration with named presets and a struct with `init` and `forward`; a
//! configuration is checked before memory is allocated for it. Pictures and sounds come in as
//! tensors; weights are the only files that are read here.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use s2f_nn::{Model, ModelConfig, normalise};
//!
//! # let text = include_str!("../../speech2face/models/compact/config.json");
//! # let weights = include_bytes!("../../speech2face/models/compact/model.safetensors");
//! let device = Device::flex();
//! let config: ModelConfig = serde_json::from_str(text)?; // config.json of a model folder
//! let model: Model = s2f_nn::weights::load(config.init(&device)?, weights)?;
//! let mel = Tensor::ones([1, 1, 601, 40], &device); // 6 s
//! let embedding = model.voice_encoder.forward(mel);
//! let head = model.face_distribution.as_ref().ok_or("the model has no distribution")?;
//! let feature = normalise(head.mean(embedding), &config.face_space);
//! let face = model.face_decoder.forward(feature);
//! assert_eq!(model.face_decoder.render(face).dims(), [1, 3, 224, 224]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod config;
pub mod face_api;
pub mod face_decoder;
pub mod face_distribution;
pub mod losses;
pub mod mobile_face;
mod model;
mod normalise;
mod plain_cpu;
pub mod speaker_encoder;
pub mod texture;
pub mod vgg_face;
pub mod voice_encoder;
pub mod warp;
pub mod weights;

#[cfg(test)]
mod tests;

pub use config::{ConfigError, Cost, MAX_PARAMETERS};
pub use face_decoder::{DecodedFace, FaceDecoder, FaceDecoderConfig};
pub use face_distribution::{
    ComponentParts, DistributionError, FaceDistribution, FaceDistributionConfig,
    FaceDistributionHead, Information, Reliability,
};
pub use mobile_face::MobileFace;
pub use model::{Model, ModelConfig};
pub use normalise::{normalise, unit_length};
pub use s2f_kernels::Sum;
pub use speaker_encoder::{SpeakerEncoder, SpeakerEncoderConfig};
pub use vgg_face::{VggFace, VggFaceConfig};
pub use voice_encoder::{FrontEnd, SegmentPooling, TrunkConfig, VoiceEncoder, VoiceEncoderConfig};
pub use warp::Warp;
