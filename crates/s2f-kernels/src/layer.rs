//! The convolution of a block, of whichever kind it is.

use crate::convolution;
use crate::depthwise;
use crate::direct;
use crate::finish::Finish;
use crate::isa::Isa;
use crate::linear::Weights;
use crate::pointwise;
use crate::transposed::{self, pad};

/// Kinds of convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each output reads all channels.
    Full,
    /// Each output reads its own channel.
    Depthwise,
    /// The gradient of a full one.
    Transposed {
        /// Rows and columns more on one side of the output.
        padding_out: [usize; 2],
    },
}

/// A convolution of an NHWC tensor.
#[derive(Debug, Clone, Copy)]
pub enum Layer {
    /// Of padded images.
    Full {
        /// With its padding.
        shape: direct::Shape,
        /// Rows and columns of it on each side.
        padding: [usize; 2],
    },
    /// Of single pixels: inputs and outputs.
    Pointwise(direct::Shape),
    /// Within each channel.
    Depthwise(depthwise::Shape),
    /// The gradient of a full one.
    Transposed(transposed::Shape),
}

impl Layer {
    /// Of an input and weights with these dimensions.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn new(
        kind: Kind,
        [batch, height, width, channels]: [usize; 4],
        weight: [usize; 4],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Self {
        let kernel = [weight[2], weight[3]];
        let input = [height, width, channels];
        match kind {
            Kind::Full => {
                assert_eq!(weight[1], channels, "channels of kernels and input");
                let padded = [height + 2 * padding[0], width + 2 * padding[1], channels];
                let shape =
                    direct::Shape { batch, input: padded, outputs: weight[0], kernel, stride };
                if kernel == [1, 1] && stride == [1, 1] && padding == [0, 0] {
                    Self::Pointwise(shape)
                } else {
                    Self::Full { shape, padding }
                }
            }
            Kind::Depthwise => {
                assert_eq!([weight[0], weight[1]], [channels, 1], "channels of kernels and input");
                Self::Depthwise(depthwise::Shape { batch, input, kernel, stride, padding })
            }
            Kind::Transposed { padding_out } => {
                assert_eq!(weight[0], channels, "channels of kernels and input");
                let outputs = weight[1];
                let shape = transposed::Shape {
                    batch,
                    input,
                    outputs,
                    kernel,
                    stride,
                    padding,
                    padding_out,
                };
                Self::Transposed(shape)
            }
        }
    }

    /// Images.
    pub fn batch(&self) -> usize {
        match self {
            Self::Full { shape, .. } | Self::Pointwise(shape) => shape.batch,
            Self::Depthwise(shape) => shape.batch,
            Self::Transposed(shape) => shape.batch,
        }
    }

    /// Height, width and channels of the input.
    pub fn input(&self) -> [usize; 3] {
        match self {
            Self::Full {
                shape: direct::Shape { input: [height, width, channels], .. },
                padding,
            } => [height - 2 * padding[0], width - 2 * padding[1], *channels],
            Self::Pointwise(shape) => shape.input,
            Self::Depthwise(shape) => shape.input,
            Self::Transposed(shape) => shape.input,
        }
    }

    /// Height, width and channels of the output.
    pub fn output(&self) -> [usize; 3] {
        match self {
            Self::Full { shape, .. } | Self::Pointwise(shape) => shape.output(),
            Self::Depthwise(shape) => shape.output(),
            Self::Transposed(shape) => shape.output(),
        }
    }

    /// Elements of the output.
    pub fn output_length(&self) -> usize {
        self.batch() * self.output().iter().product::<usize>()
    }

    /// Writes the convolution; `pool` is for full ones. Kernels that are not pointwise are in the
    /// order of their dimensions.
    pub fn convolve(
        &self,
        isa: Isa,
        kernels: Weights,
        source: &[f32],
        finish: Finish,
        pool: bool,
        target: &mut [f32],
    ) {
        let (Weights::ByInput(values) | Weights::ByOutput(values)) = kernels;
        assert!(!pool || matches!(self, Self::Full { .. }), "only full convolutions have a pool");
        match self {
            Self::Full { shape, padding: [0, 0] } => {
                convolution::convolve(isa, shape, values, source, finish, pool, target);
            }
            Self::Full { shape, padding } => {
                let source = pad(source, shape.batch, self.input(), *padding, shape.input);
                convolution::convolve(isa, shape, values, &source, finish, pool, target);
            }
            Self::Pointwise(shape) => {
                let channels = [shape.input[2], shape.outputs];
                pointwise::convolve(isa, channels, kernels, source, finish, target);
            }
            Self::Depthwise(shape) => {
                depthwise::convolve(isa, shape, values, source, finish, target);
            }
            Self::Transposed(shape) => {
                transposed::convolve(isa, shape, values, source, finish, target);
            }
        }
    }

    /// Writes the gradient of the input from that of the output.
    pub fn input_gradient(
        &self,
        isa: Isa,
        kernels: Weights,
        output_gradient: &[f32],
        to: &mut [f32],
    ) {
        let (Weights::ByInput(values) | Weights::ByOutput(values)) = kernels;
        match self {
            Self::Full { shape, padding: [0, 0] } => {
                convolution::input_gradient(isa, shape, values, output_gradient, to);
            }
            Self::Full { shape, padding } => {
                let [height, width, channels] = self.input();
                let mut padded = vec![0.0; shape.input_length()];
                convolution::input_gradient(isa, shape, values, output_gradient, &mut padded);
                let row = shape.input[1] * channels;
                for (index, to) in to.chunks_exact_mut(width * channels).enumerate() {
                    let line = index / height * shape.input[0] + index % height + padding[0];
                    let from = line * row + padding[1] * channels;
                    to.copy_from_slice(&padded[from..][..width * channels]);
                }
            }
            Self::Pointwise(shape) => {
                // The same with inputs and outputs in each other's place.
                let kernels = match kernels {
                    Weights::ByInput(values) => Weights::ByOutput(values),
                    Weights::ByOutput(values) => Weights::ByInput(values),
                };
                let channels = [shape.outputs, shape.input[2]];
                let finish = Finish::default();
                pointwise::convolve(isa, channels, kernels, output_gradient, finish, to);
            }
            Self::Depthwise(shape) => {
                depthwise::input_gradient(isa, shape, values, output_gradient, to);
            }
            Self::Transposed(shape) => {
                transposed::input_gradient(isa, shape, values, output_gradient, to);
            }
        }
    }

    /// Writes the gradient of the kernels, in the order of their dimensions, from the input and the
    /// gradient of the output.
    pub fn kernel_gradient(
        &self,
        isa: Isa,
        source: &[f32],
        output_gradient: &[f32],
        to: &mut [f32],
    ) {
        match self {
            Self::Full { shape, padding: [0, 0] } | Self::Pointwise(shape) => {
                convolution::kernel_gradient(isa, shape, source, output_gradient, to);
            }
            Self::Full { shape, padding } => {
                let source = pad(source, shape.batch, self.input(), *padding, shape.input);
                convolution::kernel_gradient(isa, shape, &source, output_gradient, to);
            }
            Self::Depthwise(shape) => {
                depthwise::kernel_gradient(isa, shape, source, output_gradient, to);
            }
            Self::Transposed(shape) => {
                transposed::kernel_gradient(isa, shape, source, output_gradient, to);
            }
        }
    }
}
