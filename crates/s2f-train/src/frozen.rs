//! The frozen face decoder that a voice encoder is trained against.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use s2f_core::FaceSpace;
use s2f_face::border_points;
use s2f_nn::{FaceDecoder, FaceDecoderConfig, Model, ModelConfig, weights};
use speech2face::{SHIPPED, Speech2Face};

use crate::face_decoder::WEIGHTS;
use crate::{FaceDecoderTraining, TrainError, config};

/// A trained face decoder and where its features live.
pub(crate) struct Frozen {
    pub(crate) decoder: FaceDecoder,
    pub(crate) config: FaceDecoderConfig,
    pub(crate) border: Vec<[f32; 2]>,
    pub(crate) face_space: FaceSpace,
    /// What it was trained on, where it comes from a run folder.
    pub(crate) training: Option<FaceDecoderTraining>,
}

impl Frozen {
    /// Opens a model folder, the shipped model, or the run folder of a face decoder.
    pub(crate) fn open(name: &str, device: &Device) -> Result<Self, TrainError> {
        let folder = Path::new(name);
        if folder.join(WEIGHTS).is_file() {
            return Self::from_run(folder, device);
        }
        let (config, model) = open_model(name)?;
        Ok(Self {
            decoder: model.face_decoder.fork(device),
            config: config.face_decoder,
            border: config.border,
            face_space: config.face_space,
            training: None,
        })
    }

    fn from_run(folder: &Path, device: &Device) -> Result<Self, TrainError> {
        let training: FaceDecoderTraining = config::read(&folder.join("config.toml"), &[])?;
        let config = training.network.clone();
        // The weights hold the mean shape as well.
        let mean = vec![[0.0; 2]; config.landmarks.count];
        let decoder = config.init(&mean, &border_points(), device)?;
        Ok(Self {
            decoder: weights::load_file(decoder, &folder.join(WEIGHTS))?,
            config,
            border: border_points().to_vec(),
            face_space: training.data.face_space(),
            training: Some(training),
        })
    }
}

/// The networks of a model folder, or of the shipped model by its name.
pub(crate) fn open_model(name: &str) -> Result<(ModelConfig, Model), TrainError> {
    let folder = Path::new(name);
    let model = if name == SHIPPED && !folder.is_dir() {
        Speech2Face::shipped(&Device::flex())?
    } else {
        Speech2Face::open(folder, &Device::flex())?
    };
    Ok((model.config().clone(), model.networks().clone()))
}
