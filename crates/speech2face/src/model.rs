//! A model on a device: voices in, faces out.

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use bytes::Bytes;
use rayon::prelude::*;
use s2f_audio::Waveform;
use s2f_core::FaceSpace;
use s2f_core::hash::sha256;
use s2f_nn::weights::load_shared;
use s2f_nn::{Model, ModelConfig, normalise};

use crate::embed_voice::embed_voices;
use crate::folder::ModelFolder;
use crate::voices::values;
use crate::{DecodeError, Face, FaceFeature, ModelError, ModelId, Picture, VoicePolicy};

/// Name of the model that is part of the library.
pub const SHIPPED: &str = "compact";

/// A model on a device: a voice encoder and a face decoder that share a face space.
pub struct Speech2Face {
    /// Computed when it is first asked for: hashing large weights takes as long as a voice.
    id: OnceLock<ModelId>,
    weights: Bytes,
    config: ModelConfig,
    card: String,
    model: Model,
    device: Device,
}

impl fmt::Debug for Speech2Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech2Face").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Speech2Face {
    /// The model that is part of the library, on `device`.
    ///
    /// # Errors
    /// None in a library that was built completely.
    pub fn shipped(device: &Device) -> Result<Self, ModelError> {
        Self::load(ModelFolder::shipped()?, device)
    }

    /// Opens a model folder on `device`: `config.json`, `model.safetensors` and, if it exists,
    /// `README.md`. The weights are mapped into memory: do not change the file in place while the
    /// model exists.
    ///
    /// # Errors
    /// [`ModelError`], which names the file and the reason.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::load(ModelFolder::read(folder)?, device)
    }

    fn load(folder: ModelFolder, device: &Device) -> Result<Self, ModelError> {
        let ModelFolder { config, weights, weights_file, card } = folder;
        let model = config.init(device).map_err(|error| ModelError::Config {
            file: weights_file.with_file_name("config.json"),
            reason: error.to_string(),
        })?;
        let model = load_shared(model, &weights)
            .map_err(|problem| ModelError::Weights { file: weights_file, problem })?;
        Ok(Self { id: OnceLock::new(), weights, config, card, model, device: device.clone() })
    }

    /// The face feature that the model predicts for a voice, from the windows that `policy`
    /// selects, normalised as the face space is: the mean of the
    /// [distribution](Self::distribution) if the model has one, else the pooled features of the
    /// windows.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn embed_voice(
        &self,
        voice: &Waveform,
        policy: &VoicePolicy,
    ) -> Result<FaceFeature, DecodeError> {
        let mut features = self.embed_voices(std::slice::from_ref(voice), policy)?;
        Ok(features.swap_remove(0))
    }

    /// [`embed_voice`](Self::embed_voice) of many voices at once, in order. Decode at most some
    /// hundreds of voices at a time: all their spectrograms' features are held in memory.
    ///
    /// # Errors
    /// As [`Speech2Face::embed_voice`].
    pub fn embed_voices(
        &self,
        voices: &[Waveform],
        policy: &VoicePolicy,
    ) -> Result<Vec<FaceFeature>, DecodeError> {
        let features = embed_voices(&self.model, self.face_space(), voices, policy, &self.device);
        features.map_err(|error| match error {
            DecodeError::BadValue { .. } => self.not_finite("features"),
            other => other,
        })
    }

    /// Decodes a feature to a face, moved away from the mean face by `exaggerate`: 0 leaves it as
    /// it is, -1 gives the mean face.
    ///
    /// # Errors
    /// [`DecodeError::NoTraits`] for an identity if the model's face space has traits, as that of
    /// a photograph ([`add_traits`](Self::add_traits) adds them); [`DecodeError::OtherSpace`]
    /// for a feature of another face space, [`DecodeError::NotFinite`] if the weights are damaged,
    /// [`DecodeError::Device`].
    pub fn decode(&self, feature: &FaceFeature, exaggerate: f32) -> Result<Face, DecodeError> {
        if feature.space() != self.face_space() {
            return Err(self.other_space(feature));
        }
        let values = TensorData::new(feature.values().to_vec(), [1, self.face_space().dimension]);
        let input = Tensor::<2>::from_data(values, &self.device); // [1, D]
        let input = self.model.exaggerate(input, exaggerate.into());
        let input = normalise(input, self.face_space());
        let decoded = self.model.face_decoder.forward(input.clone());
        let landmarks = self.finite(decoded.landmarks.clone(), "landmarks")?;
        let picture = self.model.face_decoder.picture(decoded); // [1, 3, side, side]
        let [_, _, side, _] = picture.dims();
        let picture = self.finite(picture, "pixels")?;
        let feature = self.finite(input, "features")?;
        Ok(Face {
            feature: FaceFeature::new(self.face_space().clone(), feature)?,
            landmarks: landmarks.as_chunks().0.to_vec(),
            picture: Picture { side, rgb: interleaved(&picture) },
        })
    }

    /// [`decode`](Self::decode) of several features, in order, on all threads of the current rayon
    /// pool. A face does not depend on the others.
    ///
    /// # Errors
    /// As [`Speech2Face::decode`].
    pub fn decode_batch(
        &self,
        features: &[FaceFeature],
        exaggerate: f32,
    ) -> Result<Vec<Face>, DecodeError> {
        features.par_iter().map(|feature| self.decode(feature, exaggerate)).collect()
    }

    /// Reconstructs a face from a test sound, to check that the networks give finite values.
    ///
    /// # Errors
    /// As [`Speech2Face::embed_voice`].
    pub fn verify(&self) -> Result<(), DecodeError> {
        let turn = std::f32::consts::TAU * 150.0 / Waveform::RATE_HZ as f32;
        let sound: Vec<f32> =
            (0..Waveform::CLIP_SAMPLES).map(|n| (n as f32 * turn).sin().powi(9)).collect();
        let voice = Waveform::from_interleaved(&sound, 1, Waveform::RATE_HZ)
            .map_err(|error| DecodeError::Device(error.to_string()))?;
        self.decode(&self.embed_voice(&voice, &VoicePolicy::first_clip())?, 0.0).map(drop)
    }

    /// Name and hash of the model.
    pub fn id(&self) -> &ModelId {
        self.id.get_or_init(|| ModelId {
            name: self.config.name.clone(),
            sha256: sha256(&self.weights),
        })
    }

    /// The configuration of its networks.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device that the model is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The networks, to export or to continue training.
    pub fn networks(&self) -> &Model {
        &self.model
    }

    /// The face space of the model.
    pub fn face_space(&self) -> &FaceSpace {
        &self.config.face_space
    }

    /// The model card, Markdown; empty if the folder has none.
    pub fn card(&self) -> &str {
        &self.card
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.model.num_params()
    }

    /// The mean feature of the training voices, `[D]`, from which exaggeration moves away; not
    /// normalised. Zeros if the model was never given one.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn mean_feature(&self) -> Result<Vec<f32>, DecodeError> {
        self.finite(self.model.mean_feature.val(), "mean features")
    }

    /// Why a feature of another face space cannot be used.
    pub(crate) fn other_space(&self, feature: &FaceFeature) -> DecodeError {
        let model = self.config.name.clone();
        let expected = Box::new(self.face_space().clone());
        let feature = Box::new(feature.space().clone());
        if *feature == expected.identity() {
            DecodeError::NoTraits { model, feature, expected }
        } else {
            DecodeError::OtherSpace { model, feature, expected }
        }
    }

    /// The elements of a tensor, which must be finite.
    pub(crate) fn finite<const D: usize>(
        &self,
        tensor: Tensor<D>,
        what: &'static str,
    ) -> Result<Vec<f32>, DecodeError> {
        let values = values(tensor)?;
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(self.not_finite(what))
        }
    }

    pub(crate) fn not_finite(&self, what: &'static str) -> DecodeError {
        DecodeError::NotFinite { model: self.config.name.clone(), what }
    }
}

/// R, G, B of each pixel, from planes of values from 0 to 1.
pub(crate) fn interleaved(planes: &[f32]) -> Vec<u8> {
    // Rounds to the nearest; `round` would be a call for each value.
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(red.len());
    let pixels = red.iter().zip(green).zip(blue);
    pixels.flat_map(|((red, green), blue)| [red, green, blue].map(|&value| byte(value))).collect()
}
