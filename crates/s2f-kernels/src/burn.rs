//! The kernels as operations of [Burn](https://burn.dev): one function for a block of a network,
//! which uses them on a CPU and Burn's own operations elsewhere.

mod gradient;
mod operations;
mod sum;

use burn::backend::Dispatch;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::{BatchNorm, Linear, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Device, FloatDType, Tensor};
use operations::{Inference, Operations};
pub use sum::Sum;

use crate::finish::Activation;
use crate::layer::Kind;
use crate::linear::MAX_ROWS;

/// What a block does beside its convolution and normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockOptions {
    /// What follows the convolution.
    pub activation: Activation,
    /// Whether the larger one of each two rows is kept at the end (max pool 2 × 1, stride 2 × 1).
    pub pool: bool,
}

/// What the operations take beside tensors.
#[derive(Debug, Clone, Copy)]
struct Settings {
    kind: Kind,
    stride: [usize; 2],
    padding: [usize; 2],
    options: BlockOptions,
    norm: Option<Norm>,
}

#[derive(Debug, Clone, Copy)]
struct Norm {
    /// Whether to normalise with the statistics of the batch.
    batch: bool,
    epsilon: f64,
}

/// Convolution, activation, batch normalisation and max pool over rows, in this order.
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
/// If the convolution has dilation, other padding than the same on opposite sides, or groups of
/// several channels; if it has groups or is of single pixels and a pool follows; if the shapes do
/// not fit; or if the padded input is smaller than the kernel.
pub fn conv_block(
    input: Tensor<4>,
    convolution: &Conv2d,
    norm: Option<&BatchNorm>,
    options: BlockOptions,
) -> Tensor<4> {
    let padding = match convolution.padding {
        PaddingConfig2d::Valid => Some([0, 0]),
        PaddingConfig2d::Explicit(top, left, bottom, right) if [top, left] == [bottom, right] => {
            Some([top, left])
        }
        _ => None,
    };
    let weight = convolution.weight.val();
    let [outputs, inputs, ..] = weight.dims();
    let kind = match convolution.groups {
        1 => Some(Kind::Full),
        groups if groups == outputs && inputs == 1 => Some(Kind::Depthwise),
        _ => None,
    };
    let fits = padding.is_some() && kind.is_some() && convolution.dilation == [1, 1];
    assert!(fits, "a block's convolution has dilation, uneven padding or groups of channels");
    let (padding, kind) = (padding.unwrap_or_default(), kind.unwrap_or(Kind::Full));
    if !is_for_kernels(&weight, &input.device()) {
        return with_burn(input, convolution, norm, options);
    }
    let bias = convolution.bias.as_ref().map(|bias| bias.val());
    let stride = convolution.stride;
    block(input, weight, bias, norm, Settings { kind, stride, padding, options, norm: None })
}

/// Transposed convolution and activation, as [`conv_block`].
///
/// # Shapes
/// - `input`: `[batch, height, width, input channels]`, of the type of the weights
/// - output: `[batch, height, width, output channels]`
///
/// # Panics
/// If the convolution has dilation or groups, or the shapes do not fit.
pub fn conv_transpose_block(
    input: Tensor<4>,
    convolution: &ConvTranspose2d,
    activation: Activation,
) -> Tensor<4> {
    let is_plain = convolution.dilation == [1, 1] && convolution.groups == 1;
    assert!(is_plain, "a block's transposed convolution has dilation or groups");
    let weight = convolution.weight.val();
    if !is_for_kernels(&weight, &input.device()) {
        // [batch, channels, height, width]
        let x = activate(convolution.forward(input.permute([0, 3, 1, 2])), activation);
        return x.permute([0, 2, 3, 1]);
    }
    let bias = convolution.bias.as_ref().map(|bias| bias.val());
    let settings = Settings {
        kind: Kind::Transposed { padding_out: convolution.padding_out },
        stride: convolution.stride,
        padding: convolution.padding,
        options: BlockOptions { activation, pool: false },
        norm: None,
    };
    block(input, weight, bias, None, settings)
}

/// A fully connected layer and an activation. For few rows on a CPU without gradients, with weights
/// of 32 bits, the weights are read once, by all threads; otherwise Burn's operations do it.
///
/// # Shapes
/// - `input`: `[batch, inputs]`, of the type of the weights
/// - output: `[batch, outputs]`
pub fn linear(input: Tensor<2>, layer: &Linear, activation: Activation) -> Tensor<2> {
    let [rows, _] = input.dims();
    let weight = layer.weight.val();
    let device = input.device();
    let is_plain = !device.is_autodiff() && is_for_kernels(&weight, &device);
    if !is_plain || !(1..=MAX_ROWS).contains(&rows) {
        return activate(layer.forward(input), activation);
    }
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    activate(product(input, weight, bias), activation)
}

/// `input · weight + bias`, as [`linear`] does it.
///
/// # Shapes
/// - `input`: `[batch, inputs]`; `weight`: `[inputs, outputs]`; `bias`: `[outputs]`
/// - output: `[batch, outputs]`
pub fn affine(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [rows, _] = input.dims();
    let device = input.device();
    let is_plain = !device.is_autodiff() && is_for_kernels(&weight, &device);
    if is_plain && (1..=MAX_ROWS).contains(&rows) {
        product(input, weight, Some(bias))
    } else {
        input.matmul(weight) + bias.unsqueeze::<2>()
    }
}

fn product(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let device = input.device();
    let [_, outputs] = weight.dims();
    let bias = bias.unwrap_or_else(|| Tensor::zeros([outputs], &device));
    let [input, weight] = [input, weight].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as Inference>::linear(input, weight, bias.into_dispatch()))
}

fn activate<const D: usize>(x: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::None => x,
        Activation::Relu => relu(x),
        // min(max(x, 0), 6). A clamp gives the same, but its backward pass on a CPU takes several
        // times as long.
        Activation::Relu6 => relu(relu(x).neg().add_scalar(6.0)).neg().add_scalar(6.0),
    }
}

/// Whether the kernels compute layers with such weights.
fn is_for_kernels<const D: usize>(weight: &Tensor<D>, device: &Device) -> bool {
    weight.dtype() == DType::F32 && device.clone().inner() == Device::flex()
}

/// A block by the kernels; of `settings`, this sets the normalisation.
fn block(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    norm: Option<&BatchNorm>,
    settings: Settings,
) -> Tensor<4> {
    let device = input.device();
    let plain = device.clone().inner();
    let outputs = match (settings.kind, weight.dims()) {
        (Kind::Transposed { .. }, [_, outputs, ..]) | (_, [outputs, ..]) => outputs,
    };
    let bias = bias.unwrap_or_else(|| Tensor::zeros([outputs], &plain));
    let batch = norm.filter(|norm| device.is_autodiff() && norm.training.is_enabled());
    let settings = Settings {
        norm: norm.map(|norm| Norm { batch: batch.is_some(), epsilon: norm.epsilon }),
        ..settings
    };
    let parameters = match norm {
        Some(norm) => {
            [norm.gamma.val(), norm.beta.val(), norm.running_mean.value(), norm.running_var.value()]
        }
        // Not read.
        None => [(); 4].map(|()| Tensor::zeros([0], &plain)),
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
    let x = convolution.forward(input.permute([0, 3, 1, 2]));
    let mut x = activate(x, options.activation);
    if let Some(norm) = norm {
        x = norm.forward(x.cast(FloatDType::F32)).cast(dtype);
    }
    if options.pool {
        x = max_pool2d(x, MaxPoolOptions::new([2, 1])); // [batch, channels, height/2, width]
    }
    x.permute([0, 2, 3, 1])
}
