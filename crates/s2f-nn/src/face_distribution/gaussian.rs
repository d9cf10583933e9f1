//! One Gaussian with low rank plus diagonal covariance, in double precision.

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::error::DistributionError;

/// ln 2π
pub(super) const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// N(μ, N + FᵀF) with a diagonal N, the noise, and R rows F, the factors.
#[derive(Debug, Clone)]
pub struct LowRankGaussian {
    /// μ, `[D]`.
    mean: Vec<f64>,
    /// Variances of the noise, the diagonal of N, `[D]`.
    noise: Vec<f64>,
    /// `[R, D]`, row-major.
    factors: Vec<f64>,
    /// Of I + F N⁻¹ Fᵀ, `[R, R]`.
    inner: Cholesky<f64, Dyn>,
    /// ln det (N + FᵀF)
    log_determinant: f64,
}

impl LowRankGaussian {
    /// A Gaussian of D dimensions.
    ///
    /// # Shapes
    /// - `mean`, `noise`: `[D]`; the noise is a variance
    /// - `factors`: `[R, D]`, row-major, of any rank R
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`], [`DistributionError::NotFinite`] also if a variance is
    /// not above 0.
    pub fn new(
        mean: Vec<f64>,
        noise: Vec<f64>,
        factors: Vec<f64>,
    ) -> Result<Self, DistributionError> {
        let expected = mean.len();
        if noise.len() != expected || expected == 0 || !factors.len().is_multiple_of(expected) {
            return Err(DistributionError::WrongLength { actual: noise.len(), expected });
        }
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if !(finite(&mean) && finite(&factors) && finite(&noise) && noise.iter().all(|&x| x > 0.0))
        {
            return Err(DistributionError::NotFinite);
        }
        let rank = factors.len() / expected;
        let whitened = DMatrix::from_fn(rank, expected, |row, column| {
            factors[row * expected + column] / noise[column].sqrt()
        });
        let inner = DMatrix::identity(rank, rank) + &whitened * whitened.transpose();
        let inner = Cholesky::new(inner).ok_or(DistributionError::NotFinite)?;
        let log_determinant = noise.iter().map(|x| x.ln()).sum::<f64>() + inner.ln_determinant();
        Ok(Self { mean, noise, factors, inner, log_determinant })
    }

    /// Number of dimensions, D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// μ, `[D]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variances of the noise, `[D]`.
    pub fn noise(&self) -> &[f64] {
        &self.noise
    }

    /// The factors, `[R, D]`, row-major.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// Variance of each dimension: the diagonal of the covariance, `[D]`.
    pub fn variance(&self) -> Vec<f64> {
        let mut variance = self.noise.clone();
        for row in self.factors.chunks_exact(self.dimension()) {
            variance
                .iter_mut()
                .zip(row)
                .for_each(|(variance, factor)| *variance += factor * factor);
        }
        variance
    }

    /// ln N(x; μ, N + FᵀF), by Woodbury's identity:
    /// (x-μ)ᵀ N⁻¹ (x-μ) - vᵀ (I + F N⁻¹ Fᵀ)⁻¹ v with v = F N⁻¹ (x-μ). `x` has D values.
    pub(super) fn log_density(&self, x: &[f32]) -> f64 {
        let residual = || {
            let centred = x.iter().zip(&self.mean).map(|(&x, mean)| f64::from(x) - mean);
            centred.zip(&self.noise)
        };
        let square: f64 = residual().map(|(x, noise)| x * x / noise).sum();
        let projections = self.factors.chunks_exact(self.dimension()).map(|row| {
            row.iter().zip(residual()).map(|(factor, (x, noise))| factor * x / noise).sum::<f64>()
        });
        let projections = DVector::from_iterator(self.inner.l_dirty().nrows(), projections);
        // Solves with the lower triangle, whose diagonal is above 0.
        let along = self.inner.l_dirty().solve_lower_triangular(&projections).unwrap_or_default();
        let square = square - along.norm_squared();
        -0.5 * (square + self.log_determinant + LN_TAU * self.dimension() as f64)
    }

    /// μ + truncation·(Fᵀh + √N ε) with standard normal h and ε.
    pub(super) fn sample(&self, random: &mut impl Rng, truncation: f64) -> Vec<f64> {
        let mut normal = || -> f64 { StandardNormal.sample(random) };
        let mut deviation: Vec<f64> = self.noise.iter().map(|x| x.sqrt() * normal()).collect();
        for row in self.factors.chunks_exact(self.dimension()) {
            let amount = normal();
            deviation.iter_mut().zip(row).for_each(|(x, factor)| *x += amount * factor);
        }
        self.mean.iter().zip(deviation).map(|(mean, x)| mean + truncation * x).collect()
    }

    /// Moves `x` to where its first `count` values have length 1, in the direction in which the
    /// density decreases least: Newton's steps for the constraint, each along the covariance times
    /// its gradient. A random `x` becomes, to first order, a random sample given the constraint, as
    /// in Matheron's rule.
    pub(super) fn move_to_unit_length(&self, x: &mut [f64], count: usize) {
        /// Each squares the error.
        const STEPS: usize = 4;
        for _ in 0..STEPS {
            let identity = &x[..count];
            let excess = identity.iter().map(|x| x * x).sum::<f64>() - 1.0;
            let mut direction: Vec<f64> = vec![0.0; x.len()];
            direction
                .iter_mut()
                .zip(identity)
                .zip(&self.noise)
                .for_each(|((to, x), n)| *to = n * x);
            for row in self.factors.chunks_exact(self.dimension()) {
                let amount: f64 = row.iter().zip(identity).map(|(factor, x)| factor * x).sum();
                direction.iter_mut().zip(row).for_each(|(to, factor)| *to += amount * factor);
            }
            let slope: f64 = 2.0 * identity.iter().zip(&direction).map(|(x, d)| x * d).sum::<f64>();
            if slope <= 0.0 {
                return;
            }
            x.iter_mut().zip(direction).for_each(|(x, d)| *x -= excess / slope * d);
        }
    }

    /// The distribution of some of the dimensions, regardless of the others. `range` must be within
    /// the dimensions and not empty.
    pub(super) fn marginal(&self, range: Range<usize>) -> Result<Self, DistributionError> {
        let factors = self.factors.chunks_exact(self.dimension());
        let factors = factors.flat_map(|row| row[range.clone()].iter().copied()).collect();
        let part = |values: &[f64]| values[range.clone()].to_vec();
        Self::new(part(&self.mean), part(&self.noise), factors)
    }
}
