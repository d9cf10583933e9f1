//! A mixture of Gaussians as plain numbers, in double precision.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use statrs::function::erf::erfc;

use super::error::DistributionError;
use super::gaussian::LowRankGaussian;

/// Σ_k w_k N(μ_k, Σ_k).
#[derive(Debug, Clone)]
pub struct GaussianMixture {
    /// w, which sum to 1.
    weights: Vec<f64>,
    components: Vec<LowRankGaussian>,
}

impl GaussianMixture {
    /// A mixture of at least one component; weights are divided by their sum.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if there are not as many weights as components, or two
    /// components differ in dimension; [`DistributionError::NotFinite`], also for weights below 0.
    pub fn new(
        weights: Vec<f64>,
        components: Vec<LowRankGaussian>,
    ) -> Result<Self, DistributionError> {
        let (actual, expected) = (weights.len(), components.len());
        if actual != expected || actual == 0 {
            return Err(DistributionError::WrongLength { actual, expected });
        }
        let expected = components[0].dimension();
        if let Some(other) = components.iter().find(|other| other.dimension() != expected) {
            return Err(DistributionError::WrongLength { actual: other.dimension(), expected });
        }
        let sum: f64 = weights.iter().sum();
        if !(sum.is_finite() && sum > 0.0 && weights.iter().all(|&weight| weight >= 0.0)) {
            return Err(DistributionError::NotFinite);
        }
        let weights = weights.into_iter().map(|weight| weight / sum).collect();
        Ok(Self { weights, components })
    }

    /// Number of dimensions, D.
    pub fn dimension(&self) -> usize {
        self.components[0].dimension()
    }

    /// Weights of the components, which sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The components.
    pub fn components(&self) -> &[LowRankGaussian] {
        &self.components
    }

    /// The mean, Σ_k w_k μ_k, `[D]`.
    pub fn mean(&self) -> Vec<f64> {
        self.average(|component| component.mean().to_vec())
    }

    /// Variance of each dimension, `[D]`: the mean of the components' variances plus the variance
    /// of their means.
    pub fn variance(&self) -> Vec<f64> {
        let (within, between) = (self.within(), self.between());
        within.iter().zip(between).map(|(within, between)| within + between).collect()
    }

    /// The trace of the covariance: the mean squared distance from the mean.
    pub fn total_variance(&self) -> f64 {
        self.variance().iter().sum()
    }

    /// Σ_k w_k diag Σ_k, `[D]`.
    pub(super) fn within(&self) -> Vec<f64> {
        self.average(LowRankGaussian::variance)
    }

    /// Variances of the components' means, `[D]`.
    pub(super) fn between(&self) -> Vec<f64> {
        let mean = self.mean();
        self.average(|component| {
            component.mean().iter().zip(&mean).map(|(own, mean)| (own - mean).powi(2)).collect()
        })
    }

    fn average(&self, of: impl Fn(&LowRankGaussian) -> Vec<f64>) -> Vec<f64> {
        let mut sum = vec![0.0; self.dimension()];
        for (weight, component) in self.weights.iter().zip(&self.components) {
            sum.iter_mut().zip(of(component)).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    /// Natural logarithm of the density at `x`, `[D]`.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`].
    pub fn log_density(&self, x: &[f32]) -> Result<f64, DistributionError> {
        let (actual, expected) = (x.len(), self.dimension());
        if actual != expected {
            return Err(DistributionError::WrongLength { actual, expected });
        }
        let logs = self.weights.iter().zip(&self.components);
        let logs: Vec<f64> = logs.map(|(w, component)| w.ln() + component.log_density(x)).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !largest.is_finite() {
            return Ok(largest);
        }
        Ok(largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln())
    }

    /// `count` random samples, `[D]` each. More samples of one seed start with the same ones.
    ///
    /// `truncation` scales the deviation of a sample from the mean of its component, as ψ does in
    /// StyleGAN (Karras et al., 2019): 1 samples the distribution, smaller values more typical
    /// faces, 0 the means of the components.
    pub fn sample(&self, count: usize, seed: u64, truncation: f64) -> Vec<Vec<f32>> {
        self.sample_moved(count, seed, truncation, |_, _| ())
    }

    /// The same, with each sample changed by `change`, which is also given its component.
    pub(super) fn sample_moved(
        &self,
        count: usize,
        seed: u64,
        truncation: f64,
        change: impl Fn(&LowRankGaussian, &mut [f64]),
    ) -> Vec<Vec<f32>> {
        let mut random = StdRng::seed_from_u64(seed);
        let draws = (0..count).map(|_| {
            let component = self.choose(random.random());
            let mut values = component.sample(&mut random, truncation);
            change(component, &mut values);
            values.into_iter().map(|value| value as f32).collect()
        });
        draws.collect()
    }

    /// The component at a position between 0 and 1 of the cumulative weights.
    fn choose(&self, position: f64) -> &LowRankGaussian {
        let mut sum = 0.0;
        let place = self.weights.iter().position(|weight| {
            sum += weight;
            position < sum
        });
        &self.components[place.unwrap_or(self.components.len() - 1)]
    }

    /// The distribution of some of the dimensions, regardless of the others.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if `range` is empty or not within the dimensions.
    pub fn marginal(&self, range: Range<usize>) -> Result<Self, DistributionError> {
        let expected = self.dimension();
        if range.is_empty() || range.end > expected {
            return Err(DistributionError::WrongLength { actual: range.end, expected });
        }
        let components = self.components.iter().map(|component| component.marginal(range.clone()));
        Self::new(self.weights.clone(), components.collect::<Result<_, _>>()?)
    }

    /// The probability that dimension `index` is at most `x`; NaN if there is no such dimension.
    pub fn probability_below(&self, index: usize, x: f64) -> f64 {
        if index >= self.dimension() {
            return f64::NAN;
        }
        let below = |component: &LowRankGaussian| {
            let deviation = component.variance()[index].sqrt();
            normal_below((x - component.mean()[index]) / deviation)
        };
        self.weights.iter().zip(&self.components).map(|(weight, c)| weight * below(c)).sum()
    }

    /// The quantile of dimension `index` at `probability`, 0 to 1, by bisection; NaN if there is no
    /// such dimension.
    pub fn quantile(&self, index: usize, probability: f64) -> f64 {
        /// Deviations beyond which a normal distribution has less than the smallest double.
        const FAR: f64 = 40.0;
        /// Each halves the interval: enough for any double.
        const STEPS: usize = 200;
        let Ok(marginal) = self.marginal(index..index.saturating_add(1)) else {
            return f64::NAN;
        };
        let bound = |sign: f64| {
            let ends = marginal.components.iter().map(move |component| {
                sign * component.mean()[0] + FAR * component.variance()[0].sqrt()
            });
            sign * ends.fold(f64::NEG_INFINITY, f64::max)
        };
        let (mut low, mut high) = (bound(-1.0), bound(1.0));
        for _ in 0..STEPS {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if marginal.probability_below(0, middle) < probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// The interval of dimension `index` that holds a value with probability `share`, with equal
    /// probabilities below and above it.
    pub fn interval(&self, index: usize, share: f64) -> [f64; 2] {
        [(1.0 - share) / 2.0, f64::midpoint(1.0, share)].map(|at| self.quantile(index, at))
    }
}

/// The standard normal cumulative distribution.
fn normal_below(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}
