//! Convolutions of single pixels: a matrix product.

use crate::direct::FinishRows;
use crate::finish::Finish;
use crate::isa::{Isa, Kernel};
use crate::linear::Weights;
use crate::product::{self, Left, PANEL, Right};
use crate::scratch::each_chunk;
use crate::vector::Vector;

/// Products of a task, about.
const PRODUCTS: usize = 1 << 18;

/// Writes the product of `source` and the weights, finished.
///
/// # Shapes
/// - `source`: `[pixels, inputs]`; `target`: `[pixels, outputs]`
///
/// # Panics
/// If the lengths do not fit `[inputs, outputs]`.
pub fn convolve(
    isa: Isa,
    [inputs, outputs]: [usize; 2],
    weights: Weights,
    source: &[f32],
    finish: Finish,
    target: &mut [f32],
) {
    let packed;
    let (weights, columns) = match weights {
        Weights::ByInput(weights) if outputs.is_multiple_of(isa.lanes()) => (weights, outputs),
        weights => {
            let columns = outputs.next_multiple_of(isa.lanes());
            packed = pack(weights, [inputs, outputs], columns);
            (&packed[..], columns)
        }
    };
    assert_eq!(weights.len(), inputs * columns);
    assert_eq!(source.len() * outputs, target.len() * inputs);
    // A pixel's sums do not depend on the others, so that threads may share them in any way.
    let pixels = target.len() / outputs;
    // Groups of rows that fill the registers of any instruction set.
    let step = (PRODUCTS / (inputs * outputs)).next_multiple_of(12).max(12).min(pixels);
    each_chunk(target, step * outputs, 1, |index, target| {
        let source = &source[index * step * inputs..][..target.len() / outputs * inputs];
        isa.run(Pixels { inputs, outputs, weights, columns, source, finish, target });
    });
}

/// Weights as `[inputs, columns]`; columns beyond the last output are 0.
fn pack(weights: Weights, [inputs, outputs]: [usize; 2], columns: usize) -> Vec<f32> {
    /// Rows and columns that are transposed while they stay in the cache.
    const TILE: usize = 16;
    let mut packed = vec![0.0; inputs * columns];
    match weights {
        Weights::ByInput(values) => {
            let rows = packed.chunks_exact_mut(columns).zip(values.chunks_exact(outputs));
            rows.for_each(|(to, from)| to[..outputs].copy_from_slice(from));
        }
        Weights::ByOutput(values) => {
            for first in (0..outputs).step_by(TILE) {
                let last = outputs.min(first + TILE);
                for start in (0..inputs).step_by(TILE) {
                    for input in start..inputs.min(start + TILE) {
                        let to = &mut packed[input * columns + first..input * columns + last];
                        for (to, output) in to.iter_mut().zip(first..last) {
                            *to = values[output * inputs + input];
                        }
                    }
                }
            }
        }
    }
    packed
}

struct Pixels<'a> {
    inputs: usize,
    outputs: usize,
    /// `[inputs, columns]`
    weights: &'a [f32],
    columns: usize,
    source: &'a [f32],
    finish: Finish<'a>,
    target: &'a mut [f32],
}

impl Kernel for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { inputs, outputs, columns, .. } = self;
        let rows = self.target.len() / outputs;
        assert!(rows * inputs <= self.source.len() && inputs * columns <= self.weights.len());
        assert!(outputs <= columns && columns.is_multiple_of(V::LANES));
        let left = Left {
            start: self.source.as_ptr(),
            row: inputs,
            segments: 1,
            segment: 0,
            depth: inputs,
            step: 1,
        };
        for start in (0..outputs).step_by(PANEL * V::LANES) {
            let count = outputs - start;
            // SAFETY: the assertions bound what is read; the target has `outputs` values for each
            // row; the rest is as the caller promises.
            unsafe {
                let to = self.target.as_mut_ptr().add(start);
                let right = Right { start: self.weights.as_ptr().add(start), step: columns };
                if count > V::LANES {
                    let first = self.finish.vector::<V>(start, V::LANES);
                    let count = (count - V::LANES).min(V::LANES);
                    let second = self.finish.vector::<V>(start + V::LANES, count);
                    let finish = [first, second];
                    let mut sink = FinishRows { to, row: outputs, finish, count };
                    product::panel::<V, PANEL>(rows, left, right, &mut sink);
                } else {
                    let finish = [self.finish.vector::<V>(start, count)];
                    let mut sink = FinishRows { to, row: outputs, finish, count };
                    product::panel::<V, 1>(rows, left, right, &mut sink);
                }
            }
        }
    }
}
