//! The operations of a block, for the CPU backend.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::TensorData;

use super::Settings;
use crate::finish::Finish;
use crate::isa::Isa;
use crate::layer::Layer;
use crate::linear::{self, Weights};
use crate::norm::{self, Affine, Forward, Statistics};

/// The result of a block.
#[derive(ExtensionType)]
pub struct Block<B: Backend> {
    /// NHWC.
    pub output: FloatTensor<B>,
    /// The mean that the normalisation used, if there is one.
    pub mean: FloatTensor<B>,
    /// Its variance.
    pub variance: FloatTensor<B>,
}

/// The gradients of a block.
pub struct BlockGradients<B: Backend> {
    /// Of the input, if it was asked for.
    pub input: Option<FloatTensor<B>>,
    /// Of the kernels, if it was asked for.
    pub weight: Option<FloatTensor<B>>,
    /// Of the bias.
    pub bias: FloatTensor<B>,
    /// Of the factor and the summand of the normalisation, if there is one.
    pub norm: Option<[FloatTensor<B>; 2]>,
}

/// What gradients are for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub input: bool,
    pub weight: bool,
}

/// What the networks call without gradients.
#[backend_extension(Flex)]
pub trait Inference: Backend {
    /// `input · weight + bias`
    fn linear(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
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
        wanted: Wanted,
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

/// The values of weights, and their order: outputs first as their dimensions say, or inputs first
/// if they lie so in memory, as a transposed view does.
fn weights(tensor: &Primitive) -> Weights<'_> {
    let (dims, strides) = (tensor.layout().shape(), tensor.layout().strides());
    let (outputs, inputs) = (dims[0], dims[1]);
    let is_matrix = dims.num_elements() == inputs * outputs;
    if is_matrix && (strides[0], strides[1]) == (1, outputs as isize) && !tensor.is_contiguous() {
        let start = tensor.layout().start_offset();
        return Weights::ByInput(&tensor.storage::<f32>()[start..][..inputs * outputs]);
    }
    Weights::ByOutput(values(tensor))
}

/// Weights that [`weights`] can read.
fn readable(tensor: Primitive) -> Primitive {
    match weights(&tensor) {
        Weights::ByInput(_) => tensor,
        Weights::ByOutput(_) => contiguous(tensor),
    }
}

fn layer(input: &Primitive, weight: &Primitive, settings: Settings) -> Layer {
    let [input, weight] = [input, weight].map(|tensor| tensor.layout().shape().dims());
    Layer::new(settings.kind, input, weight, settings.stride, settings.padding)
}

impl Inference for Flex {
    fn linear(input: Primitive, weight: Primitive, bias: Primitive) -> Primitive {
        let [input, bias] = [input, bias].map(contiguous);
        let [rows, inputs] = input.layout().shape().dims();
        let [_, outputs] = weight.layout().shape().dims();
        // Burn's matrix has the inputs first.
        let weight = readable(weight);
        let weights = match weights(&weight) {
            Weights::ByInput(values) => Weights::ByOutput(values),
            Weights::ByOutput(values) => Weights::ByInput(values),
        };
        let mut output = vec![0.0; rows * outputs];
        assert_eq!(values(&input).len(), rows * inputs);
        let bias = Some(values(&bias));
        linear::linear(Isa::best(), weights, bias, rows, values(&input), &mut output);
        tensor(output, [rows, outputs])
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
        let [input, bias, gamma, beta] = [input, bias, gamma, beta].map(contiguous);
        let weight = readable(weight);
        let layer = layer(&input, &weight, settings);
        let affine = settings.norm.map(|norm| {
            let statistics = statistics(&mean, &variance);
            Affine::new(&statistics, values(&gamma), values(&beta), norm.epsilon)
        });
        let [height, width, outputs] = layer.output();
        let pool = settings.options.pool;
        let height = if pool { height / 2 } else { height };
        let mut output = vec![0.0; layer.batch() * height * width * outputs];
        let finish = Finish {
            bias: Some(values(&bias)),
            activation: settings.options.activation,
            norm: affine.as_ref().map(|affine| [&affine.scale[..], &affine.shift[..]]),
        };
        layer.convolve(Isa::best(), weights(&weight), values(&input), finish, pool, &mut output);
        let output = tensor(output, [layer.batch(), height, width, outputs]);
        Block { output, mean, variance }
    }
}

impl Differentiable for Flex {
    fn block_forward(tensors: Tensors<Primitive>, settings: Settings) -> (Block<Self>, Primitive) {
        let Tensors { input, weight, bias, gamma, beta, mean, variance } = tensors;
        let [input, bias, gamma, beta] = [input, bias, gamma, beta].map(contiguous);
        let weight = readable(weight);
        let isa = Isa::best();
        let layer = layer(&input, &weight, settings);
        let size @ [height, width, outputs] = layer.output();
        let activation = settings.options.activation;
        let finish = Finish { bias: Some(values(&bias)), activation, norm: None };
        let mut activation = vec![0.0; layer.output_length()];
        let source = values(&input);
        layer.convolve(isa, weights(&weight), source, finish, false, &mut activation);
        let pool = settings.options.pool;
        if settings.norm.is_none() && !pool {
            let activation = tensor(activation, [layer.batch(), height, width, outputs]);
            return (Block { output: activation.clone(), mean, variance }, activation);
        }
        let (statistics, affine) = match settings.norm {
            Some(norm) => {
                let statistics = if norm.batch {
                    Statistics::of(isa, &activation, width, outputs)
                } else {
                    statistics(&mean, &variance)
                };
                let affine = Affine::new(&statistics, values(&gamma), values(&beta), norm.epsilon);
                (statistics, affine)
            }
            None => (Statistics::none(outputs), Affine::none(outputs)),
        };
        let rows = if pool { height / 2 } else { height };
        let mut output = vec![0.0; layer.batch() * rows * width * outputs];
        norm::apply(isa, &activation, size, &affine, pool, &mut output);
        let block = Block {
            output: tensor(output, [layer.batch(), rows, width, outputs]),
            mean: tensor(statistics.mean, [outputs]),
            variance: tensor(statistics.variance, [outputs]),
        };
        (block, tensor(activation, [layer.batch(), height, width, outputs]))
    }

    fn block_backward(
        tensors: Tensors<Primitive>,
        activation: Primitive,
        output_gradient: Primitive,
        settings: Settings,
        wanted: Wanted,
    ) -> BlockGradients<Self> {
        let Tensors { input, weight, gamma, beta, mean, variance, .. } = tensors;
        let [input, gamma, beta, output_gradient] =
            [input, gamma, beta, output_gradient].map(contiguous);
        let weight = readable(weight);
        let isa = Isa::best();
        let layer = layer(&input, &weight, settings);
        let [_, _, outputs] = layer.output();
        let mut sums = vec![0.0; layer.output_length()];
        let options = settings.options;
        let (bias, norm) = if settings.norm.is_none() && !options.pool {
            let bias = norm::activation_backward(
                isa,
                values(&activation),
                options.activation,
                values(&output_gradient),
                outputs,
                &mut sums,
            );
            (bias, None)
        } else {
            let (statistics, affine) = match settings.norm {
                Some(_) => {
                    let affine = [values(&gamma).to_vec(), values(&beta).to_vec()];
                    (statistics(&mean, &variance), affine)
                }
                None => (Statistics::none(outputs), [vec![1.0; outputs], vec![0.0; outputs]]),
            };
            let forward = Forward {
                activation: values(&activation),
                size: layer.output(),
                statistics: &statistics,
                gamma: &affine[0],
                beta: &affine[1],
                epsilon: settings.norm.map_or(0.0, |norm| norm.epsilon),
                batch: settings.norm.is_some_and(|norm| norm.batch),
                limits: options.activation,
                pool: options.pool,
            };
            let found = norm::backward(isa, forward, values(&output_gradient), &mut sums);
            let norm = settings.norm.map(|_| [found.gamma, found.beta]);
            (found.bias, norm)
        };
        drop((output_gradient, activation));
        let kernels: [usize; 4] = weight.layout().shape().dims();
        let weight_gradient = wanted.weight.then(|| {
            let mut gradient = vec![0.0; kernels.iter().product()];
            layer.kernel_gradient(isa, values(&input), &sums, &mut gradient);
            tensor(gradient, kernels)
        });
        let input = wanted.input.then(|| {
            let [height, width, inputs] = layer.input();
            let mut gradient = vec![0.0; layer.batch() * height * width * inputs];
            layer.input_gradient(isa, weights(&weight), &sums, &mut gradient);
            tensor(gradient, [layer.batch(), height, width, inputs])
        });
        BlockGradients {
            input,
            weight: weight_gradient,
            bias: tensor(bias, [outputs]),
            norm: norm.map(|norm| norm.map(|values| tensor(values, [outputs]))),
        }
    }
}

fn statistics(mean: &Primitive, variance: &Primitive) -> Statistics {
    let copy = |tensor: &Primitive| values(&tensor.to_contiguous()).to_vec();
    Statistics { mean: copy(mean), variance: copy(variance) }
}
