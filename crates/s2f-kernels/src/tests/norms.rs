use proptest::prelude::*;

use super::{error, random};
use crate::finish::Activation;
use crate::isa::Isa;
use crate::norm::{self, Affine, Forward, Statistics};

const EPSILON: f64 = 1e-5;

/// The block after the sums, in `f64`: ReLU, normalisation, pool.
struct Reference<'a> {
    size: [usize; 3],
    gamma: &'a [f32],
    beta: &'a [f32],
    pool: bool,
    /// Statistics that do not depend on the batch.
    fixed: Option<&'a Statistics>,
}

impl Reference<'_> {
    fn statistics(&self, activation: &[f64]) -> [Vec<f64>; 2] {
        let channels = self.size[2];
        if let Some(fixed) = self.fixed {
            return [&fixed.mean, &fixed.variance]
                .map(|values| values.iter().map(|value| f64::from(*value)).collect());
        }
        let pixels = (activation.len() / channels) as f64;
        let mean = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let of = |channel: usize| {
                activation[channel..].iter().step_by(channels).map(|v| f(channel, *v)).sum::<f64>()
            };
            (0..channels).map(|channel| of(channel) / pixels).collect()
        };
        let means = mean(&|_, value| value);
        let variances = mean(&|channel, value| (value - means[channel]).powi(2));
        [means, variances]
    }

    /// The sum of the outputs times `weights`.
    fn loss(&self, sums: &[f64], weights: &[f32]) -> f64 {
        let [height, width, channels] = self.size;
        let activation: Vec<f64> = sums.iter().map(|value| value.max(0.0)).collect();
        let [mean, variance] = self.statistics(&activation);
        let values = activation.iter().enumerate().map(|(index, value)| {
            let channel = index % channels;
            let normalised = (value - mean[channel]) / (variance[channel] + EPSILON).sqrt();
            normalised * f64::from(self.gamma[channel]) + f64::from(self.beta[channel])
        });
        let values: Vec<f64> = values.collect();
        let row = width * channels;
        let mut outputs = Vec::new();
        for image in values.chunks_exact(height * row) {
            if self.pool {
                for rows in image.chunks_exact(2 * row) {
                    let (first, second) = rows.split_at(row);
                    outputs.extend(first.iter().zip(second).map(|(a, b)| a.max(*b)));
                }
            } else {
                outputs.extend_from_slice(image);
            }
        }
        outputs.iter().zip(weights).map(|(output, weight)| output * f64::from(*weight)).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Central differences of the loss in `f64`.
    #[test]
    fn gradients_equal_differences(
        height in 2_usize..6,
        width in 1_usize..5,
        channels in 1_usize..19,
        pool: bool,
        batch: bool,
        seed: u64,
    ) {
        let images = 2;
        let sums = random(seed, images * height * width * channels);
        // Off the kinks, where there are no derivatives.
        let sums: Vec<f32> = sums.iter().map(|v| if v.abs() < 0.01 { 0.5 } else { *v }).collect();
        let [gamma, beta, mean] = [1, 2, 3].map(|n| random(seed ^ n, channels));
        let variance = random(seed ^ 4, channels).iter().map(|v| v + 1.5).collect();
        let fixed = Statistics { mean, variance };
        let rows = if pool { height / 2 } else { height };
        let weights = random(seed ^ 5, images * rows * width * channels);
        let size = [height, width, channels];
        let reference = |gamma: &[f32], beta: &[f32], sums: &[f64]| {
            let fixed = (!batch).then_some(&fixed);
            Reference { size, gamma, beta, pool, fixed }.loss(sums, &weights)
        };
        let wide: Vec<f64> = sums.iter().map(|value| f64::from(*value)).collect();
        let step = 1e-5;
        let expected: Vec<f64> = (0..sums.len()).map(|index| {
            let at = |distance: f64| {
                let mut moved = wide.clone();
                moved[index] += distance;
                reference(&gamma, &beta, &moved)
            };
            (at(step) - at(-step)) / (2.0 * step)
        }).collect();
        // The loss is linear in the parameters.
        let one = |values: &[f32], channel: usize| {
            let mut values = values.to_vec();
            values[channel] += 0.5;
            values
        };
        let here = reference(&gamma, &beta, &wide);
        let expected_beta: Vec<f64> = (0..channels)
            .map(|c| 2.0 * (reference(&gamma, &one(&beta, c), &wide) - here)).collect();

        let activation: Vec<f32> = sums.iter().map(|value| value.max(0.0)).collect();
        for isa in Isa::all() {
            let statistics = if batch {
                Statistics::of(isa, &activation, width, channels)
            } else {
                fixed.clone()
            };
            let affine = Affine::new(&statistics, &gamma, &beta, EPSILON);
            let mut output = vec![f32::NAN; weights.len()];
            norm::apply(isa, &activation, size, &affine, pool, &mut output);
            let found: f64 =
                output.iter().zip(&weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            // f32 next to f64; a batch may have channels of almost no variance.
            prop_assert!((found - here).abs() < 1e-3 * (1.0 + here.abs()), "{found} {here}");

            let forward = Forward {
                activation: &activation, size, statistics: &statistics, gamma: &gamma,
                beta: &beta, epsilon: EPSILON, batch, limits: Activation::Relu, pool,
            };
            let mut gradient = vec![f32::NAN; sums.len()];
            let found = norm::backward(isa, forward, &weights, &mut gradient);
            prop_assert!(error(&gradient, &expected) < 2e-3, "{} sums", isa.name());
            prop_assert!(error(&found.beta, &expected_beta) < 1e-3, "{} beta", isa.name());
            let bias: Vec<f64> = (0..channels).map(|channel| {
                expected[channel..].iter().step_by(channels).sum()
            }).collect();
            let largest = expected.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
            for (found, expected) in found.bias.iter().zip(bias) {
                let distance = (f64::from(*found) - expected).abs();
                prop_assert!(distance < 1e-2 * largest.max(1.0), "{found} {expected}");
            }
        }
    }
}
