//! An LSTM layer on a CPU, without gradients.
//!
//! A tensor library computes each step in time as a product of a few rows with a matrix, and
//! rearranges the whole matrix every time. Here it is rearranged once: into panels of as many
//! columns as a few vectors have, which stay in the nearest cache while all rows pass.

use rayon::prelude::*;
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Sigmoid;

/// Gates: input, forget, cell, output, in PyTorch's order.
pub(super) const GATES: usize = 4;
/// Rows and vectors of columns that are accumulated at once. With the weights and a value of a row
/// they fit into the 16 registers of AVX2.
const ROWS: usize = 4;
const VECTORS: usize = 2;
/// Frames whose input is multiplied at once, so that its weights are read that many times less.
const FRAMES: usize = 8;

/// A layer's weights, as PyTorch has them but transposed.
pub(super) struct Weights<'a> {
    /// `[inputs, 4 · hidden]`
    pub input: &'a [f32],
    /// `[hidden, 4 · hidden]`
    pub state: &'a [f32],
    /// The sum of both biases, `[4 · hidden]`.
    pub bias: &'a [f32],
}

impl Weights<'_> {
    /// The states after each frame, from a state of zeros. A row's do not depend on the others.
    ///
    /// # Shapes
    /// - `x`: `[frames, batch, inputs]`
    /// - output: `[frames, batch, hidden]`
    pub(super) fn states(&self, x: &[f32], batch: usize) -> Vec<f32> {
        let hidden = self.bias.len() / GATES;
        let rows = batch.div_ceil(rayon::current_num_threads()).next_multiple_of(ROWS);
        let starts: Vec<usize> = (0..batch).step_by(rows).collect();
        let parts = starts.into_par_iter().map(|first| {
            let rows = rows.min(batch - first);
            (rows * hidden, Layer { weights: self, x, batch, first, rows }.dispatch())
        });
        let mut parts: Vec<(usize, Vec<f32>)> = parts.collect();
        if let [(_, whole)] = parts.as_mut_slice() {
            return std::mem::take(whole);
        }
        let mut states = Vec::with_capacity(parts.iter().map(|(_, part)| part.len()).sum());
        let frames = parts.first().map_or(0, |(length, part)| part.len() / length);
        for frame in 0..frames {
            for (length, part) in &parts {
                states.extend_from_slice(&part[frame * length..][..*length]);
            }
        }
        states
    }
}

/// All steps of some rows of a batch.
struct Layer<'a> {
    weights: &'a Weights<'a>,
    x: &'a [f32],
    batch: usize,
    /// The first row, and how many.
    first: usize,
    rows: usize,
}

impl SimdOp for Layer<'_> {
    /// The states of the rows, `[frames, rows, hidden]`.
    type Output = Vec<f32>;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> Vec<f32> {
        let Self { weights: &Weights { input, state: recurrent, bias }, x, batch, first, rows } =
            self;
        let lanes = isa.f32().len();
        let panel = VECTORS * lanes;
        let hidden = bias.len() / GATES;
        let inputs = input.len() / bias.len();
        let width = bias.len().next_multiple_of(panel);
        let bias = panels(bias, 1, panel);
        let input = panels(input, inputs, panel);
        let recurrent = panels(recurrent, hidden, panel);

        let mut tiles = vec![[0.0; ROWS]; (FRAMES * rows).div_ceil(ROWS) * inputs];
        let mut gates = vec![0.0; FRAMES * rows * width]; // [FRAMES, rows, 4 · hidden], padded
        let mut state = vec![[0.0; ROWS]; rows.div_ceil(ROWS) * hidden];
        let mut cells = vec![0.0; rows * hidden];
        let mut doubled = vec![0.0; hidden.next_multiple_of(lanes)];
        let mut states = Vec::with_capacity(x.len() / (batch * inputs) * rows * hidden);
        for frames in x.chunks(FRAMES * batch * inputs) {
            let frames = frames.chunks_exact(batch * inputs);
            let gates = &mut gates[..frames.len() * rows * width];
            let values = frames.flat_map(|frame| &frame[first * inputs..][..rows * inputs]);
            for (place, value) in values.enumerate() {
                let (row, column) = (place / inputs, place % inputs);
                tiles[row / ROWS * inputs + column][row % ROWS] = *value;
            }
            gates.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(&bias));
            add_product(isa, &tiles, &input, inputs, gates, width);
            for gates in gates.chunks_exact_mut(rows * width) {
                add_product(isa, &state, &recurrent, hidden, gates, width);
                let gates = gates.chunks_exact_mut(width).zip(cells.chunks_exact_mut(hidden));
                for (row, (gates, cell)) in gates.enumerate() {
                    logistic(isa, gates);
                    let (input, rest) = gates.split_at(hidden);
                    let (forget, rest) = rest.split_at(hidden);
                    let (candidate, output) = rest.split_at(hidden);
                    for index in 0..hidden {
                        cell[index] = forget[index] * cell[index]
                            + input[index] * (2.0 * candidate[index] - 1.0);
                        doubled[index] = 2.0 * cell[index];
                    }
                    logistic(isa, &mut doubled);
                    let state = &mut state[row / ROWS * hidden..][..hidden];
                    for (index, state) in state.iter_mut().enumerate() {
                        state[row % ROWS] = output[index] * (2.0 * doubled[index] - 1.0);
                    }
                    states.extend(state.iter().map(|values| values[row % ROWS]));
                }
            }
        }
        states
    }
}

/// Adds rows times a matrix to `sums`.
///
/// # Shapes
/// - `tiles`: `[rows / ROWS, inputs, ROWS]`, rounded up
/// - `panels`: from [`panels`], of a matrix `[inputs, width]`
/// - `sums`: `[rows, width]`
#[inline(always)]
fn add_product<I: Isa>(
    isa: I,
    tiles: &[[f32; ROWS]],
    panels: &[f32],
    inputs: usize,
    sums: &mut [f32],
    width: usize,
) {
    let ops = isa.f32();
    let (lanes, panel) = (ops.len(), VECTORS * ops.len());
    for (place, weights) in panels.chunks_exact(inputs * panel).enumerate() {
        for (rows, tile) in sums.chunks_mut(ROWS * width).zip(tiles.chunks_exact(inputs)) {
            // Loops by index: arrays of vectors passed by value would go through memory.
            let mut found = [[ops.zero(); VECTORS]; ROWS];
            for (found, row) in found.iter_mut().zip(rows.chunks_exact(width)) {
                *found = ops.load_many(&row[place * panel..][..panel]);
            }
            for (weights, values) in weights.chunks_exact(panel).zip(tile) {
                let weights: [I::F32; VECTORS] = ops.load_many(weights);
                for row in 0..ROWS {
                    let value = ops.splat(values[row]);
                    for vector in 0..VECTORS {
                        let sum = &mut found[row][vector];
                        *sum = ops.mul_add(weights[vector], value, *sum);
                    }
                }
            }
            for (found, row) in found.iter().zip(rows.chunks_exact_mut(width)) {
                let target = row[place * panel..][..panel].chunks_exact_mut(lanes);
                target.zip(found).for_each(|(target, sum)| ops.store(*sum, target));
            }
        }
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

/// A matrix `[rows, 4 · hidden]` as `[panels, rows, panel]`, the last panel padded with zeros. The
/// cell's columns are doubled: tanh(x) = 2·σ(2x) - 1, so that one σ serves all gates.
fn panels(matrix: &[f32], rows: usize, panel: usize) -> Vec<f32> {
    let columns = matrix.len() / rows;
    let hidden = columns / GATES;
    let mut panels = vec![0.0; columns.next_multiple_of(panel) * rows];
    for (place, target) in panels.chunks_exact_mut(rows * panel).enumerate() {
        let first = place * panel;
        let count = panel.min(columns - first);
        let factors: Vec<f32> = (first..first + count)
            .map(|column| if column / hidden == 2 { 2.0 } else { 1.0 })
            .collect();
        for (target, row) in target.chunks_exact_mut(panel).zip(matrix.chunks_exact(columns)) {
            let values = row[first..].iter().zip(&factors);
            target.iter_mut().zip(values).for_each(|(target, (x, factor))| *target = x * factor);
        }
    }
    panels
}
