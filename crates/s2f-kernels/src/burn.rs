//! The kernels as operations of [Burn](https://burn.dev): one function for a block of a network,
//! which uses them on a CPU and Burn's own operations elsewhere.

mod gradient;
mod operations;

use burn::backend::Dispatch;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Device, FloatDType, Tensor};
use operations::Operations;

/// What a block does beside its convolution and normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockOptions {
    /// Whether a ReLU follows the convolution.
    pub relu: bool,
    /// Whether the larger one of each two rows is kept at the end (max pool 2 × 1, stride 2 × 1).
    pub pool: bool,
}

/// What the operations take beside tensors.
#[derive(Debug, Clone, Copy)]
struct Settings {
    stride: [usize; 2],
    options: BlockOptions,
    /// Whether to normalise with the statistics of the batch.
    batch: bool,
    epsilon: f64,
}

/// Convolution without padding, ReLU, batch normalisation and max pool over rows, in this order.
///
/// The normalisation works as [`BatchNorm::forward`] does: with the statistics of the batch, and
/// updating the running ones, where the input is on a device for training and the layer learns.
///
/// On the CPU backend `flex` with weights of 32 bits, the kernels of this crate do it, gradients
/// included; otherwise Burn's operations do. Weights of 16 bits: the convolution has their type,
/// the normalisation has 32 bits.
///
/// # Shapes
/// - `input`: `[batch, height, width, input channels]`, of the type of the weights
/// - output: `[batch, height, width, output channels]`
///
/// # Panics
/// If the convolution has padding, dilation or groups, if the shapes do not fit, or if the input is
/// smaller than the kernel.
pub fn conv_block(
    input: Tensor<4>,
    convolution: &Conv2d,
    norm: Option<&BatchNorm>,
    options: BlockOptions,
) -> Tensor<4> {
    let is_plain = matches!(convolution.padding, PaddingConfig2d::Valid)
        && convolution.dilation == [1, 1]
        && convolution.groups == 1;
    assert!(is_plain, "a block's convolution has neither padding, dilation nor groups");
    let weight = convolution.weight.val();
    let device = input.device();
    if weight.dtype() != DType::F32 || device.clone().inner() != Device::flex() {
        return with_burn(input, convolution, norm, options);
    }
    let [outputs, ..] = weight.dims();
    let plain = device.clone().inner();
    let zeros = || Tensor::<1>::zeros([outputs], &plain);
    let bias = convolution.bias.as_ref().map_or_else(zeros, |bias| bias.val());
    let batch = norm.filter(|norm| device.is_autodiff() && norm.training.is_enabled());
    let settings = Settings {
        stride: convolution.stride,
        options,
        batch: batch.is_some(),
        epsilon: norm.map_or(0.0, |norm| norm.epsilon),
    };
    // Without a layer, a normalisation that changes nothing.
    let ones = || Tensor::<1>::ones([outputs], &plain);
    let parameters = match norm {
        Some(norm) => {
            [norm.gamma.val(), norm.beta.val(), norm.running_mean.value(), norm.running_var.value()]
        }
        None => [ones(), zeros(), zeros(), ones()],
    };
    let [gamma, beta, mean, variance] = parameters.map(Tensor::into_dispatch);
    let result = <Dispatch as Operations>::block(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        gamma,
        beta,
        mean,
        variance,
        settings,
    );
    if let Some(norm) = batch {
        let [mean, variance] = [result.mean, result.variance].map(Tensor::<1>::from_dispatch);
        let new = |running: Tensor<1>, batch: Tensor<1>| {
            let kept = running.mul_scalar(1.0 - norm.momentum);
            kept.add(batch.detach().mul_scalar(norm.momentum)).detach()
        };
        norm.running_mean.update(new(norm.running_mean.value_sync(), mean));
        norm.running_var.update(new(norm.running_var.value_sync(), variance));
    }
    Tensor::from_dispatch(result.output)
}

/// The same with Burn's operations.
pub(crate) fn with_burn(
    input: Tensor<4>,
    convolution: &Conv2d,
    norm: Option<&BatchNorm>,
    options: BlockOptions,
) -> Tensor<4> {
    let dtype: FloatDType = convolution.weight.dtype().into();
    // [batch, channels, height, width]
    let mut x = convolution.forward(input.permute([0, 3, 1, 2]));
    if options.relu {
        x = relu(x);
    }
    if let Some(norm) = norm {
        x = norm.forward(x.cast(FloatDType::F32)).cast(dtype);
    }
    if options.pool {
        x = max_pool2d(x, MaxPoolOptions::new([2, 1])); // [batch, channels, height/2, width]
    }
    x.permute([0, 2, 3, 1])
}
