//! The contents of a model folder: a voice encoder and a face decoder with a common face space.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use s2f_core::FaceSpace;
use serde::{Deserialize, Serialize};

use crate::config::{Checks, ConfigError, Cost};
use crate::face_decoder::BORDER;
use crate::{
    FaceDecoder, FaceDecoderConfig, FaceDistributionConfig, FaceDistributionHead, VoiceEncoder,
    VoiceEncoderConfig,
};

const CHECKS: Checks = Checks("model");
/// How far outside the picture a point of the border may lie, pixels.
const BORDER_DISTANCE: f32 = 4096.0;

/// `config.json` of a model folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name of the model, for example `compact`.
    pub name: String,
    /// The face space of the voice encoder's output and the face decoder's input.
    pub face_space: FaceSpace,
    /// Voice to feature.
    pub voice_encoder: VoiceEncoderConfig,
    /// Feature to face.
    pub face_decoder: FaceDecoderConfig,
    /// Points of zero displacement of the warp, x and y in pixels.
    pub border: Vec<[f32; 2]>,
    /// Voice to a distribution of features, if the model has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_distribution: Option<FaceDistributionConfig>,
}

impl ModelConfig {
    /// Checks that a model can be built: both networks can be, both fit the face space (or the
    /// distribution does, if the voice encoder ends with its trunk), and the border's points are at
    /// most 256 and near the picture.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.voice_encoder.check()?;
        self.face_decoder.check()?;
        CHECKS.face_space(&self.face_space)?;
        if self.voice_encoder.output.is_some() || self.face_distribution.is_none() {
            self.voice_encoder.check_face_space(&self.face_space)?;
        }
        self.face_decoder.check_face_space(&self.face_space)?;
        if let Some(distribution) = &self.face_distribution {
            distribution.check()?;
            distribution.check_face_space(&self.face_space)?;
            let (width, other) = (distribution.embedding, "width of the voice encoder's features");
            CHECKS.equal(
                "face_distribution.embedding",
                width,
                other,
                self.voice_encoder.features()?,
            )?;
        }
        CHECKS.range("number of border points", self.border.len(), BORDER)?;
        let (min, max) = (-BORDER_DISTANCE, BORDER_DISTANCE + self.face_decoder.size as f32);
        for (index, point) in self.border.iter().enumerate() {
            for (axis, &value) in point.iter().enumerate() {
                CHECKS.position(format!("border[{index}][{axis}]"), value, min..=max)?;
            }
        }
        Ok(())
    }

    /// What the model takes with `batch` clips of `frames` frames at a time, from spectrograms to
    /// pictures.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`ConfigError::TooShort`] for too few frames.
    pub fn cost(&self, batch: usize, frames: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let mean_feature = Cost::new(self.face_space.dimension as u64, 0);
        let networks = self.voice_encoder.cost(batch, frames)? + self.face_decoder.cost(batch)?;
        let distribution = self.face_distribution.as_ref().map(|config| config.cost(batch));
        Ok(networks + mean_feature + distribution.transpose()?.unwrap_or_default())
    }

    /// A model with fresh weights; mean feature and mean landmarks are zero until weights are
    /// loaded.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<Model, ConfigError> {
        self.check()?;
        let dimension = self.face_space.dimension;
        let mean = vec![[0.0; 2]; self.face_decoder.landmarks.count];
        Ok(Model {
            voice_encoder: self.voice_encoder.init(device)?,
            face_decoder: self.face_decoder.init(&mean, &self.border, device)?,
            mean_feature: Param::from_tensor(Tensor::zeros([dimension], device)),
            face_distribution: match &self.face_distribution {
                None => None,
                Some(config) => Some(config.init(device)?),
            },
        })
    }
}

/// `model.safetensors` of a model folder.
#[derive(Module, Debug)]
pub struct Model {
    /// Voice to feature.
    pub voice_encoder: VoiceEncoder,
    /// Feature to face.
    pub face_decoder: FaceDecoder,
    /// Mean feature of the training voices, `[D]`, from which exaggeration moves away.
    pub mean_feature: Param<Tensor<1>>,
    /// Voice to a distribution of features, if the model has one. It reads the
    /// [trunk](VoiceEncoder::trunk) of a voice's windows, averaged.
    pub face_distribution: Option<FaceDistributionHead>,
}

impl Model {
    /// v̄ + (1 + amount)·(v − v̄). An amount of 0 leaves a feature unchanged; the paper shows
    /// pictures of 0.7 and 1.4, but not its formula.
    ///
    /// # Shapes
    /// - `feature`, output: `[batch, D]`; [`normalise`](crate::normalise) the output
    pub fn exaggerate(&self, feature: Tensor<2>, amount: f64) -> Tensor<2> {
        let mean = self.mean_feature.val().unsqueeze::<2>(); // [1, D]
        mean.clone() + (feature - mean) * (1.0 + amount)
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::Trait;

    use super::*;

    #[test]
    fn a_face_space_without_traits_is_written_as_before_there_were_any() {
        let text = r#"{"name":"mobileface-v2","dimension":256,"normalisation":"unit-length"}"#;
        let space: FaceSpace = serde_json::from_str(text).unwrap();
        assert_eq!(space, FaceSpace::mobileface());
        assert_eq!(serde_json::to_string(&space).unwrap(), text);
        let space = space.with_traits(&[Trait::Sex, Trait::Age]);
        let text = text.replace("256", "258").replace('}', r#","traits":["sex","age"]}"#);
        assert_eq!(serde_json::to_string(&space).unwrap(), text);
        assert_eq!(serde_json::from_str::<FaceSpace>(&text).unwrap(), space);
    }
}
