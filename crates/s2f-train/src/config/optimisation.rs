//! Length of the training, learning rate and optimizer.

use std::fmt;

use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::devices::ComputePrecision;

/// Length of the training, learning rate and optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimisation {
    /// Number of batches; either this or `epochs` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Number of passes through the data; examples after the last whole batch of an epoch are not
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Number of examples in a step: two or more for each device and part.
    pub batch: usize,
    /// Number of equal parts that a batch is computed in, one after another; the gradients of the
    /// parts are averaged. A step takes the memory of a part and gives the result of the batch,
    /// except that batch normalisation uses the statistics of a part. With `losses.contrastive`,
    /// which compares all voices of the batch, each part is computed twice, the first time without
    /// a backward pass. For a voice encoder.
    #[serde(default = "one")]
    pub gradient_accumulation: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Maximum norm of the gradient over all parameters: a longer gradient is scaled down to it. No
    /// clipping if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_gradient_norm: Option<f64>,
    /// Decay of an exponential moving average (EMA) of the weights: after each step, average =
    /// decay · average + (1 − decay) · weights. Scored and saved weights are then the average's;
    /// training goes on from its own. No average if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// What batch normalisation computes its mean and variance over. For a voice encoder.
    #[serde(default)]
    pub batch_norm: BatchStatistics,
    /// The type that convolutions and linear layers compute in; weights, losses and optimizer have
    /// 32 bits.
    #[serde(default)]
    pub precision: ComputePrecision,
}

fn one() -> usize {
    1
}

/// What batch normalisation computes its mean and variance over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchStatistics {
    /// The examples that a device computes at a time. The running statistics are those of the
    /// first device.
    #[default]
    Local,
    /// The examples that all devices of all processes compute at a time; slower, since each layer
    /// waits for all of them.
    Synchronised,
}

impl fmt::Display for BatchStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Synchronised => "synchronised",
        })
    }
}

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Rises linearly during the first tenth of the steps, then falls to 0 along a cosine.
    Cosine,
    /// Multiplied by `factor` every `every` steps.
    Decay {
        /// Factor of the learning rate.
        factor: f64,
        /// Number of steps after which it is multiplied again.
        every: usize,
    },
}

/// The optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Kingma & Ba, 2015.
    Adam {
        /// Decay of the mean gradient; the paper's is 0.5.
        beta_1: f32,
        /// Decay of the mean squared gradient; the paper does not state its own.
        beta_2: f32,
        /// Added to the root of the mean squared gradient; the paper's is 1e-4.
        epsilon: f32,
    },
    /// Adam with decoupled weight decay (Loshchilov & Hutter, 2019), β 0.9 and 0.999.
    AdamW {
        /// Share of a weight that is subtracted in a step, times the learning rate, 0 to 1.
        weight_decay: f32,
    },
}

impl Optimisation {
    /// Number of steps for data of `examples` examples.
    ///
    /// # Errors
    /// [`TrainError::Value`] if an epoch has no whole batch.
    pub(crate) fn steps(&self, examples: usize) -> Result<usize, TrainError> {
        if let Some(steps) = self.steps {
            return Ok(steps);
        }
        match examples / self.batch {
            0 => Err(TrainError::Value {
                key: "optimisation.batch",
                wanted: format!("at most the number of training examples, {examples}"),
                found: self.batch.to_string(),
            }),
            in_epoch => Ok(self.epochs.unwrap_or(1).saturating_mul(in_epoch)),
        }
    }

    /// Learning rate of a step, counted from 0, of `steps`.
    pub fn rate(&self, step: usize, steps: usize) -> f64 {
        const WARM_UP: f64 = 0.1;
        let share = match self.schedule {
            Schedule::Decay { factor, every } => factor.powf((step / every) as f64),
            Schedule::Cosine => {
                let done = (step as f64 + 0.5) / steps as f64;
                if done < WARM_UP {
                    done / WARM_UP
                } else {
                    let turn = std::f64::consts::PI * (done - WARM_UP) / (1.0 - WARM_UP);
                    0.5 + 0.5 * turn.cos()
                }
            }
        };
        self.learning_rate * share
    }

    /// The optimizer, before its first step.
    pub(crate) fn init(&self) -> ModuleOptimizer {
        match self.optimizer {
            Optimizer::Adam { beta_1, beta_2, epsilon } => AdamConfig::new()
                .with_beta_1(beta_1)
                .with_beta_2(beta_2)
                .with_epsilon(epsilon)
                .init(),
            Optimizer::AdamW { weight_decay } => {
                AdamWConfig::new().with_weight_decay(weight_decay).init()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(schedule: Schedule) -> Optimisation {
        Optimisation {
            steps: None,
            epochs: Some(3),
            batch: 8,
            learning_rate: 1.0,
            schedule,
            optimizer: Optimizer::AdamW { weight_decay: 0.0 },
            gradient_accumulation: 1,
            clip_gradient_norm: None,
            ema_decay: None,
            batch_norm: BatchStatistics::Local,
            precision: ComputePrecision::Float32,
        }
    }

    #[test]
    fn the_cosine_rises_and_falls() {
        let plan = plan(Schedule::Cosine);
        let rates: Vec<f64> = (0..100).map(|step| plan.rate(step, 100)).collect();
        assert!(rates[0] < 0.06 && rates[99] < 0.001);
        assert!((rates[10] - 1.0).abs() < 0.001);
    }

    #[test]
    fn the_papers_decay_is_a_staircase() {
        let plan = plan(Schedule::Decay { factor: 0.95, every: 10_000 });
        for (step, expected) in [(0, 1.0), (9_999, 1.0), (10_000, 0.95), (25_000, 0.9025)] {
            assert!((plan.rate(step, 637_500) - expected).abs() < 1e-12, "step {step}");
        }
    }

    #[test]
    fn three_epochs_of_the_paper_are_637_500_steps() {
        assert_eq!(plan(Schedule::Cosine).steps(1_700_000).unwrap(), 637_500);
        let plan = Optimisation { steps: Some(7), epochs: None, ..plan(Schedule::Cosine) };
        assert_eq!(plan.steps(1_700_000).unwrap(), 7);
    }

    #[test]
    fn an_epoch_without_a_whole_batch_is_refused() {
        let plan = plan(Schedule::Cosine); // batch 8
        assert_eq!(plan.steps(8).unwrap(), 3);
        let message = plan.steps(7).unwrap_err().to_string();
        assert!(message.starts_with("optimisation.batch is 8, but must be at most "), "{message}");
        assert!(message.contains("examples, 7; hint: "), "{message}");
        let plan = Optimisation { steps: Some(5), epochs: None, ..plan };
        assert_eq!(plan.steps(7).unwrap(), 5);
    }
}
