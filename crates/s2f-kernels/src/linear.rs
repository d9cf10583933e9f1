//! Fully connected layers for few rows, which are bound by memory: weights are read once, by all
//! threads.

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::scratch::Shared;
use crate::vector::Vector;

/// Rows up to which this is faster than a general matrix product.
pub const MAX_ROWS: usize = 4;
/// Vectors of outputs, or of a sum, at once.
const VECTORS: usize = 8;
/// Products of a task, at least.
const MIN_PRODUCTS: usize = 1 << 18;

/// The weights of a layer.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    /// `[inputs, outputs]`
    ByInput(&'a [f32]),
    /// `[outputs, inputs]`, as PyTorch has them
    ByOutput(&'a [f32]),
}

/// Writes `source · weights + bias`.
///
/// # Shapes
/// - `source`: `[rows, inputs]`; `target`: `[rows, outputs]`
///
/// # Panics
/// If the lengths do not fit `rows`.
pub fn linear(
    isa: Isa,
    weights: Weights,
    bias: Option<&[f32]>,
    rows: usize,
    source: &[f32],
    target: &mut [f32],
) {
    let (inputs, outputs) = (source.len() / rows, target.len() / rows);
    let (Weights::ByInput(values) | Weights::ByOutput(values)) = weights;
    assert_eq!(values.len(), inputs * outputs);
    assert!(source.len() == rows * inputs && target.len() == rows * outputs);
    assert!(bias.is_none_or(|bias| bias.len() == outputs));
    // A task's outputs do not depend on the number of threads.
    let vectors = (MIN_PRODUCTS / (rows * inputs.max(1) * isa.lanes())).max(1);
    let step = vectors.next_multiple_of(VECTORS) * isa.lanes();
    let target = Shared::new(target);
    let work = |task: usize| {
        let first = task * step;
        let count = step.min(outputs - first);
        for row in 0..rows {
            let part = Part {
                source: &source[row * inputs..][..inputs],
                bias,
                outputs,
                first,
                count,
                target,
                start: row * outputs,
            };
            match weights {
                Weights::ByInput(weights) => isa.run(Columns { part, weights }),
                Weights::ByOutput(weights) => isa.run(Dots { part, weights }),
            }
        }
    };
    match outputs.div_ceil(step) {
        1 => work(0),
        tasks => (0..tasks).into_par_iter().for_each(work),
    }
}

/// Some outputs of a row.
struct Part<'a> {
    source: &'a [f32],
    bias: Option<&'a [f32]>,
    /// Of the layer.
    outputs: usize,
    first: usize,
    count: usize,
    target: Shared,
    /// Where the row's outputs begin.
    start: usize,
}

struct Columns<'a> {
    part: Part<'a>,
    weights: &'a [f32],
}

impl Kernel for Columns<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Part { source, bias, outputs, first, count, target, start } = self.part;
        assert!(first + count <= outputs && source.len() * outputs <= self.weights.len());
        for block in (first..first + count).step_by(VECTORS * V::LANES) {
            let width = (VECTORS * V::LANES).min(first + count - block);
            // SAFETY: the outputs from `block` on, `width` of them, are in each row of the weights
            // and in the bias; no other task writes them; the rest is as the caller promises.
            unsafe {
                let lanes = |vector: usize| width.saturating_sub(vector * V::LANES).min(V::LANES);
                let mut sums = [V::splat(0.0); VECTORS];
                if let Some(bias) = bias {
                    for (vector, sum) in sums.iter_mut().enumerate().take(width.div_ceil(V::LANES))
                    {
                        let from = bias.as_ptr().add(block + vector * V::LANES);
                        *sum = V::load_first(from, lanes(vector));
                    }
                }
                if width == VECTORS * V::LANES {
                    for (input, value) in source.iter().enumerate() {
                        let from = self.weights.as_ptr().add(input * outputs + block);
                        let value = V::splat(*value);
                        for vector in 0..VECTORS {
                            let weights = V::load(from.add(vector * V::LANES));
                            sums[vector] = value.mul_add(weights, sums[vector]);
                        }
                    }
                } else {
                    for (input, value) in source.iter().enumerate() {
                        let from = self.weights.as_ptr().add(input * outputs + block);
                        let value = V::splat(*value);
                        for vector in 0..width.div_ceil(V::LANES) {
                            let from = from.add(vector * V::LANES);
                            let weights = V::load_first(from, lanes(vector));
                            sums[vector] = value.mul_add(weights, sums[vector]);
                        }
                    }
                }
                for vector in 0..width.div_ceil(V::LANES) {
                    let to = target.at(start + block + vector * V::LANES);
                    sums[vector].store_first(to, lanes(vector));
                }
            }
        }
    }
}

struct Dots<'a> {
    part: Part<'a>,
    weights: &'a [f32],
}

impl Kernel for Dots<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Part { source, bias, outputs, first, count, target, start } = self.part;
        let inputs = source.len();
        assert!(first + count <= outputs && inputs * outputs <= self.weights.len());
        for output in first..first + count {
            let weights = &self.weights[output * inputs..][..inputs];
            let whole = inputs / (VECTORS * V::LANES) * VECTORS * V::LANES;
            // SAFETY: both slices have `inputs` values; no other task writes the output; the rest
            // is as the caller promises.
            unsafe {
                let mut sums = [V::splat(0.0); VECTORS];
                for block in (0..whole).step_by(VECTORS * V::LANES) {
                    for vector in 0..VECTORS {
                        let at = block + vector * V::LANES;
                        let value = V::load(source.as_ptr().add(at));
                        let weights = V::load(weights.as_ptr().add(at));
                        sums[vector] = value.mul_add(weights, sums[vector]);
                    }
                }
                for (vector, at) in (whole..inputs).step_by(V::LANES).enumerate() {
                    let lanes = V::LANES.min(inputs - at);
                    let value = V::load_first(source.as_ptr().add(at), lanes);
                    let weights = V::load_first(weights.as_ptr().add(at), lanes);
                    sums[vector] = value.mul_add(weights, sums[vector]);
                }
                let pairs = [0, 2, 4, 6].map(|vector| sums[vector].add(sums[vector + 1]));
                let sum = pairs[0].add(pairs[1]).add(pairs[2].add(pairs[3]));
                let mut lanes = [0.0_f32; 16];
                sum.store(lanes.as_mut_ptr());
                let sum: f32 = lanes[..V::LANES].iter().sum();
                let bias = bias.map_or(0.0, |bias| bias[output]);
                target.at(start + output).write(sum + bias);
            }
        }
    }
}
