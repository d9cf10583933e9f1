//! The operations of a block, for the CPU backend.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::TensorData;

use super::Settings;
use crate::convolution;
use crate::direct::Shape;
use crate::finish::Finish;
use crate::isa::Isa;
use crate::norm::{self, Affine, Forward, Statistics};

/// The result of a block.
#[derive(ExtensionType)]
pub struct Block<B: Backend> {
    /// NHWC.
    pub output: FloatTensor<B>,
    /// The mean that the normalisation used.
    pub mean: FloatTensor<B>,
    /// Its variance.
    pub variance: FloatTensor<B>,
}

/// The gradients of a block.
pub struct BlockGradients<B: Backend> {
    /// Of the input, if it was asked for.
    pub input: Option<FloatTensor<B>>,
    /// Of the kernels.
    pub weight: FloatTensor<B>,
    /// Of the bias.
    pub bias: FloatTensor<B>,
    /// Of the factor of the normalisation.
    pub gamma: FloatTensor<B>,
    /// Of its summand.
    pub beta: FloatTensor<B>,
}

/// What the networks call.
#[backend_extension(Flex, Autodiff)]
pub trait Operations: Backend {
    /// A block; with gradients on a backend that has them.
    #[allow(clippy::too_many_arguments, reason = "the macro takes tensors one by one")]
    fn block(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        settings: Settings,
    ) -> Block<Self>;
}

/// The tensors of a block.
#[derive(Debug, Clone)]
pub struct Tensors<T> {
    /// NHWC.
    pub input: T,
    /// Kernels, `[outputs, inputs, height, width]`.
    pub weight: T,
    /// Of the convolution, `[outputs]`.
    pub bias: T,
    /// Factor of the normalisation, `[outputs]`.
    pub gamma: T,
    /// Its summand, `[outputs]`.
    pub beta: T,
    /// Mean that it uses, `[outputs]`; not read where it uses that of the batch.
    pub mean: T,
    /// Variance likewise.
    pub variance: T,
}

/// What gradients need of the backend below them.
pub trait Differentiable: Operations {
    /// A block, and what was normalised.
    fn block_forward(
        tensors: Tensors<FloatTensor<Self>>,
        settings: Settings,
    ) -> (Block<Self>, FloatTensor<Self>);

    /// The gradients of a block from that of its output; the tensors have the mean and the variance
    /// that were used.
    fn block_backward(
        tensors: Tensors<FloatTensor<Self>>,
        activation: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        settings: Settings,
        with_input: bool,
    ) -> BlockGradients<Self>;
}

type Primitive = FloatTensor<Flex>;

/// The values in a tensor, in the order of its shape.
fn contiguous(tensor: Primitive) -> Primitive {
    tensor.to_contiguous()
}

fn values(tensor: &Primitive) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or_default()
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Primitive {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

fn shape(input: &Primitive, weight: &Primitive, settings: Settings) -> Shape {
    let [batch, height, width, inputs] = input.layout().shape().dims();
    let [outputs, _, kernel_height, kernel_width] = weight.layout().shape().dims();
    Shape {
        batch,
        input: [height, width, inputs],
        outputs,
        kernel: [kernel_height, kernel_width],
        stride: settings.stride,
    }
}

impl Operations for Flex {
    fn block(
        input: Primitive,
        weight: Primitive,
        bias: Primitive,
        gamma: Primitive,
        beta: Primitive,
        mean: Primitive,
        variance: Primitive,
        settings: Settings,
    ) -> Block<Self> {
        let [input, weight, bias, gamma, beta] = [input, weight, bias, gamma, beta].map(contiguous);
        let shape = shape(&input, &weight, settings);
        let statistics = statistics(&mean, &variance);
        let affine = Affine::new(&statistics, values(&gamma), values(&beta), settings.epsilon);
        let [height, width, outputs] = shape.output();
        let height = if settings.options.pool { height / 2 } else { height };
        let mut output = vec![0.0; shape.batch * height * width * outputs];
        let finish = Finish {
            bias: Some(values(&bias)),
            relu: settings.options.relu,
            norm: Some([&affine.scale, &affine.shift]),
        };
        let (isa, pool) = (Isa::best(), settings.options.pool);
        let (weight, input) = (values(&weight), values(&input));
        convolution::convolve(isa, &shape, weight, input, finish, pool, &mut output);
        let output = tensor(output, [shape.batch, height, width, outputs]);
        Block { output, mean, variance }
    }
}

impl Differentiable for Flex {
    fn block_forward(tensors: Tensors<Primitive>, settings: Settings) -> (Block<Self>, Primitive) {
        let Tensors { input, weight, bias, gamma, beta, mean, variance } = tensors;
        let [input, weight, bias, gamma, beta] = [input, weight, bias, gamma, beta].map(contiguous);
        let isa = Isa::best();
        let shape = shape(&input, &weight, settings);
        let size @ [height, width, outputs] = shape.output();
        let finish = Finish { bias: Some(values(&bias)), relu: settings.options.relu, norm: None };
        let mut activation = vec![0.0; shape.output_length()];
        let (kernels, source) = (values(&weight), values(&input));
        convolution::convolve(isa, &shape, kernels, source, finish, false, &mut activation);
        let statistics = if settings.batch {
            Statistics::of(isa, &activation, width, outputs)
        } else {
            statistics(&mean, &variance)
        };
        let affine = Affine::new(&statistics, values(&gamma), values(&beta), settings.epsilon);
        let pool = settings.options.pool;
        let rows = if pool { height / 2 } else { height };
        let mut output = vec![0.0; shape.batch * rows * width * outputs];
        norm::apply(isa, &activation, size, &affine, pool, &mut output);
        let block = Block {
            output: tensor(output, [shape.batch, rows, width, outputs]),
            mean: tensor(statistics.mean, [outputs]),
            variance: tensor(statistics.variance, [outputs]),
        };
        (block, tensor(activation, [shape.batch, height, width, outputs]))
    }

    fn block_backward(
        tensors: Tensors<Primitive>,
        activation: Primitive,
        output_gradient: Primitive,
        settings: Settings,
        with_input: bool,
    ) -> BlockGradients<Self> {
        let Tensors { input, weight, gamma, beta, mean, variance, .. } = tensors;
        let [input, weight, gamma, beta, output_gradient] =
            [input, weight, gamma, beta, output_gradient].map(contiguous);
        let isa = Isa::best();
        let shape = shape(&input, &weight, settings);
        let forward = Forward {
            activation: values(&activation),
            size: shape.output(),
            statistics: &statistics(&mean, &variance),
            gamma: values(&gamma),
            beta: values(&beta),
            epsilon: settings.epsilon,
            batch: settings.batch,
            relu: settings.options.relu,
            pool: settings.options.pool,
        };
        let mut sums = vec![0.0; shape.output_length()];
        let parameters = norm::backward(isa, forward, values(&output_gradient), &mut sums);
        drop((output_gradient, activation));
        let mut weight_gradient = vec![0.0; shape.kernel_length()];
        convolution::kernel_gradient(isa, &shape, values(&input), &sums, &mut weight_gradient);
        let input = with_input.then(|| {
            let [height, width, inputs] = shape.input;
            let mut gradient = vec![0.0; shape.input_length()];
            convolution::input_gradient(isa, &shape, values(&weight), &sums, &mut gradient);
            tensor(gradient, [shape.batch, height, width, inputs])
        });
        let [height, width] = shape.kernel;
        BlockGradients {
            input,
            weight: tensor(weight_gradient, [shape.outputs, shape.input[2], height, width]),
            bias: tensor(parameters.bias, [shape.outputs]),
            gamma: tensor(parameters.gamma, [shape.outputs]),
            beta: tensor(parameters.beta, [shape.outputs]),
        }
    }
}

fn statistics(mean: &Primitive, variance: &Primitive) -> Statistics {
    let copy = |tensor: &Primitive| values(&tensor.to_contiguous()).to_vec();
    Statistics { mean: copy(mean), variance: copy(variance) }
}
