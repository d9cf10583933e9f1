//! The paper's trunk: convolutions over a spectrogram.

mod config;

use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{FloatDType, Tensor};
pub use config::{ConvLayer, ConvolutionsConfig, VoiceInput};
use s2f_kernels::{Activation, BlockOptions, Sum, conv_block};

/// Frequency bins of the front end: FFT 512 / 2 + 1.
pub const BINS: usize = 257;
/// Height and width of every convolution (table 1).
pub(crate) const KERNEL: usize = 4;
/// The front end compresses the real and the imaginary part: S ↦ sgn(S)·|S|^0.3.
pub(crate) const COMPRESSION: f64 = 0.3;
/// Smallest square of a compressed part: without it, silence would be 0/0. Far below the quietest
/// 16-bit sample.
pub(crate) const FLOOR: f64 = 1e-12;

/// Spectrogram to the mean over time of the last convolution's output.
#[derive(Module, Debug)]
pub(super) struct Convolutions {
    convolutions: Vec<Conv2d>,
    /// One for each convolution, or empty.
    norms: Vec<BatchNorm>,
    #[module(skip)]
    input: VoiceInput,
    #[module(skip)]
    pools: Vec<bool>,
}

impl Convolutions {
    /// Convolutions compute in `dtype`: 16 bits if their weights have 16. Operations that sum many
    /// values (normalisations, means) have 32.
    ///
    /// # Shapes
    /// - `spectrogram`: `[batch, 2 (real, imaginary), frames, 257]`, compressed
    /// - output: `[batch, channels · frequency]`
    ///
    /// With `sum`, batch normalisations use the statistics of all shards.
    pub(super) fn forward(
        &self,
        spectrogram: Tensor<4>,
        dtype: FloatDType,
        sum: Option<&Sum>,
    ) -> Tensor<2> {
        let mut x = match self.input {
            VoiceInput::Complex => spectrogram,
            VoiceInput::Magnitude => magnitude(spectrogram),
            VoiceInput::MagnitudePhase => polar(spectrogram, |phase| phase),
            VoiceInput::MagnitudeCompressedPhase => polar(spectrogram, |phase| {
                phase.clone().sign() * phase.abs().powf_scalar(COMPRESSION)
            }),
        }; // [batch, 1 or 2, frames, 257]
        x = x.cast(dtype).permute([0, 2, 3, 1]); // [batch, frames, 257, 1 or 2]
        let last = self.convolutions.len() - 1;
        for (index, convolution) in self.convolutions[..last].iter().enumerate() {
            let options = BlockOptions { activation: Activation::Relu, pool: self.pools[index] };
            // [batch, time, frequency, channels]
            x = match self.norms.get(index).zip(sum) {
                Some((norm, sum)) => synchronised_block(x, convolution, norm, options, sum),
                None => conv_block(x, convolution, self.norms.get(index), options),
            };
        }
        let options = BlockOptions { activation: Activation::None, pool: false };
        x = conv_block(x, &self.convolutions[last], None, options);
        // [batch, channels, 1, frequency]
        x = x.cast(FloatDType::F32).mean_dim(1).permute([0, 3, 1, 2]);
        x = relu(x);
        if let Some(norm) = self.norms.get(last) {
            x = match sum {
                Some(sum) => normalised(x, norm, sum),
                None => norm.forward(x),
            };
        }
        x.cast(dtype).flatten(1, 3) // [batch, channels · frequency]
    }

    /// The type of the weights.
    pub(super) fn dtype(&self) -> FloatDType {
        let first = self.convolutions.first();
        first.map_or(FloatDType::F32, |convolution| convolution.weight.dtype().into())
    }

    /// The fewest frames that the layers can read, as [`ConvolutionsConfig::min_frames`].
    pub(super) fn min_frames(&self) -> usize {
        let layers = self.convolutions.iter().zip(&self.pools).rev();
        layers.fold(1, |frames, (convolution, pool)| {
            let frames = if *pool { 2 * frames } else { frames };
            (frames - 1) * convolution.stride[0] + KERNEL
        })
    }
}

/// As [`conv_block`], normalised with the statistics of all shards.
///
/// # Shapes
/// - `x`: `[batch, time, frequency, channels]`, also of the output
fn synchronised_block(
    x: Tensor<4>,
    convolution: &Conv2d,
    norm: &BatchNorm,
    options: BlockOptions,
    sum: &Sum,
) -> Tensor<4> {
    let dtype: FloatDType = convolution.weight.dtype().into();
    let x = conv_block(x, convolution, None, BlockOptions { pool: false, ..options });
    let x = x.cast(FloatDType::F32).permute([0, 3, 1, 2]); // [batch, channels, time, frequency]
    let mut x = normalised(x, norm, sum);
    if options.pool {
        x = max_pool2d(x, MaxPoolOptions::new([2, 1])); // [batch, channels, time/2, frequency]
    }
    x.cast(dtype).permute([0, 2, 3, 1])
}

/// Batch normalisation with the mean and the variance of all shards, as PyTorch's `SyncBatchNorm`.
/// The running statistics follow them, as those of [`BatchNorm`] do.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`, also of the output
fn normalised(x: Tensor<4>, norm: &BatchNorm, sum: &Sum) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let plain = x.device().inner();
    let own = Tensor::<1>::full([1], (batch * height * width) as f64, &plain);
    let count: f64 = sum.of(own).into_scalar();
    // [channels]
    let over_all =
        |x: Tensor<4>| sum.of(x.sum_dims(&[0, 2, 3]).reshape([channels])).div_scalar(count);
    let spread = |values: Tensor<1>| values.reshape([1, channels, 1, 1]);
    let mean = over_all(x.clone());
    let centred = x - spread(mean.clone());
    let variance = over_all(centred.clone().square());
    let follow = |running: Tensor<1>, found: &Tensor<1>| {
        let found = found.clone().detach();
        (running * (1.0 - norm.momentum) + found * norm.momentum).detach()
    };
    norm.running_mean.update(follow(norm.running_mean.value_sync(), &mean));
    norm.running_var.update(follow(norm.running_var.value_sync(), &variance));
    let scale = norm.gamma.val() / (variance + norm.epsilon).sqrt();
    centred * spread(scale) + spread(norm.beta.val())
}

/// |S|^0.3 over its root mean square, from the compressed parts a = sgn(Re S)·|Re S|^0.3 and b:
/// |S|² = |a|^(2/0.3) + |b|^(2/0.3).
///
/// # Shapes
/// - `spectrogram`: `[batch, 2, frames, 257]`
/// - output: `[batch, 1, frames, 257]`
pub(super) fn magnitude(spectrogram: Tensor<4>) -> Tensor<4> {
    let power = spectrogram.square().clamp_min(FLOOR).powf_scalar(1.0 / COMPRESSION).sum_dim(1);
    let compressed = power.powf_scalar(COMPRESSION / 2.0); // [batch, 1, frames, 257]
    let level = compressed.clone().square().mean_dims(&[1, 2, 3]).sqrt(); // [batch, 1, 1, 1]
    compressed / level
}

/// |S|^0.3 and `of` the phase of S, from the compressed parts of S.
///
/// # Shapes
/// - `spectrogram`: `[batch, 2, frames, 257]`, also of the output
pub(super) fn polar(spectrogram: Tensor<4>, of: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let expanded = spectrogram.clone().abs().powf_scalar(1.0 / COMPRESSION); // |Re S|, |Im S|
    let power = expanded.clone().square().sum_dim(1); // [batch, 1, frames, 257]
    let parts = expanded * spectrogram.sign();
    let phase = parts.clone().narrow(1, 1, 1).atan2(parts.narrow(1, 0, 1));
    Tensor::cat(vec![power.powf_scalar(COMPRESSION / 2.0), of(phase)], 1)
}
