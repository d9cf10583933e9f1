//! The parameters that training a voice encoder changes.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use s2f_nn::losses::Contrast;
use s2f_nn::{VoiceEncoder, VoiceEncoderConfig};

use crate::batch::Batch;
use crate::frozen::open_model;
use crate::{TrainError, VoiceEncoderTraining};

/// The voice encoder, and the temperature of the contrastive loss if there is one.
#[derive(Module, Debug)]
pub(crate) struct Learner {
    pub(crate) voice_encoder: VoiceEncoder,
    pub(crate) contrast: Option<Contrast>,
    #[module(skip)]
    freeze_convolutions: bool,
}

impl Learner {
    /// Fresh weights, or those of the configuration's `start.model`.
    pub(crate) fn new(
        config: &VoiceEncoderTraining,
        mean_feature: &[f32],
        device: &Device,
    ) -> Result<Self, TrainError> {
        let voice_encoder = match &config.start {
            None => config.network.init(device)?,
            Some(start) => {
                let (model_config, model) = open_model(&start.model)?;
                same_shape(&start.model, &model_config.voice_encoder, &config.network)?;
                model.voice_encoder.fork(device).train()
            }
        };
        let contrast = (config.losses.contrastive > 0.0)
            .then(|| Contrast::new(Tensor::from_floats(mean_feature, device), device));
        let freeze_convolutions =
            config.start.as_ref().is_some_and(|start| start.freeze_convolutions);
        Ok(Self { voice_encoder, contrast, freeze_convolutions })
    }

    /// Features of the voices of a batch.
    ///
    /// # Shapes
    /// - output: `[voices, D]`, not normalised
    pub(crate) fn forward(&self, batch: &mut Batch, device: &Device) -> Tensor<2> {
        let [voices, segments] = batch.shape();
        let input = batch.spectrograms(device); // [voices · segments, 2, frames, 257]
        let features = if self.freeze_convolutions {
            self.voice_encoder.valid().features(input).autodiff()
        } else {
            self.voice_encoder.features(input.autodiff())
        }; // [voices · segments, channels · frequency]
        let features = self.voice_encoder.head(features); // [voices · segments, D]
        let [_, dimension] = features.dims();
        self.voice_encoder.pool(features.reshape([voices, segments, dimension]))
    }
}

fn same_shape(
    model: &str,
    found: &VoiceEncoderConfig,
    wanted: &VoiceEncoderConfig,
) -> Result<(), TrainError> {
    if found == wanted {
        return Ok(());
    }
    Err(TrainError::Data(format!(
        "the voice encoder of {model} has other layers than [network]; hint: copy voice_encoder \
         of its config.json to [network]"
    )))
}
