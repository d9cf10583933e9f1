//! The states of LSTM layers on a CPU, without gradients.
//!
//! Weights are packed once, into panels that stay in the nearest cache while all rows pass. Rows
//! are processed in tiles of up to `MAX_ROWS`, each through all layers, on all threads. The
//! input's share of the gates is computed for several frames at once.

mod product;

use product::Panels;
use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::vector::Vector;

/// Gates: input, forget, cell, output, in PyTorch's order.
const GATES: usize = 4;
/// Most rows of a tile: their sums, two vectors each, fit into the 32 registers of AVX-512.
const MAX_ROWS: usize = 8;
/// Most rows of a tile where there are 16 registers.
const MAX_ROWS_OF_16: usize = 4;
/// Columns of a panel: two vectors of AVX-512.
const PANEL: usize = 32;
/// The units of each gate are padded to a multiple of the widest vector.
const LANES: usize = PANEL / 2;
/// Frames whose input is multiplied at once, so that its weights are read that many times less.
const FRAMES: usize = 8;

/// A layer's weights, as PyTorch has them but transposed.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `[inputs, 4 · hidden]`
    pub input: &'a [f32],
    /// `[hidden, 4 · hidden]`
    pub state: &'a [f32],
    /// The sum of both biases, `[4 · hidden]`.
    pub bias: &'a [f32],
}

/// Layers of long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates, as
/// `torch.nn.LSTM`), each reading the states of the one before it.
#[derive(Debug)]
pub struct Lstm {
    layers: Vec<Layer>,
    inputs: usize,
    hidden: usize,
}

#[derive(Debug)]
struct Layer {
    input: Panels,
    state: Panels,
    /// `[4 · padded hidden]`; the cell's gate is doubled, as in [`gate_columns`].
    bias: Vec<f32>,
}

impl Lstm {
    /// Packs the weights of layers of equal width.
    ///
    /// # Panics
    /// Without layers, and if the lengths of a layer's weights do not fit each other and the layer
    /// before it.
    ///
    /// ```
    /// use s2f_kernels::lstm::{Lstm, Weights};
    ///
    /// // One unit that reads one value.
    /// let layer = Weights { input: &[0.0; 4], state: &[0.0; 4], bias: &[9.0, 0.0, 9.0, 9.0] };
    /// let isa = s2f_kernels::isa::Isa::best();
    /// let states = Lstm::new(&[layer]).last_states(isa, &[0.5; 100], 1); // 100 frames
    /// assert!((states[0] - 1.0_f32).abs() < 0.1);
    /// ```
    pub fn new(layers: &[Weights<'_>]) -> Self {
        let hidden = layers[0].bias.len() / GATES;
        let inputs = layers[0].input.len() / (GATES * hidden);
        let layers = layers.iter().enumerate().map(|(index, layer)| {
            assert_eq!(layer.bias.len(), GATES * hidden);
            assert_eq!(layer.state.len(), GATES * hidden * hidden);
            let rows = if index == 0 { inputs } else { hidden };
            assert_eq!(layer.input.len(), GATES * hidden * rows);
            let (columns, padded) = (gate_columns(hidden), hidden.next_multiple_of(LANES));
            // The inputs of all layers but the first are states, which are padded.
            let panels = |values: &[f32], rows: usize, padded_rows: usize| {
                let mut whole = vec![0.0; padded_rows * columns.len()];
                let targets = whole.chunks_exact_mut(columns.len());
                for (target, row) in targets.zip(values.chunks_exact(GATES * hidden)).take(rows) {
                    for (target, column) in target.iter_mut().zip(&columns) {
                        *target = column.map_or(0.0, |(index, factor)| factor * row[index]);
                    }
                }
                Panels::new(&whole, padded_rows)
            };
            let bias = columns.iter().map(|c| c.map_or(0.0, |(index, f)| f * layer.bias[index]));
            Layer {
                input: panels(layer.input, rows, if index == 0 { rows } else { padded }),
                state: panels(layer.state, hidden, padded),
                bias: bias.collect(),
            }
        });
        Self { layers: layers.collect(), inputs, hidden }
    }

    /// The states of the last layer after the last frame, from states of zeros. A row's depend
    /// neither on the others nor on the number of threads.
    ///
    /// # Shapes
    /// - `x`: `[frames, batch, inputs]`, at least one frame
    /// - output: `[batch, hidden]`
    pub fn last_states(&self, isa: Isa, x: &[f32], batch: usize) -> Vec<f32> {
        let most = if isa.lanes() == LANES { MAX_ROWS } else { MAX_ROWS_OF_16 };
        let tiles = batch.div_ceil(most).max(rayon::current_num_threads().min(batch));
        let states = (0..tiles).into_par_iter().map(|tile| {
            let first = batch * tile / tiles;
            self.rows(isa, x, batch, first, batch * (tile + 1) / tiles - first)
        });
        states.collect::<Vec<_>>().concat()
    }

    /// The last states of `rows` rows from the row `first`, at most [`MAX_ROWS`].
    fn rows(&self, isa: Isa, x: &[f32], batch: usize, first: usize, rows: usize) -> Vec<f32> {
        let mut values = vec![0.0; x.len() / batch * rows];
        let frames = x.chunks_exact(batch * self.inputs);
        for (frame, tile) in frames.zip(values.chunks_exact_mut(self.inputs * rows)) {
            for row in 0..rows {
                let values = &frame[(first + row) * self.inputs..][..self.inputs];
                let tile = tile[row..].iter_mut().step_by(rows);
                tile.zip(values).for_each(|(target, value)| *target = *value);
            }
        }
        let (mut tiles, mut states) = (values, Vec::new());
        for layer in &self.layers {
            (tiles, states) = layer.states(isa, &tiles, rows);
        }
        let padded = self.hidden.next_multiple_of(LANES);
        states.chunks_exact(padded).flat_map(|row| row[..self.hidden].to_vec()).collect()
    }
}

/// Where the column of each padded gate comes from, and its factor: the cell's gate is doubled,
/// tanh(x) = 2·σ(2x) - 1, so that one σ serves all gates.
fn gate_columns(hidden: usize) -> Vec<Option<(usize, f32)>> {
    let padded = hidden.next_multiple_of(LANES);
    let column = |index: usize| {
        let (gate, unit) = (index / padded, index % padded);
        (unit < hidden).then_some((gate * hidden + unit, if gate == 2 { 2.0 } else { 1.0 }))
    };
    (0..GATES * padded).map(column).collect()
}

impl Layer {
    /// The states of all frames, in tiles `[frames, padded hidden, rows]`, and the last ones,
    /// `[rows, padded hidden]`.
    ///
    /// # Shapes
    /// - `input`: `[frames, inputs, rows]`
    fn states(&self, isa: Isa, input: &[f32], rows: usize) -> (Vec<f32>, Vec<f32>) {
        let width = self.bias.len();
        let hidden = width / GATES;
        let inputs = self.input.inputs() * rows;
        let frames = input.len() / inputs;
        let mut states = vec![0.0; frames * hidden * rows];
        let mut gates = vec![0.0; FRAMES * rows * width]; // [FRAMES, rows, 4 · hidden]
        let (mut cells, mut last) = (vec![0.0; rows * hidden], vec![0.0; rows * hidden]);
        for first in (0..frames).step_by(FRAMES) {
            let count = FRAMES.min(frames - first);
            gates.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(&self.bias));
            let some = &mut gates[..count * rows * width];
            self.input.add_product(isa, &input[first * inputs..][..count * inputs], some, rows);
            for (frame, gates) in (first..).zip(some.chunks_exact_mut(rows * width)) {
                let (before, after) = states.split_at_mut(frame * hidden * rows);
                if let Some(start) = before.len().checked_sub(hidden * rows) {
                    self.state.add_product(isa, &before[start..], gates, rows);
                }
                isa.run(Step { gates, cells: &mut cells, states: &mut last, hidden });
                for (row, last) in last.chunks_exact(hidden).enumerate() {
                    let state = after[row..].iter_mut().step_by(rows);
                    state.zip(last).for_each(|(target, value)| *target = *value);
                }
            }
        }
        (states, last)
    }
}

/// From the sums of all gates to the next states.
struct Step<'a> {
    /// `[rows, 4 · hidden]`
    gates: &'a [f32],
    /// `[rows, hidden]`
    cells: &'a mut [f32],
    /// `[rows, hidden]`
    states: &'a mut [f32],
    /// A multiple of [`LANES`].
    hidden: usize,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { gates, cells, states, hidden } = self;
        let rows = cells.chunks_exact_mut(hidden).zip(states.chunks_exact_mut(hidden));
        for (gates, (cells, states)) in gates.chunks_exact(GATES * hidden).zip(rows) {
            let (input, rest) = gates.split_at(hidden);
            let (forget, rest) = rest.split_at(hidden);
            let (candidate, output) = rest.split_at(hidden);
            // The compiler makes vectors of the loop: nothing in it branches.
            for unit in 0..hidden {
                let candidate = 2.0 * sigmoid(candidate[unit]) - 1.0;
                let cell = sigmoid(forget[unit]) * cells[unit] + sigmoid(input[unit]) * candidate;
                cells[unit] = cell;
                states[unit] = sigmoid(output[unit]) * (2.0 * sigmoid(2.0 * cell) - 1.0);
            }
        }
    }
}

/// σ(x) = 1/(1 + e^-x)
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// e^x, with a relative error below 2e-7; beyond ±87, that of ±87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// `1.5 · 2^23`: adding it to a small float leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // The product of the first part of ln 2 with an integer of eight bits is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 87.0);
    // x = n ln 2 + r, |r| <= ln 2 / 2; the series omits less than r⁸/8! = 6e-9.
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let mut sum = 1.0 / 5040.0;
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + term;
    }
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    sum * f32::from_bits(power << 23)
}

#[cfg(test)]
mod tests;
