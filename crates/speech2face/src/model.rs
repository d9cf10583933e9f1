//! A model folder, opened: voices in, faces out.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use s2f_audio::{Spectrogram, Waveform, spectrogram};
use s2f_core::FaceSpace;
use s2f_nn::weights::load;
use s2f_nn::{Model, ModelConfig, normalise};

use crate::folder::ModelFolder;
use crate::recording::sha256;
use crate::{
    DecodeError, Face, FaceFeature, ModelError, ModelId, Picture, Portrait, Provenance, Recording,
    RecordingId, SOFTWARE, SYNTHETIC, Settings, Windows,
};

/// Name of the model that is part of the program.
pub const SHIPPED: &str = "compact";

/// Windows that go through the network at once; more would take more memory and no less time.
const BATCH: usize = 4;

/// A voice encoder and a face decoder that share a face space.
#[derive(Debug)]
pub struct Speech2Face {
    id: ModelId,
    config: ModelConfig,
    card: String,
    model: Model,
    device: Device,
}

impl Speech2Face {
    /// The model that is part of the program.
    ///
    /// # Errors
    /// None that can happen with a program that was built whole.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::load(ModelFolder::shipped()?)
    }

    /// Opens a model folder: `config.json`, `model.safetensors` and, if it is there, `README.md`.
    ///
    /// # Errors
    /// [`ModelError`], which names the file and the reason.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        Self::load(ModelFolder::read(folder)?)
    }

    fn load(folder: ModelFolder) -> Result<Self, ModelError> {
        let ModelFolder { config, weights, weights_file, card } = folder;
        let device = Device::default();
        let model = config.init(&device).map_err(|error| ModelError::Config {
            file: weights_file.with_file_name("config.json"),
            reason: error.to_string(),
        })?;
        let model = load(model, &weights)
            .map_err(|problem| ModelError::Weights { file: weights_file, problem })?;
        let id = ModelId { name: config.name.clone(), sha256: sha256(&weights) };
        Ok(Self { id, config, card, model, device })
    }

    /// Draws a face from a recording.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] with damaged weights, [`DecodeError::Device`].
    pub fn reconstruct(
        &self,
        recording: &Recording,
        settings: Settings,
    ) -> Result<Portrait, DecodeError> {
        let feature = self.embed_voice(recording.voice(), settings.windows)?;
        let face = self.decode(&feature, settings.exaggerate)?;
        let recording = RecordingId {
            sha256: recording.sha256().to_owned(),
            seconds: recording.voice().seconds(),
        };
        let provenance = Provenance {
            software: SOFTWARE,
            synthetic: SYNTHETIC,
            model: self.id.clone(),
            recording,
            settings,
        };
        Ok(Portrait { face, provenance })
    }

    /// The feature of the face that the model expects behind a voice: the mean of the windows'
    /// features, brought to the normalisation of the face space.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] with damaged weights, [`DecodeError::Device`].
    pub fn embed_voice(
        &self,
        voice: &Waveform,
        windows: Windows,
    ) -> Result<FaceFeature, DecodeError> {
        let clips = windows.clips(voice);
        let features = clips.chunks(BATCH).map(|clips| {
            let values: Vec<f32> =
                clips.iter().flat_map(|clip| spectrogram(clip).into_data()).collect();
            let shape = [clips.len(), 2, Spectrogram::CLIP_FRAMES, Spectrogram::BINS];
            let input = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
            self.model.voice_encoder.forward(input) // [clips, D]
        });
        let features = Tensor::cat(features.collect(), 0); // [windows, D]
        let feature = self.model.voice_encoder.pool(features.unsqueeze()); // [1, D]
        self.feature(normalise(feature, self.face_space()))
    }

    /// Draws the face of a feature, pushed away from the mean face by `exaggerate`: 0 leaves it as
    /// it is, -1 gives the mean face.
    ///
    /// # Errors
    /// [`DecodeError::OtherSpace`] for a feature of another face space than this model's,
    /// [`DecodeError::NotFinite`] with damaged weights, [`DecodeError::Device`].
    pub fn decode(&self, feature: &FaceFeature, exaggerate: f32) -> Result<Face, DecodeError> {
        if feature.space() != self.face_space() {
            return Err(DecodeError::OtherSpace {
                model: self.id.name.clone(),
                feature: feature.space().clone(),
                expected: self.face_space().clone(),
            });
        }
        let values = TensorData::new(feature.values().to_vec(), [1, feature.values().len()]);
        let input = Tensor::<2>::from_data(values, &self.device); // [1, D]
        let input = self.model.exaggerate(input, exaggerate.into());
        let input = normalise(input, self.face_space());
        let decoded = self.model.face_decoder.forward(input.clone());
        let landmarks = self.numbers(decoded.landmarks.clone(), "landmarks")?;
        let picture = self.model.face_decoder.render(decoded); // [1, 3, side, side]
        let [_, _, side, _] = picture.dims();
        let picture = self.numbers(picture.permute([0, 2, 3, 1]), "pixels")?; // [1, side, side, 3]
        Ok(Face {
            feature: self.feature(input)?,
            landmarks: landmarks.as_chunks().0.to_vec(),
            picture: Picture { side, rgb: picture.into_iter().map(to_byte).collect() },
        })
    }

    /// Draws the face of a test sound, to see that the networks give numbers.
    ///
    /// # Errors
    /// As [`Speech2Face::embed_voice`].
    pub fn verify(&self) -> Result<(), DecodeError> {
        let turn = std::f32::consts::TAU * 150.0 / Waveform::RATE_HZ as f32;
        let sound: Vec<f32> =
            (0..Waveform::CLIP_SAMPLES).map(|n| (n as f32 * turn).sin().powi(9)).collect();
        let voice = Waveform::from_interleaved(&sound, 1, Waveform::RATE_HZ)
            .map_err(|error| DecodeError::Device(error.to_string()))?;
        self.decode(&self.embed_voice(&voice, Windows::First)?, 0.0).map(drop)
    }

    /// Name and hash of the model.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// What the model is made of.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The networks themselves, to convert or to train on.
    pub fn networks(&self) -> &Model {
        &self.model
    }

    /// The face space of its features.
    pub fn face_space(&self) -> &FaceSpace {
        &self.config.face_space
    }

    /// The model card, Markdown; empty where the folder has none.
    pub fn card(&self) -> &str {
        &self.card
    }

    /// How many numbers were learnt.
    pub fn parameters(&self) -> usize {
        self.model.num_params()
    }

    /// `[1, D]` as a feature of the model's face space.
    fn feature(&self, values: Tensor<2>) -> Result<FaceFeature, DecodeError> {
        FaceFeature::new(self.face_space().clone(), self.numbers(values, "features")?)
    }

    /// The numbers of a tensor, which have to be finite.
    fn numbers<const D: usize>(
        &self,
        tensor: Tensor<D>,
        what: &'static str,
    ) -> Result<Vec<f32>, DecodeError> {
        let failed = |error: String| DecodeError::Device(error);
        let data = tensor.try_to_data_as::<f32>().map_err(|error| failed(error.to_string()))?;
        let values: Vec<f32> = data.try_into_vec().map_err(|error| failed(error.to_string()))?;
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(DecodeError::NotFinite { model: self.id.name.clone(), what })
        }
    }
}

/// A share of full brightness as a byte.
fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}
