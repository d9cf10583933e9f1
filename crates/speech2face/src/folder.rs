//! A model folder: `config.json`, `model.safetensors` and the model card `README.md`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use s2f_kernels::mapped::map;
use s2f_nn::ModelConfig;

use crate::audio::Waveform;
use crate::{ModelError, front_end};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const CARD: &str = "README.md";

const MAX_TEXT_BYTES: u64 = 1 << 20;
/// The paper's networks are 0.7 GB in single precision.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// A file of the shipped model, included when this crate is built.
macro_rules! shipped {
    ($file:literal) => {
        include_bytes!(concat!("../models/compact/", $file))
    };
}

/// The contents of a model folder, with a configuration of plausible sizes.
pub(crate) struct ModelFolder {
    pub config: ModelConfig,
    /// Mapped from the file.
    pub weights: Bytes,
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
            Bytes::from_static(shipped!("model.safetensors")),
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
        let weights_file = folder.join(WEIGHTS);
        let weights = map(&open(&weights_file, MAX_WEIGHTS_BYTES)?)
            .map_err(|reason| ModelError::Io { file: weights_file, reason })?;
        let card = match read(&folder.join(CARD), MAX_TEXT_BYTES) {
            Err(ModelError::Io { reason, .. }) if reason.kind() == ErrorKind::NotFound => {
                Vec::new()
            }
            card => card?,
        };
        Self::new(folder, &config, weights, &card)
    }

    fn new(folder: &Path, config: &[u8], weights: Bytes, card: &[u8]) -> Result<Self, ModelError> {
        let config = read_config(&folder.join(CONFIG), config)?;
        let card = String::from_utf8_lossy(card).into_owned();
        Ok(Self { config, weights, weights_file: folder.join(WEIGHTS), card })
    }
}

/// Reads the configuration of a model; `path` is a `config.json` or a model folder.
///
/// # Errors
/// [`ModelError::Io`], [`ModelError::TooBig`], [`ModelError::Config`], [`ModelError::Network`].
pub fn read_model_config(path: &Path) -> Result<ModelConfig, ModelError> {
    let file = if path.is_dir() { path.join(CONFIG) } else { path.to_owned() };
    let json = read(&file, MAX_TEXT_BYTES)?;
    read_config(&file, &json)
}

/// A file, unless it is larger than `limit`.
fn open(path: &Path, limit: u64) -> Result<File, ModelError> {
    let io = |reason| ModelError::Io { file: path.to_owned(), reason };
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > limit {
        return Err(ModelError::TooBig { file: path.to_owned(), bytes, limit });
    }
    Ok(file)
}

/// The whole of such a file.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let mut contents = Vec::new();
    let read = open(path, limit)?.take(limit).read_to_end(&mut contents);
    read.map_err(|reason| ModelError::Io { file: path.to_owned(), reason })?;
    Ok(contents)
}

/// Parses the configuration of `file` and checks that a network of usual size can be built from it.
fn read_config(file: &Path, json: &[u8]) -> Result<ModelConfig, ModelError> {
    let config: ModelConfig = serde_json::from_slice(json)
        .map_err(|error| ModelError::Config { file: file.to_owned(), reason: error.to_string() })?;
    let checked = config.check().and_then(|()| {
        // One clip has to be long enough for the voice encoder.
        let encoder = &config.voice_encoder;
        encoder.check_frames(front_end::frames(encoder.front_end(), Waveform::CLIP_SAMPLES))
    });
    match checked {
        Ok(()) => Ok(config),
        Err(problem) => Err(ModelError::Network { file: file.to_owned(), problem }),
    }
}
