//! Every kernel against the definition in `f64`, on each instruction set that the processor has.

mod blocks;
mod convolutions;
mod layers;
mod norms;
mod pictures;
mod sums;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::direct::Shape;

/// Values between −1 and 1.
fn random(seed: u64, length: usize) -> Vec<f32> {
    let mut random = SmallRng::seed_from_u64(seed);
    (0..length).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// The largest difference, relative to the largest expected value.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-30_f64, |largest, value| largest.max(value.abs()));
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0_f64, |error, (a, b)| error.max((f64::from(*a) - b).abs())) / largest
}

/// Calls `visit` with the indices of output, input and kernel of each product.
fn products(shape: &Shape, mut visit: impl FnMut(usize, usize, usize)) {
    let [height, width, inputs] = shape.input;
    let [output_height, output_width, outputs] = shape.output();
    let [kernel_height, kernel_width] = shape.kernel;
    for image in 0..shape.batch {
        for y in 0..output_height {
            for x in 0..output_width {
                let pixel = (image * output_height + y) * output_width + x;
                for tap_y in 0..kernel_height {
                    for tap_x in 0..kernel_width {
                        let from_y = image * height + y * shape.stride[0] + tap_y;
                        let from = from_y * width + x * shape.stride[1] + tap_x;
                        let tap = tap_y * kernel_width + tap_x;
                        for output in 0..outputs {
                            for input in 0..inputs {
                                let kernel = (output * inputs + input) * kernel_height;
                                let kernel = kernel * kernel_width + tap;
                                visit(pixel * outputs + output, from * inputs + input, kernel);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The convolution and its gradients by definition.
struct Reference {
    output: Vec<f64>,
    input_gradient: Vec<f64>,
    kernel_gradient: Vec<f64>,
}

impl Reference {
    fn new(shape: &Shape, kernels: &[f32], source: &[f32], output_gradient: &[f32]) -> Self {
        Self::of(kernels, source, output_gradient, |visit| products(shape, visit))
    }

    /// Of products of which `each` visits the indices of output, input and kernel.
    fn of(
        kernels: &[f32],
        source: &[f32],
        output_gradient: &[f32],
        each: impl FnOnce(&mut dyn FnMut(usize, usize, usize)),
    ) -> Self {
        let mut output = vec![0.0_f64; output_gradient.len()];
        let mut input_gradient = vec![0.0_f64; source.len()];
        let mut kernel_gradient = vec![0.0_f64; kernels.len()];
        each(&mut |to, from, kernel| {
            let (value, weight) = (f64::from(source[from]), f64::from(kernels[kernel]));
            let gradient = f64::from(output_gradient[to]);
            output[to] += value * weight;
            input_gradient[from] += gradient * weight;
            kernel_gradient[kernel] += gradient * value;
        });
        Self { output, input_gradient, kernel_gradient }
    }
}
