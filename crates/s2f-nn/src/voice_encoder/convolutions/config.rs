//! The configuration of the convolutions: layers, output shapes, limits and cost.

use std::ops::RangeInclusive;

use burn::nn::BatchNormConfig;
use burn::nn::conv::Conv2dConfig;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{BINS, Convolutions, KERNEL};
use crate::config::{CHANNELS, Checks, ConfigError, Cost, convolution, product, sum};

const CHECKS: Checks = Checks("voice encoder");
const LAYERS: RangeInclusive<usize> = 1..=64;
const STRIDE: RangeInclusive<usize> = 1..=16;
/// Frames that a network may need at least; the largest is 10 min at a hop of 10 ms.
const FRAMES: RangeInclusive<usize> = 1..=60_000;
/// Frames of the paper's longest clip, 6 s: the layers' sizes are checked for it.
const CLIP_FRAMES: usize = 598;
/// Values in memory for each value that a layer puts out, at the peak of a training step: its
/// activation, its normalised value, and gradients. `examples/memory.rs` measures 1.5 for the
/// compact network (batches of 32 and 64) and 1.7 for the paper's (16 and 24), on a CPU.
const PER_OUTPUT: u64 = 2;

/// What the first convolution reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceInput {
    /// Compressed real and imaginary part, two channels, as in the paper.
    Complex,
    /// Compressed magnitude |S|^0.3, one channel, divided by its root mean square over the clip.
    /// The network then need not learn invariance to phase and level, for which small corpora are
    /// not enough.
    Magnitude,
    /// Compressed magnitude |S|^0.3 and phase φ in radians, two channels, as several
    /// re-implementations of the paper read.
    MagnitudePhase,
    /// Compressed magnitude |S|^0.3 and compressed phase sgn(φ)·|φ|^0.3, two channels.
    MagnitudeCompressedPhase,
}

impl VoiceInput {
    fn channels(self) -> usize {
        match self {
            Self::Magnitude => 1,
            Self::Complex | Self::MagnitudePhase | Self::MagnitudeCompressedPhase => 2,
        }
    }
}

/// One convolution of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvLayer {
    /// Output channels, 1 to 8192.
    pub channels: usize,
    /// Stride in time and in frequency, each 1 to 16.
    pub stride: [usize; 2],
    /// Whether a max pool over two frames (2 × 1, stride 2 × 1) follows; not after the last layer.
    pub pool: bool,
}

impl ConvLayer {
    const fn new(channels: usize, stride: [usize; 2], pool: bool) -> Self {
        Self { channels, stride, pool }
    }
}

/// Layers of the convolutional trunk of a voice encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvolutionsConfig {
    /// What the first convolution reads.
    pub input: VoiceInput,
    /// The convolutions, 1 to 64, all 4 × 4 without padding; each but the last is followed by ReLU
    /// and batch normalisation, in this order. After the last comes the mean over time, then ReLU
    /// and batch normalisation.
    pub layers: Vec<ConvLayer>,
    /// Off for the ablation of section 4.5 only: without it all outputs become nearly equal.
    pub batch_norm: bool,
}

impl ConvolutionsConfig {
    /// Table 1 of the paper.
    pub fn paper() -> Self {
        let layer = ConvLayer::new;
        Self {
            input: VoiceInput::Complex,
            layers: vec![
                layer(64, [1, 1], false),
                layer(64, [1, 1], false),
                layer(128, [1, 1], true),
                layer(128, [1, 1], true),
                layer(128, [1, 1], true),
                layer(256, [1, 1], true),
                layer(512, [1, 1], false),
                layer(512, [2, 2], false),
                layer(512, [2, 2], false),
            ],
            batch_norm: true,
        }
    }

    /// The same number of layers as the paper's, but narrow, with strides from the first layer on,
    /// and with magnitudes as input.
    pub fn compact() -> Self {
        let layer = ConvLayer::new;
        Self {
            input: VoiceInput::Magnitude,
            layers: vec![
                layer(8, [2, 2], false),
                layer(16, [2, 2], false),
                layer(16, [1, 1], false),
                layer(24, [1, 1], true),
                layer(32, [1, 1], false),
                layer(48, [1, 2], false),
                layer(64, [1, 1], false),
                layer(96, [2, 2], false),
                layer(128, [2, 2], false),
            ],
            batch_norm: true,
        }
    }

    /// Checks that the layers can be built: each size is in its range, some clip is long enough for
    /// all layers, and the whole is of a size that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let frames = self.min_frames()?;
        let shapes = self.shapes(frames.max(CLIP_FRAMES))?;
        let largest = shapes.iter().map(|&shape| product(shape)).max().unwrap_or(0);
        CHECKS.total(self.parameters(), largest)
    }

    /// The cost of the layers for `batch` clips of `frames` frames at a time.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`ConfigError::TooShort`] for too few frames.
    pub fn cost(&self, batch: usize, frames: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let shapes = self.shapes(frames)?;
        let layers = sum(shapes.iter().map(|&shape| product(shape)));
        // The complex spectrogram, and as many values again where it becomes magnitudes.
        let inputs = product([4, frames, BINS]);
        let values = inputs.saturating_add(layers.saturating_mul(PER_OUTPUT));
        Ok(Cost::new(self.parameters(), values.saturating_mul(batch as u64)))
    }

    /// Number of parameters.
    fn parameters(&self) -> u64 {
        let mut inputs = self.input.channels();
        sum(self.layers.iter().map(|layer| {
            let norm = if self.batch_norm { product([2, layer.channels]) } else { 0 };
            let parameters = convolution(inputs, layer.channels, KERNEL).saturating_add(norm);
            inputs = layer.channels;
            parameters
        }))
    }

    /// Width of the output: channels · frequency.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn features(&self) -> Result<usize, ConfigError> {
        let shapes = self.shapes(self.min_frames()?)?;
        let [channels, _, frequency] = shapes.last().copied().unwrap_or_default();
        Ok(channels.saturating_mul(frequency))
    }

    /// `[channels, time, frequency]` after each convolution (before its pool) for an input of
    /// `frames` frames.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a layer that cannot be built, [`ConfigError::TooShort`]
    /// where a layer's input is smaller than its kernel.
    pub fn shapes(&self, frames: usize) -> Result<Vec<[usize; 3]>, ConfigError> {
        self.check_layers()?;
        let (mut time, mut frequency) = (frames, BINS);
        let mut shapes = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            if time < KERNEL || frequency < KERNEL {
                let (layer, kernel) = (index, KERNEL);
                return Err(ConfigError::TooShort { frames, time, frequency, layer, kernel });
            }
            time = (time - KERNEL) / layer.stride[0] + 1;
            frequency = (frequency - KERNEL) / layer.stride[1] + 1;
            shapes.push([layer.channels, time, frequency]);
            time /= if layer.pool { 2 } else { 1 };
        }
        Ok(shapes)
    }

    /// Minimum number of frames of a clip.
    ///
    /// # Errors
    /// [`ConfigError`] if 60000 frames are not enough.
    pub fn min_frames(&self) -> Result<usize, ConfigError> {
        self.check_layers()?;
        let mut time: usize = 1;
        for layer in self.layers.iter().rev() {
            time = time.saturating_mul(if layer.pool { 2 } else { 1 });
            time = (time - 1).saturating_mul(layer.stride[0]).saturating_add(KERNEL);
        }
        CHECKS.range("number of frames that its layers need", time, FRAMES)?;
        self.shapes(time).map(|_| time)
    }

    /// Checks each layer separately.
    fn check_layers(&self) -> Result<(), ConfigError> {
        CHECKS.range("number of layers", self.layers.len(), LAYERS)?;
        for (index, layer) in self.layers.iter().enumerate() {
            CHECKS.range(format!("layers[{index}].channels"), layer.channels, CHANNELS)?;
            for (axis, stride) in layer.stride.into_iter().enumerate() {
                CHECKS.range(format!("layers[{index}].stride[{axis}]"), stride, STRIDE)?;
            }
        }
        match self.layers.last() {
            Some(layer) if layer.pool => {
                Err(ConfigError::PoolOfLastLayer { layer: self.layers.len() - 1 })
            }
            _ => Ok(()),
        }
    }

    /// Layers with fresh weights: PyTorch's default, uniform in ±1/√fan-in.
    pub(in crate::voice_encoder) fn init(&self, device: &Device) -> Convolutions {
        let mut channels = self.input.channels();
        let mut convolutions = Vec::with_capacity(self.layers.len());
        let mut norms = Vec::new();
        for layer in &self.layers {
            convolutions.push(
                Conv2dConfig::new([channels, layer.channels], [KERNEL, KERNEL])
                    .with_stride(layer.stride)
                    .init(device),
            );
            if self.batch_norm {
                norms.push(BatchNormConfig::new(layer.channels).init(device));
            }
            channels = layer.channels;
        }
        Convolutions {
            convolutions,
            norms,
            input: self.input,
            pools: self.layers.iter().map(|layer| layer.pool).collect(),
        }
    }
}
