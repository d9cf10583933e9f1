//! The voice encoder: a spectrogram of speech to a feature in a face space.
//!
//! Paper: Oh et al., "Speech2Face: Learning the Face Behind a Voice", CVPR 2019, table 1. No
//! original code exists. Padding is not stated there; VALID gives the printed layer sizes a
//! consistent reading and is what every re-implementation uses.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, check};

/// Frequency bins of the front end: FFT 512 / 2 + 1.
pub const BINS: usize = 257;
/// Height and width of every convolution (table 1).
pub(crate) const KERNEL: usize = 4;
/// S ↦ sgn(S)·|S|^0.3 is what the front end did to the real and the imaginary part.
pub(crate) const COMPRESSION: f64 = 0.3;
/// Smallest square of a compressed part: silence is 0/0 without it. Far below the quietest 16-bit
/// sample.
pub(crate) const FLOOR: f64 = 1e-12;

/// What the first convolution sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceInput {
    /// Compressed real and imaginary part, two channels, as in the paper.
    Complex,
    /// Compressed magnitude |S|^0.3, one channel, divided by its root mean square over the clip,
    /// so that neither phase nor recording level has to be learnt: small corpora do not teach it.
    Magnitude,
}

impl VoiceInput {
    fn channels(self) -> usize {
        match self {
            Self::Complex => 2,
            Self::Magnitude => 1,
        }
    }
}

/// What makes one feature of the features of several segments of a voice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentPooling {
    /// Their mean.
    #[default]
    Mean,
    /// Their mean, weighted by a learned softmax over the segments (after SF2F, ACM MM 2022): a
    /// segment of clear speech may count for more than one of noise.
    Attention,
}

/// One convolution of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvLayer {
    /// Output channels.
    pub channels: usize,
    /// Stride in time and in frequency.
    pub stride: [usize; 2],
    /// Whether a max pool over two frames (2 × 1, stride 2 × 1) follows.
    pub pool: bool,
}

impl ConvLayer {
    const fn new(channels: usize, stride: [usize; 2], pool: bool) -> Self {
        Self { channels, stride, pool }
    }
}

/// Shape of a [`VoiceEncoder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceEncoderConfig {
    /// What the first convolution sees.
    pub input: VoiceInput,
    /// The convolutions, all 4 × 4 without padding; each but the last is followed by ReLU and
    /// batch normalisation, in this order. After the last comes the mean over time, then the two.
    pub layers: Vec<ConvLayer>,
    /// Width of the first fully connected layer.
    pub hidden: usize,
    /// Dimension of the face space, D.
    pub output: usize,
    /// Off for the ablation of section 4.5 only: without it the outputs fall together.
    pub batch_norm: bool,
    /// How the features of several segments become one.
    #[serde(default)]
    pub pooling: SegmentPooling,
}

impl VoiceEncoderConfig {
    /// Table 1 of the paper: 148.06 M parameters, 4096-D.
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
            hidden: 4096,
            output: 4096,
            batch_norm: true,
            pooling: SegmentPooling::Mean,
        }
    }

    /// The shipped network: the same nine layers, narrow, striding from the start, on magnitudes.
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
            hidden: 256,
            output: 256,
            batch_norm: true,
            pooling: SegmentPooling::Mean,
        }
    }

    /// `[channels, time, frequency]` after each convolution (before its pool) for an input of
    /// `frames` frames.
    ///
    /// # Errors
    /// [`ConfigError`] where a layer has nothing left to look at.
    pub fn shapes(&self, frames: usize) -> Result<Vec<[usize; 3]>, ConfigError> {
        let (mut time, mut frequency) = (frames, BINS);
        let mut shapes = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            check(layer.channels > 0 && !layer.stride.contains(&0), || {
                format!("voice encoder: layer {} has no channels or no stride", index + 1)
            })?;
            check(time >= KERNEL && frequency >= KERNEL, || {
                let number = index + 1;
                format!(
                    "voice encoder: {frames} frames leave {time} × {frequency} for layer {number}, which needs {KERNEL} × {KERNEL}"
                )
            })?;
            time = (time - KERNEL) / layer.stride[0] + 1;
            frequency = (frequency - KERNEL) / layer.stride[1] + 1;
            shapes.push([layer.channels, time, frequency]);
            time /= if layer.pool { 2 } else { 1 };
        }
        Ok(shapes)
    }

    /// The fewest frames that the network can look at.
    ///
    /// # Errors
    /// [`ConfigError`] where no number of frames would do.
    pub fn min_frames(&self) -> Result<usize, ConfigError> {
        let mut time = 1;
        for layer in self.layers.iter().rev() {
            time *= if layer.pool { 2 } else { 1 };
            time = (time - 1) * layer.stride[0] + KERNEL;
        }
        self.shapes(time).map(|_| time)
    }

    /// A network with fresh weights: PyTorch's default, uniform in ±1/√fan-in.
    ///
    /// # Errors
    /// [`ConfigError`] where the shape makes no sense.
    pub fn init(&self, device: &Device) -> Result<VoiceEncoder, ConfigError> {
        check(self.hidden > 0 && self.output > 0, || {
            "voice encoder: hidden and output must be at least 1".into()
        })?;
        let shapes = self.shapes(self.min_frames()?)?;
        let [last, _, frequency] = *shapes
            .last()
            .ok_or_else(|| ConfigError("voice encoder: at least one layer is needed".into()))?;
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
        Ok(VoiceEncoder {
            convolutions,
            norms,
            hidden: LinearConfig::new(last * frequency, self.hidden).init(device),
            output: LinearConfig::new(self.hidden, self.output).init(device),
            // Zeros: it begins as the mean.
            attention: (self.pooling == SegmentPooling::Attention).then(|| {
                LinearConfig::new(self.output, 1).with_initializer(Initializer::Zeros).init(device)
            }),
            input: self.input,
            pools: self.layers.iter().map(|layer| layer.pool).collect(),
        })
    }
}

/// Spectrogram to face feature.
#[derive(Module, Debug)]
pub struct VoiceEncoder {
    convolutions: Vec<Conv2d>,
    /// One a convolution, or none at all.
    norms: Vec<BatchNorm>,
    hidden: Linear,
    output: Linear,
    /// The weight of a segment before the softmax.
    attention: Option<Linear>,
    #[module(skip)]
    input: VoiceInput,
    #[module(skip)]
    pools: Vec<bool>,
}

impl VoiceEncoder {
    /// Features of a batch of clips of equal length.
    ///
    /// # Shapes
    /// - `spectrogram`: `[batch, 2, frames, 257]`, compressed real and imaginary part
    /// - output: `[batch, D]`, not normalised
    pub fn forward(&self, spectrogram: Tensor<4>) -> Tensor<2> {
        self.predict(self.hear(spectrogram))
    }

    /// The convolutions: what the fully connected layers read.
    ///
    /// # Shapes
    /// - `spectrogram`: `[batch, 2, frames, 257]`, compressed real and imaginary part
    /// - output: `[batch, channels·frequency]`
    pub fn hear(&self, spectrogram: Tensor<4>) -> Tensor<2> {
        let mut x = match self.input {
            VoiceInput::Complex => spectrogram,
            VoiceInput::Magnitude => magnitude(spectrogram),
        }; // [batch, 1 or 2, frames, 257]
        let number = self.number();
        x = x.cast(number);
        let last = self.convolutions.len() - 1;
        for (index, convolution) in self.convolutions.iter().enumerate() {
            x = convolution.forward(x); // [batch, channels, time, frequency]
            if index == last {
                x = x.cast(FloatDType::F32).mean_dim(2); // [batch, channels, 1, frequency]
            }
            x = relu(x);
            if let Some(norm) = self.norms.get(index) {
                x = norm.forward(x.cast(FloatDType::F32));
            }
            x = x.cast(number);
            if self.pools[index] {
                x = max_pool2d(x, MaxPoolOptions::new([2, 1])); // [batch, channels, time/2, frequency]
            }
        }
        x.flatten(1, 3) // [batch, channels·frequency]
    }

    /// The fully connected layers.
    ///
    /// # Shapes
    /// - `heard`: `[batch, channels·frequency]`, from [`Self::hear`]
    /// - output: `[batch, D]`, not normalised
    pub fn predict(&self, heard: Tensor<2>) -> Tensor<2> {
        let x = relu(self.hidden.forward(heard.cast(self.number()))); // [batch, hidden]
        self.output.forward(x).cast(FloatDType::F32) // [batch, D]
    }

    /// What convolutions and fully connected layers compute in: 16 bits where their weights have
    /// them. What adds up many numbers, the norms and means, and what comes out have 32.
    fn number(&self) -> FloatDType {
        self.output.weight.dtype().into()
    }

    /// One feature of the features of a voice's segments.
    ///
    /// # Shapes
    /// - `segments`: `[batch, segments, D]`
    /// - output: `[batch, D]`
    pub fn pool(&self, segments: Tensor<3>) -> Tensor<2> {
        match &self.attention {
            None => segments.mean_dim(1).squeeze_dim(1),
            Some(attention) => {
                let scores = attention.forward(segments.clone().cast(self.number()));
                let weights = softmax(scores.cast(FloatDType::F32), 1); // [batch, segments, 1]
                (segments * weights).sum_dim(1).squeeze_dim(1) // [batch, D]
            }
        }
    }
}

/// |S|^0.3 over its root mean square, from the compressed parts a = sgn(Re S)·|Re S|^0.3 and b:
/// |S|² = |a|^(2/0.3) + |b|^(2/0.3).
///
/// # Shapes
/// - `spectrogram`: `[batch, 2, frames, 257]`
/// - output: `[batch, 1, frames, 257]`
fn magnitude(spectrogram: Tensor<4>) -> Tensor<4> {
    let power = spectrogram.square().clamp_min(FLOOR).powf_scalar(1.0 / COMPRESSION).sum_dim(1);
    let compressed = power.powf_scalar(COMPRESSION / 2.0); // [batch, 1, frames, 257]
    let level = compressed.clone().square().mean_dims(&[1, 2, 3]).sqrt(); // [batch, 1, 1, 1]
    compressed / level
}

#[cfg(test)]
pub(crate) mod tests;
