//! The states of LSTM layers on a CPU, without gradients.
//!
//! Weights are packed once, into panels that stay in the nearest cache while all rows pass. Rows
//! are processed in tiles of up to `MAX_ROWS`, each through all layers, on all threads. The
//! input's share of the gates is computed for several frames at once.

mod product;

use product::Panels;
use rayon::prelude::*;
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Sigmoid;

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
    /// let states = Lstm::new(&[layer]).last_states(&[0.5; 100], 1); // 100 frames
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
    pub fn last_states(&self, x: &[f32], batch: usize) -> Vec<f32> {
        let tiles =
            batch.div_ceil(Registers.dispatch()).max(rayon::current_num_threads().min(batch));
        let states = (0..tiles).into_par_iter().map(|tile| {
            let first = batch * tile / tiles;
            self.rows(x, batch, first, batch * (tile + 1) / tiles - first)
        });
        states.collect::<Vec<_>>().concat()
    }

    /// The last states of `rows` rows from the row `first`, at most [`MAX_ROWS`].
    fn rows(&self, x: &[f32], batch: usize, first: usize, rows: usize) -> Vec<f32> {
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
            (tiles, states) = layer.states(&tiles, rows);
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
    fn states(&self, input: &[f32], rows: usize) -> (Vec<f32>, Vec<f32>) {
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
            self.input.add_product(&input[first * inputs..][..count * inputs], some, rows);
            for (frame, gates) in (first..).zip(some.chunks_exact_mut(rows * width)) {
                let (before, after) = states.split_at_mut(frame * hidden * rows);
                if let Some(start) = before.len().checked_sub(hidden * rows) {
                    self.state.add_product(&before[start..], gates, rows);
                }
                Step { gates, cells: &mut cells, states: &mut last, hidden }.dispatch();
                for (row, last) in last.chunks_exact(hidden).enumerate() {
                    let state = after[row..].iter_mut().step_by(rows);
                    state.zip(last).for_each(|(target, value)| *target = *value);
                }
            }
        }
        (states, last)
    }
}

/// The most rows of a tile whose sums fit into the registers.
struct Registers;

impl SimdOp for Registers {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        if isa.f32().len() == LANES { MAX_ROWS } else { MAX_ROWS_OF_16 }
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

impl SimdOp for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { gates, cells, states, hidden } = self;
        let ops = isa.f32();
        let lanes = ops.len();
        let rows = cells.chunks_exact_mut(hidden).zip(states.chunks_exact_mut(hidden));
        for (gates, (cells, states)) in gates.chunks_exact(GATES * hidden).zip(rows) {
            for at in (0..hidden).step_by(lanes) {
                // Not a closure: it would be compiled without the instruction set.
                let mut found = [ops.zero(); GATES];
                for gate in 0..GATES {
                    let sum = ops.load(&gates[gate * hidden + at..][..lanes]);
                    found[gate] = Sigmoid::apply(isa, sum);
                }
                let [input, forget, candidate, output] = found;
                let cell = &mut cells[at..][..lanes];
                let kept = ops.mul(forget, ops.load(cell));
                let value = ops.mul_add(input, from_sigmoid(isa, candidate), kept);
                ops.store(value, cell);
                let tanh = from_sigmoid(isa, Sigmoid::apply(isa, ops.add(value, value)));
                ops.store(ops.mul(output, tanh), &mut states[at..][..lanes]);
            }
        }
    }
}

/// tanh(x) from σ(2x).
#[inline(always)]
fn from_sigmoid<I: Isa>(isa: I, sigmoid: I::F32) -> I::F32 {
    let ops = isa.f32();
    ops.sub(ops.add(sigmoid, sigmoid), ops.one())
}

#[cfg(test)]
mod tests;
