//! Layers that both networks use, with TensorFlow's padding and layouts of weights.
//!
//! `SAME` padding: a convolution of stride 2 over an even side is padded at its end only.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::weights::{Arrays, WeightsError, set_values, transposed};

/// Mean of R, G and B, which face-api.js subtracts before it divides.
const MEAN_RGB: [f32; 3] = [122.782, 117.001, 104.298];

/// `(faces - mean) / divisor`.
///
/// # Shapes
/// - `faces`, output: `[n, 3, h, w]`, channels R G B, values 0 to 255
pub(super) fn normalised(faces: Tensor<4>, divisor: f64) -> Tensor<4> {
    let mean = Tensor::<1>::from_floats(MEAN_RGB, &faces.device()).reshape([1, 3, 1, 1]);
    (faces - mean).div_scalar(divisor)
}

/// A convolution with bias and `SAME` padding.
pub(super) fn conv(channels: [usize; 2], kernel: usize, stride: usize) -> Conv2dConfig {
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Same)
}

/// A separable convolution: 3 × 3 within each channel, then 1 × 1 across them, with no activation
/// between.
#[derive(Module, Debug)]
pub(super) struct Separable {
    depthwise: Conv2d,
    pointwise: Conv2d,
}

impl Separable {
    pub(super) fn init(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        let [inputs, _] = channels;
        Self {
            depthwise: conv([inputs, inputs], 3, stride)
                .with_groups(inputs)
                .with_bias(false)
                .init(device),
            pointwise: conv(channels, 1, 1).init(device),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.pointwise.forward(self.depthwise.forward(x))
    }

    /// Sets the weights to the arrays that face-api.js stores under `name`.
    pub(super) fn fill(&mut self, arrays: &mut Arrays, name: &str) -> Result<(), WeightsError> {
        fill_kernel(&mut self.depthwise, arrays, &format!("{name}/depthwise_filter"))?;
        fill_kernel(&mut self.pointwise, arrays, &format!("{name}/pointwise_filter"))?;
        fill_bias(&mut self.pointwise, arrays, name)
    }
}

/// Sets kernel and bias of a convolution to what face-api.js stores under `name`.
pub(super) fn fill_conv(
    conv: &mut Conv2d,
    arrays: &mut Arrays,
    name: &str,
) -> Result<(), WeightsError> {
    fill_kernel(conv, arrays, &format!("{name}/filters"))?;
    fill_bias(conv, arrays, name)
}

/// Sets weights and bias of a fully connected layer to what face-api.js stores under `name`.
pub(super) fn fill_linear(
    linear: &mut Linear,
    arrays: &mut Arrays,
    name: &str,
) -> Result<(), WeightsError> {
    arrays.fill(&format!("{name}/weights"), &mut linear.weight)?;
    match &mut linear.bias {
        Some(bias) => arrays.fill(&format!("{name}/bias"), bias),
        None => Ok(()),
    }
}

fn fill_bias(conv: &mut Conv2d, arrays: &mut Arrays, name: &str) -> Result<(), WeightsError> {
    match &mut conv.bias {
        Some(bias) => arrays.fill(&format!("{name}/bias"), bias),
        None => Ok(()),
    }
}

/// Sets a kernel, which TensorFlow stores as `[height, width, inputs, outputs]`, or as
/// `[height, width, channels, 1]` for a depthwise convolution.
fn fill_kernel(conv: &mut Conv2d, arrays: &mut Arrays, name: &str) -> Result<(), WeightsError> {
    let [outputs, inputs, height, width] = conv.weight.lazy_shape().dims();
    let shape = if conv.groups == 1 { [inputs, outputs] } else { [outputs, 1] };
    let values = arrays.take(name, &[height, width, shape[0], shape[1]])?;
    let values = transposed(&values, shape[1]); // [outputs or 1, height, width, inputs or channels]
    let kernels = values.chunks(height * width * shape[0]);
    let values = kernels.flat_map(|kernel| transposed(kernel, shape[0])).collect();
    set_values(&mut conv.weight, values);
    Ok(())
}
