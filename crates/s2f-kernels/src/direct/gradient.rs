//! Gradients of a convolution: of its input and of its kernels.

use rayon::prelude::*;

use super::{AddRows, Shape, place};
use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, PANEL, Right, Store};
use crate::scratch::Space;
use crate::vector::Vector;

/// Parts of the sum over the pixels, at most; the result depends on it, so threads do not.
const PARTS: usize = 16;
/// Floats of these parts, at most: 16 MiB.
const PARTIAL: usize = 4 << 20;

/// Writes the gradient of the input from that of the output.
pub fn input_gradient(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    assert_eq!(to.len(), shape.input_length());
    let [height, width, inputs] = shape.input;
    let rows = InputRows::new(isa, shape, kernels, output_gradient);
    to.par_chunks_exact_mut(width * inputs)
        .enumerate()
        .for_each(|(index, target)| rows.write(index / height, index % height, target));
}

/// Rows of the gradient of the input, each on its own.
pub struct InputRows<'a> {
    isa: Isa,
    shape: &'a Shape,
    weights: Vec<f32>,
    output_gradient: &'a [f32],
}

impl<'a> InputRows<'a> {
    /// # Panics
    /// If a slice has another length than `shape` says.
    pub fn new(isa: Isa, shape: &'a Shape, kernels: &[f32], output_gradient: &'a [f32]) -> Self {
        assert_eq!(output_gradient.len(), shape.output_length());
        Self { isa, shape, weights: pack_backward(isa, shape, kernels), output_gradient }
    }

    /// Writes the row `y` of an image.
    pub fn write(&self, image: usize, y: usize, target: &mut [f32]) {
        let Self { shape, weights, .. } = self;
        let [height, width, outputs] = shape.output();
        let row = width * outputs;
        target.fill(0.0);
        for tap_y in 0..shape.kernel[0].min(y + 1) {
            let from = y - tap_y;
            let output_y = from / shape.stride[0];
            if !from.is_multiple_of(shape.stride[0]) || output_y >= height {
                continue;
            }
            let gradient = &self.output_gradient[(image * height + output_y) * row..][..row];
            self.isa.run(InputRow { shape, weights, tap_y, gradient, target: &mut *target });
        }
    }
}

/// Kernels as panels of columns per tap: `[outputs, lanes of the panel]`, the columns being inputs.
fn pack_backward(isa: Isa, shape: &Shape, kernels: &[f32]) -> Vec<f32> {
    assert_eq!(kernels.len(), shape.kernel_length());
    let taps = shape.kernel[0] * shape.kernel[1];
    let inputs = shape.input[2];
    let columns = inputs.next_multiple_of(isa.lanes());
    let mut packed = vec![0.0; taps * shape.outputs * columns];
    for (output, kernel) in kernels.chunks_exact(inputs * taps).enumerate() {
        for (input, values) in kernel.chunks_exact(taps).enumerate() {
            let (at, lanes) = place(isa, columns, shape.outputs, input);
            for (tap, value) in values.iter().enumerate() {
                packed[tap * shape.outputs * columns + at + output * lanes] = *value;
            }
        }
    }
    packed
}

/// What a row of the output adds to a row of the input.
struct InputRow<'a> {
    shape: &'a Shape,
    weights: &'a [f32],
    tap_y: usize,
    gradient: &'a [f32],
    target: &'a mut [f32],
}

impl Kernel for InputRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Shape { outputs, kernel, stride, input: [_, _, inputs], .. } = *self.shape;
        let rows = self.gradient.len() / outputs;
        let columns = inputs.next_multiple_of(V::LANES);
        assert!(((rows - 1) * stride[1] + kernel[1]) * inputs <= self.target.len());
        let left = Left {
            start: self.gradient.as_ptr(),
            row: outputs,
            segments: 1,
            segment: 0,
            depth: outputs,
            step: 1,
        };
        for tap_x in 0..kernel[1] {
            let tap = self.tap_y * kernel[1] + tap_x;
            for start in (0..inputs).step_by(PANEL * V::LANES) {
                let weights = &self.weights[tap * outputs * columns + start * outputs..];
                let count = inputs - start;
                // SAFETY: the assertion bounds what is written; the weights hold the panels; the
                // rest is as the caller promises.
                unsafe {
                    let to = self.target.as_mut_ptr().add(tap_x * inputs + start);
                    let (start, row) = (weights.as_ptr(), stride[1] * inputs);
                    if count > V::LANES {
                        let right = Right { start, step: PANEL * V::LANES };
                        let count = (count - V::LANES).min(V::LANES);
                        let mut sink = AddRows { to, row, count };
                        product::panel::<V, PANEL>(rows, left, right, &mut sink);
                    } else {
                        let right = Right { start, step: V::LANES };
                        let mut sink = AddRows { to, row, count };
                        product::panel::<V, 1>(rows, left, right, &mut sink);
                    }
                }
            }
        }
    }
}

/// Writes the gradient of the kernels from the input and the gradient of the output.
pub fn kernel_gradient(
    isa: Isa,
    shape: &Shape,
    source: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    assert_eq!(source.len(), shape.input_length());
    assert_eq!(output_gradient.len(), shape.output_length());
    assert_eq!(to.len(), shape.kernel_length());
    let [height, ..] = shape.output();
    let columns = shape.outputs.next_multiple_of(isa.lanes());
    let length = shape.kernel[0] * shape.depth() * columns;
    let rows = shape.batch * height;
    let parts = (PARTIAL / length).clamp(1, PARTS).min(rows);
    let mut sums = vec![0.0_f32; parts * length];
    sums.par_chunks_exact_mut(length).enumerate().with_max_len(1).for_each(|(part, sums)| {
        let [first, last] = [part, part + 1].map(|part| rows * part / parts);
        for row in first..last {
            part_row(isa, shape, source, output_gradient, row, columns, sums);
        }
    });
    let (total, others) = sums.split_at_mut(length);
    for other in others.chunks_exact(length) {
        total.iter_mut().zip(other).for_each(|(total, other)| *total += other);
    }
    let inputs = shape.input[2];
    let taps = shape.kernel[0] * shape.kernel[1];
    for (output, kernel) in to.chunks_exact_mut(inputs * taps).enumerate() {
        for (input, values) in kernel.chunks_exact_mut(taps).enumerate() {
            for (tap, value) in values.iter_mut().enumerate() {
                *value = total[(tap * inputs + input) * columns + output];
            }
        }
    }
}

/// Adds what a row of the output adds to the gradient: `[taps, inputs, columns]`.
fn part_row(
    isa: Isa,
    shape: &Shape,
    source: &[f32],
    output_gradient: &[f32],
    row: usize,
    columns: usize,
    sums: &mut [f32],
) {
    let [height, width, outputs] = shape.output();
    let (image, y) = (row / height, row % height);
    let start = (image * shape.input[0] + y * shape.stride[0]) * shape.input[1] * shape.input[2];
    let gradient = &output_gradient[row * width * outputs..][..width * outputs];
    let mut padded = Space::new(width * columns);
    for (to, from) in padded.chunks_exact_mut(columns).zip(gradient.chunks_exact(outputs)) {
        let (to, rest) = to.split_at_mut(outputs);
        to.copy_from_slice(from);
        rest.fill(0.0);
    }
    isa.run(KernelRow { shape, source: &source[start..], gradient: &padded, columns, sums });
}

struct KernelRow<'a> {
    shape: &'a Shape,
    /// From the first row of the input on.
    source: &'a [f32],
    /// A row of the gradient, in whole vectors.
    gradient: &'a [f32],
    columns: usize,
    sums: &'a mut [f32],
}

impl Kernel for KernelRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Shape { kernel, stride, input: [_, width, inputs], .. } = *self.shape;
        let depth = self.shape.depth();
        let pixels = self.gradient.len() / self.columns;
        let reach = (kernel[0] - 1) * width * inputs + (pixels - 1) * stride[1] * inputs + depth;
        assert!(reach <= self.source.len() && kernel[0] * depth * self.columns <= self.sums.len());
        for tap_y in 0..kernel[0] {
            // SAFETY: the assertion bounds what is read and written; the rest is as the caller
            // promises.
            unsafe {
                let left = Left {
                    start: self.source.as_ptr().add(tap_y * width * inputs),
                    row: 1,
                    segments: 1,
                    segment: 0,
                    depth: pixels,
                    step: stride[1] * inputs,
                };
                for column in (0..self.columns).step_by(PANEL * V::LANES) {
                    let right =
                        Right { start: self.gradient.as_ptr().add(column), step: self.columns };
                    let start = self.sums.as_mut_ptr().add(tap_y * depth * self.columns + column);
                    let mut sink = Store { start, row: self.columns, add: true };
                    if self.columns - column > V::LANES {
                        product::panel::<V, PANEL>(depth, left, right, &mut sink);
                    } else {
                        product::panel::<V, 1>(depth, left, right, &mut sink);
                    }
                }
            }
        }
    }
}
