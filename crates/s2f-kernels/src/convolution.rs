//! A convolution by whichever algorithm is the fastest for its shape.

use crate::direct;
pub use crate::direct::Shape;
pub use crate::finish::Finish;
use crate::isa::Isa;
use crate::winograd::{self, Geometry, Weights};

/// Channels of input and output from which Winograd's transforms pay.
const MIN_CHANNELS: usize = 16;

/// Writes the convolution of `source`: with `pool`, the larger one of each two rows of the output
/// alone, whose last row is left out where their number is odd.
///
/// # Panics
/// If a slice has another length than `shape` says, or a kernel is larger than its image.
pub fn convolve(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    source: &[f32],
    finish: Finish,
    pool: bool,
    target: &mut [f32],
) {
    if is_winograd(shape) {
        let weights = weights(shape, kernels);
        winograd::convolve(isa, geometry(shape), weights, source, finish, pool, target);
    } else {
        direct::convolve(isa, shape, kernels, source, finish, pool, target);
    }
}

/// Writes the gradient of the input from that of the output.
///
/// # Panics
/// As [`convolve`].
pub fn input_gradient(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    if is_winograd(shape) {
        let forward = geometry(shape);
        let (source, target) = (forward.target, forward.source);
        let backward = Geometry { source, target, adjoint: true, ..forward };
        let weights = Weights { adjoint: true, ..weights(shape, kernels) };
        let finish = Finish::default();
        winograd::convolve(isa, backward, weights, output_gradient, finish, false, to);
    } else {
        direct::input_gradient(isa, shape, kernels, output_gradient, to);
    }
}

/// Writes the gradient of the kernels from the input and the gradient of the output.
///
/// # Panics
/// As [`convolve`].
pub fn kernel_gradient(
    isa: Isa,
    shape: &Shape,
    source: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    if is_winograd(shape) {
        let weights = weights(shape, &[]);
        winograd::gradient(isa, geometry(shape), weights, source, output_gradient, to);
    } else {
        direct::kernel_gradient(isa, shape, source, output_gradient, to);
    }
}

fn is_winograd(shape: &Shape) -> bool {
    shape.kernel == [4, 4]
        && shape.stride.iter().all(|stride| (1..=2).contains(stride))
        && shape.input[2].min(shape.outputs) >= MIN_CHANNELS
}

fn geometry(shape: &Shape) -> Geometry {
    Geometry {
        batch: shape.batch,
        source: shape.input,
        target: shape.output(),
        stride: shape.stride,
        adjoint: false,
    }
}

fn weights<'a>(shape: &Shape, values: &'a [f32]) -> Weights<'a> {
    Weights {
        values,
        outputs: shape.outputs,
        inputs: shape.input[2],
        stride: shape.stride,
        adjoint: false,
    }
}
