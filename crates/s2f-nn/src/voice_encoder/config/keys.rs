//! The keys of a voice encoder in a file, which has no other mark of its trunk than their presence.

use serde::{Deserialize, Serialize};

use super::{SegmentPooling, TrunkConfig, VoiceEncoderConfig};
use crate::speaker_encoder::SpeakerEncoderConfig;
use crate::voice_encoder::{ConvLayer, ConvolutionsConfig, VoiceInput};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<VoiceInput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<ConvLayer>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch_norm: Option<bool>,
    #[serde(default)]
    pooling: SegmentPooling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speaker_encoder: Option<SpeakerEncoderConfig>,
}

impl TryFrom<Keys> for VoiceEncoderConfig {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let Keys { input, layers, hidden, output, batch_norm, pooling, speaker_encoder } = keys;
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
        Ok(Self { trunk, hidden, output, pooling })
    }
}

impl From<VoiceEncoderConfig> for Keys {
    fn from(config: VoiceEncoderConfig) -> Self {
        let VoiceEncoderConfig { trunk, hidden, output, pooling } = config;
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
        Self { input, layers, hidden, output, batch_norm, pooling, speaker_encoder }
    }
}
