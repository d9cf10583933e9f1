//! The configuration of a voice encoder: trunk, head, presets, limits and cost.

mod keys;

use burn::nn::{Initializer, LinearConfig};
use burn::tensor::Device;
use keys::Keys;
use s2f_core::FaceSpace;
use serde::{Deserialize, Serialize};

use super::{ConvolutionsConfig, FrontEnd, Trunk, VoiceEncoder};
use crate::config::{Checks, ConfigError, Cost, WIDTH, linear, sum};
use crate::speaker_encoder::{PARTIAL_FRAMES, SpeakerEncoderConfig};

const CHECKS: Checks = Checks("voice encoder");

/// How the features of several segments of a voice become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentPooling {
    /// Their mean.
    #[default]
    Mean,
    /// Their mean, weighted by a learned softmax over the segments (after SF2F, ACM MM 2022): a
    /// segment of clear speech can count for more than one of noise.
    Attention,
}

/// The part of a voice encoder that reads the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrunkConfig {
    /// The paper's convolutions over a compressed spectrogram.
    Convolutions(ConvolutionsConfig),
    /// A speaker encoder over a mel spectrogram.
    SpeakerEncoder(SpeakerEncoderConfig),
}

impl TrunkConfig {
    /// What the trunk reads.
    pub fn front_end(&self) -> FrontEnd {
        match self {
            Self::Convolutions(_) => FrontEnd::Spectrogram,
            Self::SpeakerEncoder(_) => FrontEnd::Mel,
        }
    }

    /// Width of the trunk's output.
    fn features(&self) -> Result<usize, ConfigError> {
        match self {
            Self::Convolutions(config) => config.features(),
            Self::SpeakerEncoder(config) => Ok(config.output),
        }
    }

    fn cost(&self, batch: usize, frames: usize) -> Result<Cost, ConfigError> {
        match self {
            Self::Convolutions(config) => config.cost(batch, frames),
            Self::SpeakerEncoder(config) => config.cost(batch, frames),
        }
    }

    fn min_frames(&self) -> Result<usize, ConfigError> {
        match self {
            Self::Convolutions(config) => config.min_frames(),
            Self::SpeakerEncoder(_) => Ok(PARTIAL_FRAMES),
        }
    }
}

/// Trunk and head of a [`VoiceEncoder`].
///
/// In a file, the keys of the convolutions (`input`, `layers`, `batch_norm`), or else
/// `speaker_encoder`, stand beside those of the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct VoiceEncoderConfig {
    /// The part that reads the sound.
    pub trunk: TrunkConfig,
    /// Width of a fully connected layer with ReLU between the trunk and the last layer, 1 to 65536;
    /// none if `None`.
    pub hidden: Option<usize>,
    /// Width of the last fully connected layer: the dimension of the face space, D. If `None`, the
    /// network ends with its trunk: for a model that has a distribution of faces.
    pub output: Option<usize>,
    /// Whether a ReLU follows the last fully connected layer, as it follows VGG-Face's fc7.
    pub output_relu: bool,
    /// How the features of several segments become one.
    pub pooling: SegmentPooling,
}

impl VoiceEncoderConfig {
    /// Table 1 of the paper: 148.06 M parameters, 4096-D.
    pub fn paper() -> Self {
        Self {
            trunk: TrunkConfig::Convolutions(ConvolutionsConfig::paper()),
            hidden: Some(4096),
            output: Some(4096),
            output_relu: false,
            pooling: SegmentPooling::Mean,
        }
    }

    /// The shipped network: the same number of layers as the paper's, but narrow, with strides from
    /// the first layer on, and with magnitudes as input.
    pub fn compact() -> Self {
        Self {
            trunk: TrunkConfig::Convolutions(ConvolutionsConfig::compact()),
            hidden: Some(256),
            output: Some(256),
            output_relu: false,
            pooling: SegmentPooling::Mean,
        }
    }

    /// The published speaker encoder with a linear layer into a face space of `output` dimensions.
    pub fn ge2e(output: usize) -> Self {
        Self {
            trunk: TrunkConfig::SpeakerEncoder(SpeakerEncoderConfig::ge2e()),
            hidden: None,
            output: Some(output),
            output_relu: false,
            pooling: SegmentPooling::Mean,
        }
    }

    /// Checks that a network can be built: each size is in its range, some clip is long enough for
    /// all layers, and the whole is of a size that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(hidden) = self.hidden {
            CHECKS.range("hidden", hidden, WIDTH)?;
        }
        if let Some(output) = self.output {
            CHECKS.range("output", output, WIDTH)?;
        } else if self.hidden.is_some() {
            return Err(ConfigError::NoOutput { needed_for: "hidden".into() });
        } else if self.output_relu {
            return Err(ConfigError::NoOutput { needed_for: "output_relu".into() });
        }
        match &self.trunk {
            TrunkConfig::Convolutions(config) => config.check()?,
            TrunkConfig::SpeakerEncoder(config) => config.check()?,
        }
        let trunk = self.trunk.cost(1, self.min_frames()?)?.parameters;
        CHECKS.total(trunk.saturating_add(self.head_parameters()?), 0)
    }

    /// Checks that the network's output fits a face space.
    ///
    /// # Errors
    /// [`ConfigError::Mismatch`] if the dimensions differ, [`ConfigError::NoOutput`] if it ends
    /// with its trunk.
    pub fn check_face_space(&self, space: &FaceSpace) -> Result<(), ConfigError> {
        let needed_for = || format!("a feature of face space {}", space.name);
        let output = self.output.ok_or_else(|| ConfigError::NoOutput { needed_for: needed_for() });
        let other = format!("the dimension of face space {}", space.name);
        CHECKS.equal("output", output?, other, space.dimension)
    }

    /// Checks that the network can read clips of `frames` frames of its front end.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`ConfigError::TooShort`] or [`ConfigError::TooFewFrames`].
    pub fn check_frames(&self, frames: usize) -> Result<(), ConfigError> {
        match &self.trunk {
            TrunkConfig::Convolutions(config) => config.shapes(frames).map(drop),
            TrunkConfig::SpeakerEncoder(_) if frames < PARTIAL_FRAMES => {
                Err(ConfigError::TooFewFrames { frames, min: PARTIAL_FRAMES })
            }
            TrunkConfig::SpeakerEncoder(_) => Ok(()),
        }
    }

    /// The cost of the network for `batch` clips of `frames` frames at a time. Each segment of a
    /// voice counts as a clip.
    ///
    /// # Errors
    /// As [`check_frames`](Self::check_frames).
    pub fn cost(&self, batch: usize, frames: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        self.check_frames(frames)?;
        Ok(self.trunk.cost(batch, frames)? + Cost::new(self.head_parameters()?, 0))
    }

    /// Width of the output of [`VoiceEncoder::trunk`].
    ///
    /// # Errors
    /// As [`min_frames`](Self::min_frames).
    pub fn features(&self) -> Result<usize, ConfigError> {
        self.trunk.features()
    }

    /// What the network reads.
    pub fn front_end(&self) -> FrontEnd {
        self.trunk.front_end()
    }

    /// Number of parameters of all layers after the trunk.
    fn head_parameters(&self) -> Result<u64, ConfigError> {
        let mut width = self.trunk.features()?;
        let layers = [self.hidden, self.output].into_iter().flatten().map(|outputs| {
            let parameters = linear(width, outputs);
            width = outputs;
            parameters
        });
        let layers = sum(layers);
        let attention = match self.pooling {
            SegmentPooling::Mean => 0,
            SegmentPooling::Attention => linear(width, 1),
        };
        Ok(sum([layers, attention]))
    }

    /// Width of the network's output: `output` or, without it, that of the trunk.
    ///
    /// # Errors
    /// As [`min_frames`](Self::min_frames).
    pub fn width(&self) -> Result<usize, ConfigError> {
        self.output.map_or_else(|| self.trunk.features(), Ok)
    }

    /// Minimum number of frames of a clip.
    ///
    /// # Errors
    /// [`ConfigError`] if 60000 frames are not enough.
    pub fn min_frames(&self) -> Result<usize, ConfigError> {
        self.trunk.min_frames()
    }

    /// A network with fresh weights: PyTorch's default, uniform in ±1/√fan-in.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<VoiceEncoder, ConfigError> {
        self.check()?;
        let trunk = match &self.trunk {
            TrunkConfig::Convolutions(config) => Trunk::Convolutions(config.init(device)),
            TrunkConfig::SpeakerEncoder(config) => Trunk::SpeakerEncoder(config.init(device)?),
        };
        let (features, width) = (self.trunk.features()?, self.width()?);
        let hidden = self.hidden.map(|hidden| LinearConfig::new(features, hidden).init(device));
        Ok(VoiceEncoder {
            trunk,
            hidden,
            output: self.output.map(|output| {
                LinearConfig::new(self.hidden.unwrap_or(features), output).init(device)
            }),
            // Zeros: pooling begins as the plain mean.
            output_relu: self.output_relu,
            attention: (self.pooling == SegmentPooling::Attention).then(|| {
                LinearConfig::new(width, 1).with_initializer(Initializer::Zeros).init(device)
            }),
        })
    }
}
