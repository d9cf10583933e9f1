//! The steps of an LSTM layer in time on a CPU, without gradients.
//!
//! A tensor library computes each step as a product of a few rows with a matrix, and rearranges the
//! whole matrix every time. Here it is rearranged once: into panels of as many columns as a few
//! vectors have, which stay in the nearest cache while all rows pass.

use rayon::prelude::*;
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Sigmoid;

/// Gates: input, forget, cell, output, in PyTorch's order.
pub(super) const GATES: usize = 4;
/// Rows and vectors of columns that are accumulated at once. With the weights and a value of the
/// state they fit into the 16 registers of AVX2.
const ROWS: usize = 4;
const VECTORS: usize = 2;

/// The states of a layer after each frame, from a state of zeros.
///
/// # Shapes
/// - `inputs`: `[frames, batch, 4 · hidden]`, the input's share of the gates; of the cell twice,
///   since tanh(x) = 2·σ(2x) - 1
/// - `weight`: `[hidden, 4 · hidden]`, of the cell twice
/// - output: `[frames, batch, hidden]`
pub(super) fn states(
    inputs: &[f32],
    weight: &[f32],
    [frames, batch, hidden]: [usize; 3],
) -> Vec<f32> {
    let rows = batch.div_ceil(rayon::current_num_threads()).next_multiple_of(ROWS);
    let starts: Vec<usize> = (0..batch).step_by(rows).collect();
    let parts = starts.into_par_iter().map(|first| {
        let rows = rows.min(batch - first);
        (rows, Steps { inputs, weight, frames, batch, hidden, first, rows }.dispatch())
    });
    let parts: Vec<(usize, Vec<f32>)> = parts.collect();
    let frame = |frame| {
        parts.iter().flat_map(move |(rows, part)| &part[frame * rows * hidden..][..rows * hidden])
    };
    (0..frames).flat_map(frame).copied().collect()
}

/// All steps of some rows of a batch.
struct Steps<'a> {
    inputs: &'a [f32],
    weight: &'a [f32],
    frames: usize,
    batch: usize,
    hidden: usize,
    /// The first row, and how many.
    first: usize,
    rows: usize,
}

impl SimdOp for Steps<'_> {
    /// The states of the rows, `[frames, rows, hidden]`.
    type Output = Vec<f32>;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> Vec<f32> {
        let Self { inputs, weight, frames, batch, hidden, first, rows } = self;
        let ops = isa.f32();
        let lanes = ops.len();
        let panel = VECTORS * lanes;
        let width = GATES * hidden;
        let padded = width.next_multiple_of(panel);
        let panels = panels(weight, hidden, panel); // [panels, hidden, panel]
        let tiles = rows.div_ceil(ROWS);
        let mut gates = vec![0.0; tiles * ROWS * padded]; // [rows, 4 · hidden], padded
        let mut state = vec![[0.0; ROWS]; tiles * hidden]; // [tiles, hidden, ROWS]
        let mut cells = vec![0.0; rows * hidden];
        let mut squashed = vec![0.0; hidden.next_multiple_of(lanes)];
        let mut states = Vec::with_capacity(frames * rows * hidden);
        for frame in 0..frames {
            let input = &inputs[(frame * batch + first) * width..][..rows * width];
            for (gates, input) in gates.chunks_exact_mut(padded).zip(input.chunks_exact(width)) {
                gates[..width].copy_from_slice(input);
            }
            for (place, weights) in panels.chunks_exact(hidden * panel).enumerate() {
                for (tile, state) in state.chunks_exact(hidden).enumerate() {
                    let at = |row| (tile * ROWS + row) * padded + place * panel;
                    // Loops by index: arrays of vectors passed by value would go through memory.
                    let mut sums = [[ops.zero(); VECTORS]; ROWS];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        *sums = ops.load_many(&gates[at(row)..][..panel]);
                    }
                    for (weights, values) in weights.chunks_exact(panel).zip(state) {
                        let weights: [I::F32; VECTORS] = ops.load_many(weights);
                        for row in 0..ROWS {
                            let value = ops.splat(values[row]);
                            for vector in 0..VECTORS {
                                let sum = &mut sums[row][vector];
                                *sum = ops.mul_add(weights[vector], value, *sum);
                            }
                        }
                    }
                    for (row, sums) in sums.iter().enumerate() {
                        let target = gates[at(row)..][..panel].chunks_exact_mut(lanes);
                        target.zip(sums).for_each(|(target, sum)| ops.store(*sum, target));
                    }
                }
            }
            let gates = gates.chunks_exact_mut(padded).zip(cells.chunks_exact_mut(hidden));
            for (row, (gates, cell)) in gates.enumerate() {
                logistic(isa, gates);
                let (input, rest) = gates.split_at(hidden);
                let (forget, rest) = rest.split_at(hidden);
                let (candidate, output) = rest.split_at(hidden);
                for index in 0..hidden {
                    cell[index] =
                        forget[index] * cell[index] + input[index] * (2.0 * candidate[index] - 1.0);
                    squashed[index] = 2.0 * cell[index];
                }
                logistic(isa, &mut squashed);
                let state = &mut state[row / ROWS * hidden..][..hidden];
                for (index, state) in state.iter_mut().enumerate() {
                    state[row % ROWS] = output[index] * (2.0 * squashed[index] - 1.0);
                }
                states.extend(state.iter().map(|values| values[row % ROWS]));
            }
        }
        states
    }
}

/// σ of each value, in place; as many values as some vectors have.
#[inline(always)]
fn logistic<I: Isa>(isa: I, values: &mut [f32]) {
    let ops = isa.f32();
    for values in values.chunks_exact_mut(ops.len()) {
        ops.store(Sigmoid::apply(isa, ops.load(values)), values);
    }
}

/// A matrix `[rows, columns]` as `[panels, rows, panel]`, the last panel padded with zeros.
fn panels(matrix: &[f32], rows: usize, panel: usize) -> Vec<f32> {
    let columns = matrix.len() / rows;
    let mut panels = vec![0.0; columns.next_multiple_of(panel) * rows];
    for (place, target) in panels.chunks_exact_mut(rows * panel).enumerate() {
        let first = place * panel;
        let count = panel.min(columns - first);
        for (target, row) in target.chunks_exact_mut(panel).zip(matrix.chunks_exact(columns)) {
            target[..count].copy_from_slice(&row[first..][..count]);
        }
    }
    panels
}
