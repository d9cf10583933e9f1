//! The voice encoder: a spectrogram of speech to a feature in a face space.
//!
//! Paper: Oh et al., "Speech2Face: Learning the Face Behind a Voice", CVPR 2019, table 1. No
//! original code exists. The paper does not state the padding; VALID is consistent with the printed
//! layer sizes and is what every re-implementation uses.

mod config;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{FloatDType, Tensor};
pub use config::{ConvLayer, SegmentPooling, VoiceEncoderConfig, VoiceInput};

/// Frequency bins of the front end: FFT 512 / 2 + 1.
pub const BINS: usize = 257;
/// Height and width of every convolution (table 1).
pub(crate) const KERNEL: usize = 4;
/// The front end compresses the real and the imaginary part: S ↦ sgn(S)·|S|^0.3.
pub(crate) const COMPRESSION: f64 = 0.3;
/// Smallest square of a compressed part: without it, silence would be 0/0. Far below the quietest
/// 16-bit sample.
pub(crate) const FLOOR: f64 = 1e-12;

/// Spectrogram to face feature.
#[derive(Module, Debug)]
pub struct VoiceEncoder {
    convolutions: Vec<Conv2d>,
    /// One for each convolution, or empty.
    norms: Vec<BatchNorm>,
    hidden: Linear,
    output: Linear,
    /// A segment's feature to its weight before the softmax.
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
    /// - `spectrogram`: `[batch, 2 (real, imaginary), frames, 257]`, compressed
    /// - output: `[batch, D]`, not normalised
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::VoiceEncoderConfig;
    ///
    /// let device = Device::flex();
    /// let encoder = VoiceEncoderConfig::compact().init(&device)?;
    /// let clips = Tensor::ones([2, 2, 298, 257], &device); // two clips of 3 s
    /// assert_eq!(encoder.forward(clips).dims(), [2, 256]);
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn forward(&self, spectrogram: Tensor<4>) -> Tensor<2> {
        self.head(self.features(spectrogram))
    }

    /// The output of the convolutions, averaged over time: the input of [`head`](Self::head).
    ///
    /// # Shapes
    /// - `spectrogram`: `[batch, 2 (real, imaginary), frames, 257]`, compressed
    /// - output: `[batch, channels · frequency]`
    pub fn features(&self, spectrogram: Tensor<4>) -> Tensor<2> {
        let mut x = match self.input {
            VoiceInput::Complex => spectrogram,
            VoiceInput::Magnitude => magnitude(spectrogram),
        }; // [batch, 1 or 2, frames, 257]
        let dtype = self.dtype();
        x = x.cast(dtype);
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
            x = x.cast(dtype);
            if self.pools[index] {
                // [batch, channels, time/2, frequency]
                x = max_pool2d(x, MaxPoolOptions::new([2, 1]));
            }
        }
        x.flatten(1, 3) // [batch, channels · frequency]
    }

    /// The fully connected layers.
    ///
    /// # Shapes
    /// - `features`: `[batch, channels · frequency]`, from [`features`](Self::features)
    /// - output: `[batch, D]`, not normalised
    pub fn head(&self, features: Tensor<2>) -> Tensor<2> {
        let x = relu(self.hidden.forward(features.cast(self.dtype()))); // [batch, hidden]
        self.output.forward(x).cast(FloatDType::F32) // [batch, D]
    }

    /// The fewest frames that the network can read, as [`VoiceEncoderConfig::min_frames`].
    pub fn min_frames(&self) -> usize {
        let layers = self.convolutions.iter().zip(&self.pools).rev();
        layers.fold(1, |frames, (convolution, pool)| {
            let frames = if *pool { 2 * frames } else { frames };
            (frames - 1) * convolution.stride[0] + KERNEL
        })
    }

    /// The type that convolutions and fully connected layers compute in: 16 bits if their weights
    /// have 16. Operations that sum many values (normalisations, means) and the output have 32.
    fn dtype(&self) -> FloatDType {
        self.output.weight.dtype().into()
    }

    /// One feature from the features of a voice's segments.
    ///
    /// # Shapes
    /// - `segments`: `[batch, segments, D]`
    /// - output: `[batch, D]`
    pub fn pool(&self, segments: Tensor<3>) -> Tensor<2> {
        match &self.attention {
            None => segments.mean_dim(1).squeeze_dim(1),
            Some(attention) => {
                let scores = attention.forward(segments.clone().cast(self.dtype()));
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
mod tests;
