//! The frozen face decoder that a voice encoder is trained against.

use burn::module::Module;
use burn::tensor::Device;
use s2f_core::FaceSpace;
use s2f_face::border_points;
use s2f_nn::{FaceDecoder, FaceDecoderConfig, Model, ModelConfig, weights};
use speech2face::{ModelSource, ModelSourceError, RunFolder, RunFolderError};

use crate::{FaceDecoderTraining, TrainError, config};

/// A trained face decoder and its face space.
pub(crate) struct FrozenDecoder {
    pub(crate) network: FaceDecoder,
    pub(crate) config: FaceDecoderConfig,
    pub(crate) border: Vec<[f32; 2]>,
    pub(crate) face_space: FaceSpace,
    /// How it was trained, if it comes from a run folder.
    pub(crate) training: Option<FaceDecoderTraining>,
}

impl FrozenDecoder {
    /// Opens the face decoder of a model (by its name, its folder or its run folder), or the run
    /// folder of a face decoder.
    pub(crate) fn open(name: &str, device: &Device) -> Result<Self, TrainError> {
        let source = match ModelSource::resolve(name) {
            Err(ModelSourceError::Run(RunFolderError::FaceDecoder { folder })) => {
                return Self::from_run(&RunFolder::at(&folder), device);
            }
            source => source?,
        };
        let (config, model) = networks(&source)?;
        Ok(Self {
            network: model.face_decoder.fork(device),
            config: config.face_decoder,
            border: config.border,
            face_space: config.face_space,
            training: None,
        })
    }

    fn from_run(run: &RunFolder, device: &Device) -> Result<Self, TrainError> {
        let training: FaceDecoderTraining = config::read(&run.config_file(), &[])?;
        let config = training.network.clone();
        // The file of weights has the mean landmarks.
        let mean = vec![[0.0; 2]; config.landmarks.count];
        let network = config.init(&mean, &border_points(), device)?;
        Ok(Self {
            network: weights::load_file(network, &run.face_decoder_file())?,
            config,
            border: border_points().to_vec(),
            face_space: training.data.face_space(),
            training: Some(training),
        })
    }
}

/// The networks of a model by its name, its folder or its run folder, on the CPU.
pub(crate) fn open_model(name: &str) -> Result<(ModelConfig, Model), TrainError> {
    networks(&ModelSource::resolve(name)?)
}

fn networks(source: &ModelSource) -> Result<(ModelConfig, Model), TrainError> {
    let model = source.open(&Device::flex())?;
    Ok((model.config().clone(), model.networks().clone()))
}
