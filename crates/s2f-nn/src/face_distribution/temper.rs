//! Less reliable voices: distributions between that of a voice and the prior.

use super::error::DistributionError;
use super::gaussian::LowRankGaussian;
use super::mixture::GaussianMixture;

impl GaussianMixture {
    /// The distribution for a voice of reliability r, from 1 (a long, clean recording: `self`) to 0
    /// (no speech: exactly `prior`).
    ///
    /// Suppose that a short or noisy recording gives the embedding e' = r·e + √(1 - r²)·noise
    /// instead of e. If faces and embeddings were jointly Gaussian, then the mean of the face given
    /// e' would move by r instead of 1, and the share of the variance that e' explains would be r²
    /// of that of e. For component k with weight w, mean μ and covariance Σ (⁰: the prior's):
    ///
    /// ```text
    /// mean        μ⁰ + r (μ - μ⁰)
    /// covariance  r² Σ + (1 - r²) Σ⁰
    /// weight      ∝ w^(r²) · w⁰^(1 - r²)
    /// ```
    ///
    /// In a mixture, components come closer or move apart on the way, so each dimension is then
    /// scaled within the components such that its total variance is r² V + (1 - r²) V⁰, where V is
    /// the variance in `self` and V⁰ that in the prior. Within components it never becomes smaller
    /// than in both. So where the prior is wider than `self`, variance decreases with reliability
    /// and is at least that of `self`. (The variance of a dimension in which the components' means
    /// alone vary more than that, such as sex halfway from a prior for men to a voice of a woman,
    /// is larger.)
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if the prior has another number of components or
    /// dimensions, [`DistributionError::Reliability`] if r is not from 0 to 1.
    pub fn tempered(&self, reliability: f64, prior: &Self) -> Result<Self, DistributionError> {
        if !(0.0..=1.0).contains(&reliability) {
            return Err(DistributionError::Reliability { value: reliability });
        }
        let own = (self.components().len(), self.dimension());
        let other = (prior.components().len(), prior.dimension());
        if own != other {
            let (actual, expected) =
                if own.0 == other.0 { (other.1, own.1) } else { (other.0, own.0) };
            return Err(DistributionError::WrongLength { actual, expected });
        }
        if reliability == 1.0 {
            return Ok(self.clone());
        }
        if reliability == 0.0 {
            return Ok(prior.clone());
        }
        let information = reliability * reliability;
        let pairs = self.weights().iter().zip(prior.weights());
        let weights: Vec<f64> =
            pairs.map(|(w, w0)| w.powf(information) * w0.powf(1.0 - information)).collect();
        let components = self.components().iter().zip(prior.components());
        let components: Result<Vec<_>, _> =
            components.map(|(own, prior)| between(own, prior, reliability)).collect();
        let moved = Self::new(weights.clone(), components?)?;

        let within = self.within().into_iter().zip(prior.within());
        let least = within.map(|(own, prior)| own.min(prior));
        let wanted = self.variance().into_iter().zip(prior.variance());
        let wanted = wanted.map(|(v, v0)| information * v + (1.0 - information) * v0);
        let actual = moved.within().into_iter().zip(moved.between());
        let scale: Vec<f64> = actual
            .zip(wanted.zip(least))
            .map(|((within, between), (wanted, least))| (wanted - between).max(least) / within)
            .collect();
        let components = moved.components().iter().map(|component| scaled(component, &scale));
        Self::new(weights, components.collect::<Result<_, _>>()?)
    }
}

/// One component for a reliability between 0 and 1.
fn between(
    own: &LowRankGaussian,
    prior: &LowRankGaussian,
    reliability: f64,
) -> Result<LowRankGaussian, DistributionError> {
    let information = reliability * reliability;
    let mix = |own: &[f64], prior: &[f64], share: f64| -> Vec<f64> {
        own.iter().zip(prior).map(|(own, prior)| share * own + (1.0 - share) * prior).collect()
    };
    let own_factors = own.factors().iter().map(|x| x * reliability);
    let prior_factors = prior.factors().iter().map(|x| x * (1.0 - information).sqrt());
    LowRankGaussian::new(
        mix(own.mean(), prior.mean(), reliability),
        mix(own.noise(), prior.noise(), information),
        own_factors.chain(prior_factors).collect(),
    )
}

/// `component` with the variance of each dimension multiplied by `scale`, `[D]`.
fn scaled(
    component: &LowRankGaussian,
    scale: &[f64],
) -> Result<LowRankGaussian, DistributionError> {
    let noise = component.noise().iter().zip(scale).map(|(x, scale)| x * scale).collect();
    let rows = component.factors().chunks_exact(scale.len());
    let factors =
        rows.flat_map(|row| row.iter().zip(scale).map(|(x, scale)| x * scale.sqrt())).collect();
    LowRankGaussian::new(component.mean().to_vec(), noise, factors)
}
