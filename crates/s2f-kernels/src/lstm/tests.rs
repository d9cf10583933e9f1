use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

struct Random(StdRng);

impl Random {
    fn values(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| self.0.random_range(-size..size)).collect()
    }
}

struct Case {
    frames: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
    layers: usize,
}

/// The states by the definition, in double precision.
fn exact(layers: &[Weights<'_>], x: &[f32], batch: usize) -> Vec<f64> {
    let mut x: Vec<f64> = x.iter().copied().map(f64::from).collect();
    let mut last = Vec::new();
    let mut inputs = layers[0].input.len() / layers[0].bias.len();
    for layer in layers {
        let width = layer.bias.len();
        let hidden = width / GATES;
        let (mut states, mut cells) = (vec![0.0; batch * hidden], vec![0.0; batch * hidden]);
        let mut all = Vec::new();
        for frame in x.chunks_exact(batch * inputs) {
            let before = states.clone();
            for row in 0..batch {
                let gate = |column: usize| {
                    let product = |values: &[f64], weights: &[f32]| -> f64 {
                        let weights = weights[column..].iter().step_by(width);
                        values.iter().zip(weights).map(|(x, w)| x * f64::from(*w)).sum()
                    };
                    f64::from(layer.bias[column])
                        + product(&frame[row * inputs..][..inputs], layer.input)
                        + product(&before[row * hidden..][..hidden], layer.state)
                };
                let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                for unit in 0..hidden {
                    let at = row * hidden + unit;
                    cells[at] = sigmoid(gate(hidden + unit)) * cells[at]
                        + sigmoid(gate(unit)) * gate(2 * hidden + unit).tanh();
                    states[at] = sigmoid(gate(3 * hidden + unit)) * f64::tanh(cells[at]);
                }
            }
            all.extend_from_slice(&states);
        }
        (x, last, inputs) = (all, states, hidden);
    }
    last
}

fn check(case: &Case) {
    // Sums of 300 products in single precision, through three layers.
    const TOLERANCE: f64 = 1e-5;
    let Case { frames, batch, inputs, hidden, layers } = *case;
    let mut random = Random(StdRng::seed_from_u64(7));
    let x = random.values(frames * batch * inputs, 2.0);
    let bound = 2.0 / (hidden as f32).sqrt();
    let values: Vec<[Vec<f32>; 3]> = (0..layers)
        .map(|layer| {
            let inputs = if layer == 0 { inputs } else { hidden };
            [inputs * GATES * hidden, hidden * GATES * hidden, GATES * hidden]
                .map(|count| random.values(count, bound))
        })
        .collect();
    let weights: Vec<Weights<'_>> =
        values.iter().map(|[input, state, bias]| Weights { input, state, bias }).collect();
    let expected = exact(&weights, &x, batch);
    for isa in Isa::all() {
        let found = Lstm::new(&weights).last_states(isa, &x, batch);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let error = (f64::from(*found) - expected).abs();
            let name = isa.name();
            assert!(
                error < TOLERANCE,
                "{name} {error:e}, {frames} frames, {batch} rows, {hidden} units"
            );
        }
    }
}

/// Sizes that fill no tile, panel or vector, and those of the published network.
const CASES: [Case; 6] = [
    Case { frames: 1, batch: 1, inputs: 1, hidden: 1, layers: 1 },
    Case { frames: 5, batch: 3, inputs: 40, hidden: 6, layers: 2 },
    Case { frames: 9, batch: 8, inputs: 3, hidden: 16, layers: 3 },
    Case { frames: 17, batch: 9, inputs: 40, hidden: 64, layers: 2 },
    Case { frames: 20, batch: 21, inputs: 5, hidden: 40, layers: 1 },
    Case { frames: 30, batch: 7, inputs: 40, hidden: 256, layers: 3 },
];

#[test]
fn states_are_those_of_the_definition() {
    CASES.iter().for_each(check);
}

#[test]
fn rows_do_not_depend_on_the_others() {
    let mut random = Random(StdRng::seed_from_u64(1));
    let (inputs, hidden, frames, batch) = (40, 32, 12, 13);
    let values = [inputs, hidden, 1].map(|rows| random.values(rows * GATES * hidden, 0.3));
    let [input, state, bias] = &values;
    let lstm = Lstm::new(&[Weights { input, state, bias }]);
    let x = random.values(frames * batch * inputs, 1.0);
    for isa in Isa::all() {
        let all = lstm.last_states(isa, &x, batch);
        for (row, expected) in all.chunks_exact(hidden).enumerate() {
            let frames = x.chunks_exact(batch * inputs);
            let alone: Vec<f32> =
                frames.flat_map(|frame| frame[row * inputs..][..inputs].to_vec()).collect();
            assert_eq!(lstm.last_states(isa, &alone, 1), expected);
        }
    }
}

#[test]
fn exponentials_are_those_of_the_standard_library() {
    for step in -86_900..86_900 {
        let x = step as f32 * 1e-3;
        let error = f64::from(exp(x)) / f64::from(x).exp() - 1.0;
        assert!(error.abs() < 2e-7, "{x} {error}");
    }
    assert!(sigmoid(-1e9) < 1e-37 && sigmoid(f32::INFINITY) == 1.0 && sigmoid(f32::NAN).is_nan());
}
