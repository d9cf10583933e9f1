//! The parameters that training a voice encoder changes.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use s2f_nn::losses::Contrast;
use s2f_nn::{SpeakerEncoder, VoiceEncoder, VoiceEncoderConfig};
use s2f_registry::Store;

use crate::batch::Batch;
use crate::config::Start;
use crate::frozen::open_model;
use crate::{TrainError, VoiceEncoderTraining};

/// The voice encoder, and the temperature of the contrastive loss if there is one.
#[derive(Module, Debug)]
pub(crate) struct Learner {
    pub(crate) voice_encoder: VoiceEncoder,
    pub(crate) contrast: Option<Contrast>,
    #[module(skip)]
    freeze_trunk: bool,
}

impl Learner {
    /// Fresh weights, or those of the configuration's `start`.
    pub(crate) fn new(
        config: &VoiceEncoderTraining,
        mean_feature: &[f32],
        device: &Device,
    ) -> Result<Self, TrainError> {
        let start = config.start.as_ref();
        let voice_encoder = match start {
            Some(Start { model: Some(path), .. }) => {
                let (model_config, model) = open_model(path)?;
                let (found, wanted) = (&model_config.voice_encoder, &config.network);
                let own = model.voice_encoder.fork(device).train();
                if found.output.is_none() && found.trunk == wanted.trunk {
                    // It ends with its trunk: the head is new.
                    wanted.init(device)?.with_trunk_of(own)
                } else {
                    same_shape(path, found, wanted)?;
                    own
                }
            }
            Some(Start { speaker_encoder: Some(source), .. }) => {
                let file = Store::from_environment()?.find(source)?;
                let network = SpeakerEncoder::from_pytorch(&file, device)?;
                config.network.init(device)?.with_speaker_encoder(network)?
            }
            _ => config.network.init(device)?,
        };
        let contrast = (config.losses.contrastive > 0.0)
            .then(|| Contrast::new(Tensor::from_floats(mean_feature, device), device));
        let freeze_trunk = start.is_some_and(|start| start.freeze_trunk);
        Ok(Self { voice_encoder, contrast, freeze_trunk })
    }

    /// Features of the voices of a batch.
    ///
    /// # Shapes
    /// - output: `[voices, D]`, not normalised
    pub(crate) fn forward(&self, batch: &mut Batch, device: &Device) -> Tensor<2> {
        let [voices, segments] = batch.shape();
        let input = batch.inputs(device); // [voices · segments, channels, frames, bins]
        let features = if self.freeze_trunk {
            self.voice_encoder.valid().trunk(input).autodiff()
        } else {
            self.voice_encoder.trunk(input.autodiff())
        }; // [voices · segments, features]
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
