//! A model folder: `config.json`, `model.safetensors` and the model card `README.md`.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use s2f_nn::{ModelConfig, voice_encoder};
use serde_json::Value;

use crate::ModelError;
use crate::audio::Spectrogram;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const CARD: &str = "README.md";

const MAX_TEXT_BYTES: u64 = 1 << 20;
/// The paper's networks are 0.7 GB in single precision.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;
/// Far above any width, count or side of a network, and low enough that nothing overflows.
const MAX_SIZE: u64 = 65_536;
/// Values of a texture basis: a hundred components of 1024 × 1024 pixels.
const MAX_BASIS: usize = 1 << 27;

/// The shipped model, read when this crate was built.
macro_rules! shipped {
    ($file:literal) => {
        include_bytes!(concat!("../models/compact/", $file))
    };
}

/// The contents of a model folder, with a configuration of plausible sizes.
pub(crate) struct ModelFolder {
    pub config: ModelConfig,
    pub weights: Cow<'static, [u8]>,
    /// Path of the weights, for messages.
    pub weights_file: PathBuf,
    /// The model card; empty if there is none.
    pub card: String,
}

impl ModelFolder {
    /// The model folder that is part of the library.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::new(
            Path::new("shipped model compact"),
            shipped!("config.json"),
            Cow::Borrowed(shipped!("model.safetensors")),
            shipped!("README.md"),
        )
    }

    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let no_folder = |reason| Err(ModelError::NoFolder { folder: folder.to_owned(), reason });
        match fs::metadata(folder) {
            Err(error) => return no_folder(error.to_string()),
            Ok(metadata) if !metadata.is_dir() => return no_folder("it is a file".into()),
            Ok(_) => {}
        }
        let config = read(&folder.join(CONFIG), MAX_TEXT_BYTES)?;
        let weights = read(&folder.join(WEIGHTS), MAX_WEIGHTS_BYTES)?;
        let card = match read(&folder.join(CARD), MAX_TEXT_BYTES) {
            Err(ModelError::Io { reason, .. }) if reason.kind() == ErrorKind::NotFound => {
                Vec::new()
            }
            card => card?,
        };
        Self::new(folder, &config, Cow::Owned(weights), &card)
    }

    fn new(
        folder: &Path,
        config: &[u8],
        weights: Cow<'static, [u8]>,
        card: &[u8],
    ) -> Result<Self, ModelError> {
        let config = read_config(config)
            .map_err(|reason| ModelError::Config { file: folder.join(CONFIG), reason })?;
        let card = String::from_utf8_lossy(card).into_owned();
        Ok(Self { config, weights, weights_file: folder.join(WEIGHTS), card })
    }
}

/// The configuration of a model: `path` is a `config.json` or the model folder that holds one.
///
/// # Errors
/// [`ModelError::Io`], [`ModelError::TooBig`], [`ModelError::Config`].
pub fn read_model_config(path: &Path) -> Result<ModelConfig, ModelError> {
    let file = if path.is_dir() { path.join(CONFIG) } else { path.to_owned() };
    let json = read(&file, MAX_TEXT_BYTES)?;
    read_config(&json).map_err(|reason| ModelError::Config { file, reason })
}

/// A whole file, unless it is larger than `limit`.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let io = |reason| ModelError::Io { file: path.to_owned(), reason };
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > limit {
        return Err(ModelError::TooBig { file: path.to_owned(), bytes, limit });
    }
    let mut contents = Vec::new();
    file.take(limit).read_to_end(&mut contents).map_err(io)?;
    Ok(contents)
}

/// Reads a configuration, and refuses absurd sizes before memory is asked for by their word.
fn read_config(json: &[u8]) -> Result<ModelConfig, String> {
    let config: ModelConfig = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let value = serde_json::to_value(&config).map_err(|error| error.to_string())?;
    if let Some(size) = largest(&value).filter(|&size| size > MAX_SIZE) {
        return Err(format!("{size} is beyond the largest size of a network, {MAX_SIZE}"));
    }
    let side = config.face_decoder.size;
    if let Some(components) = config.face_decoder.basis_components()
        && components * side * side > MAX_BASIS
    {
        return Err(format!(
            "{components} components of {side} × {side} pixels are beyond the largest texture \
             basis, {MAX_BASIS} numbers"
        ));
    }
    let frames = config.voice_encoder.min_frames().map_err(|error| error.to_string())?;
    if frames > Spectrogram::CLIP_FRAMES {
        return Err(format!(
            "the voice encoder looks at {frames} frames, a clip has {}",
            Spectrogram::CLIP_FRAMES
        ));
    }
    Ok(config)
}

// Both sides state the number of frequencies that they were built for.
const _: () = assert!(voice_encoder::BINS == Spectrogram::BINS);

/// The largest whole number in a JSON value.
fn largest(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::Array(values) => values.iter().filter_map(largest).max(),
        Value::Object(values) => values.values().filter_map(largest).max(),
        _ => None,
    }
}
