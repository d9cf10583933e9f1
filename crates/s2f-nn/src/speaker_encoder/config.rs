//! The configuration of a speaker encoder: sizes, preset, limits and cost.

use std::ops::RangeInclusive;

use burn::nn::LinearConfig;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::lstm::{GATES, Lstm};
use super::packed::Packed;
use super::{BANDS, PARTIAL_FRAMES, SpeakerEncoder, partial_count};
use crate::config::{Checks, ConfigError, Cost, WIDTH, linear, product, sum};

const CHECKS: Checks = Checks("speaker encoder");
const LAYERS: RangeInclusive<usize> = 1..=16;
/// Values in memory for each value of a layer's state, at the peak of a training step: four gates,
/// what the logistic functions and products keep, and their gradients.
const PER_STATE: u64 = 40;

/// Sizes of a [`SpeakerEncoder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakerEncoderConfig {
    /// Number of LSTM layers, 1 to 16.
    pub layers: usize,
    /// Width of each, 1 to 65536.
    pub hidden: usize,
    /// Dimension of the embedding, 1 to 65536.
    pub output: usize,
}

impl SpeakerEncoderConfig {
    /// The published network of Resemblyzer: 1.42 M parameters, 256-D.
    pub fn ge2e() -> Self {
        Self { layers: 3, hidden: 256, output: 256 }
    }

    /// Checks that a network can be built: each size is in its range, and the whole is of a size
    /// that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        CHECKS.range("number of layers", self.layers, LAYERS)?;
        CHECKS.range("hidden", self.hidden, WIDTH)?;
        CHECKS.range("output", self.output, WIDTH)?;
        CHECKS.total(self.parameters(), product([PARTIAL_FRAMES, GATES, self.hidden]))
    }

    /// The cost of the network for `batch` clips of `frames` frames at a time, in
    /// [partials](super::partial_starts).
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn cost(&self, batch: usize, frames: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let partials = partial_count(frames);
        let states = product([partials, PARTIAL_FRAMES, self.layers, self.hidden]);
        let inputs = product([partials, PARTIAL_FRAMES, BANDS]);
        let values = inputs.saturating_add(states.saturating_mul(PER_STATE));
        Ok(Cost::new(self.parameters(), values.saturating_mul(batch as u64)))
    }

    /// Number of parameters. As in PyTorch, each layer has a bias for its input and one for its
    /// state, of which only the sum counts.
    fn parameters(&self) -> u64 {
        let gates = GATES.saturating_mul(self.hidden);
        let layers = (0..self.layers).map(|layer| {
            let inputs = if layer == 0 { BANDS } else { self.hidden };
            linear(inputs, gates).saturating_add(linear(self.hidden, gates))
        });
        sum(layers).saturating_add(linear(self.hidden, self.output))
    }

    /// A network with fresh weights: PyTorch's defaults.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<SpeakerEncoder, ConfigError> {
        self.check()?;
        let lstm = (0..self.layers).map(|layer| {
            Lstm::init(if layer == 0 { BANDS } else { self.hidden }, self.hidden, device)
        });
        Ok(SpeakerEncoder {
            lstm: lstm.collect(),
            linear: LinearConfig::new(self.hidden, self.output).init(device),
            packed: Packed::default(),
        })
    }
}
