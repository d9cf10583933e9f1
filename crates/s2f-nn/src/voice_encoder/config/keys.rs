//! The keys of a voice encoder in a file, which has no other mark of its trunk than their presence.

use serde::{Deserialize, Serialize};

use super::{SegmentPooling, TrunkConfig, VoiceEncoderConfig};
use crate::speaker_encoder::SpeakerEncoderConfig;
use crate::voice_encoder::{ConvLayer, ConvolutionsConfig, VoiceInput};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// What the first convolution reads; required without `speaker_encoder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<VoiceInput>,
    /// The convolutions, all 4 × 4 without padding; required without `speaker_encoder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<ConvLayer>>,
    /// Width of a fully connected layer with ReLU between the trunk and the last layer; required if
    /// convolutions have an `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<usize>,
    /// Width of the last fully connected layer: the dimension of the face space. Omitted with
    /// `distribution`, which reads the trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<usize>,
    /// Whether a ReLU follows the last fully connected layer, as it follows VGG-Face's fc7.
    #[serde(default, skip_serializing_if = "is_false")]
    output_relu: bool,
    /// Batch normalisation after each convolution; required without `speaker_encoder`. Off for an
    /// ablation only: without it all outputs become nearly equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch_norm: Option<bool>,
    /// How the features of several segments of a voice become one; `mean` with `distribution`.
    #[serde(default)]
    pooling: SegmentPooling,
    /// A speaker encoder instead of convolutions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speaker_encoder: Option<SpeakerEncoderConfig>,
}

impl TryFrom<Keys> for VoiceEncoderConfig {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let Keys {
            input,
            layers,
            hidden,
            output,
            output_relu,
            batch_norm,
            pooling,
            speaker_encoder,
        } = keys;
        let trunk = match speaker_encoder {
            Some(config) => {
                if input.is_some() || layers.is_some() || batch_norm.is_some() {
                    return Err("speaker_encoder excludes input, layers and batch_norm; hint: \
                                keep the keys of one trunk"
                        .into());
                }
                TrunkConfig::SpeakerEncoder(config)
            }
            None => {
                let missing =
                    |key| format!("missing field `{key}`; hint: give it, or speaker_encoder");
                if hidden.is_none() && output.is_some() {
                    return Err(missing("hidden"));
                }
                TrunkConfig::Convolutions(ConvolutionsConfig {
                    input: input.ok_or_else(|| missing("input"))?,
                    layers: layers.ok_or_else(|| missing("layers"))?,
                    batch_norm: batch_norm.ok_or_else(|| missing("batch_norm"))?,
                })
            }
        };
        Ok(Self { trunk, hidden, output, output_relu, pooling })
    }
}

impl From<VoiceEncoderConfig> for Keys {
    fn from(config: VoiceEncoderConfig) -> Self {
        let VoiceEncoderConfig { trunk, hidden, output, output_relu, pooling } = config;
        let (convolutions, speaker_encoder) = match trunk {
            TrunkConfig::Convolutions(config) => (Some(config), None),
            TrunkConfig::SpeakerEncoder(config) => (None, Some(config)),
        };
        let (input, layers, batch_norm) = match convolutions {
            Some(ConvolutionsConfig { input, layers, batch_norm }) => {
                (Some(input), Some(layers), Some(batch_norm))
            }
            None => (None, None, None),
        };
        Self { input, layers, hidden, output, output_relu, batch_norm, pooling, speaker_encoder }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !*value
}
