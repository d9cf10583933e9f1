//! Distributions for short or noisy recordings: between that of a voice and the prior.

use serde::{Deserialize, Serialize};

use super::error::DistributionError;
use super::gaussian::LowRankGaussian;
use super::mixture::GaussianMixture;

/// How much a recording tells, as shares of what an endless clean recording of the voice would
/// tell: 0 nothing, 1 all of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Information {
    /// About the face within each component of the mixture, such as the age.
    pub components: f64,
    /// About which component it is, such as the sex.
    pub weights: f64,
}

impl Information {
    /// No speech.
    pub const NONE: Self = Self { components: 0.0, weights: 0.0 };
    /// An endless clean recording.
    pub const ALL: Self = Self { components: 1.0, weights: 1.0 };
}

/// How fast the information in a recording grows with its length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// Seconds of clean speech at which half of the information about the face within the
    /// components is there, 0 to 600.
    pub components_s: f64,
    /// The same for the components' weights.
    pub weights_s: f64,
}

impl Reliability {
    /// The information in `seconds` of clean speech: s / (s + h), where h gives a half. A score
    /// that is the mean over the recording, with noise that is independent from one second to the
    /// next, has this share of the variance that it would explain without noise.
    ///
    /// ```
    /// use s2f_nn::face_distribution::{Information, Reliability};
    ///
    /// let reliability = Reliability { components_s: 3.0, weights_s: 1.0 };
    /// let expected = Information { components: 0.5, weights: 0.75 };
    /// assert_eq!(reliability.information(3.0), expected);
    /// assert_eq!(reliability.information(0.0), Information::NONE);
    /// ```
    pub fn information(&self, seconds: f64) -> Information {
        let share = |half: f64| if seconds > 0.0 { seconds / (seconds + half) } else { 0.0 };
        Information { components: share(self.components_s), weights: share(self.weights_s) }
    }
}

impl GaussianMixture {
    /// The distribution for a recording with this information: `self` for
    /// [all of it](Information::ALL), exactly `prior` for [none](Information::NONE).
    ///
    /// Let a voice be observed as a score z = x + noise of a Gaussian face x with the variance V⁰.
    /// Without the noise of a short recording, the face given z has the mean μ and the variance V.
    /// More noise leaves the share i of the variance that the score explains, V⁰ - V. The posterior
    /// is then Gaussian, with the variance V⁰ - i (V⁰ - V), and its mean moves from the prior's by
    /// the share i of what the same score moves it without that noise. So for component k with
    /// weight w, mean μ and covariance Σ (⁰: the prior's), i the information about components and
    /// j that about weights:
    ///
    /// ```text
    /// mean        μ⁰ + i (μ - μ⁰)
    /// covariance  i Σ + (1 - i) Σ⁰
    /// weight      ∝ w^j · w⁰^(1 - j)
    /// ```
    ///
    /// The weights' logarithms are scores too, and shrink likewise.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if the prior has another number of components or
    /// dimensions, [`DistributionError::Information`] if a share is not from 0 to 1.
    pub fn tempered(
        &self,
        information: Information,
        prior: &Self,
    ) -> Result<Self, DistributionError> {
        let Information { components: i, weights: j } = information;
        for value in [i, j] {
            if !(0.0..=1.0).contains(&value) {
                return Err(DistributionError::Information { value });
            }
        }
        let own = (self.components().len(), self.dimension());
        let other = (prior.components().len(), prior.dimension());
        if own != other {
            let (actual, expected) =
                if own.0 == other.0 { (other.1, own.1) } else { (other.0, own.0) };
            return Err(DistributionError::WrongLength { actual, expected });
        }
        if information == Information::ALL {
            return Ok(self.clone());
        }
        if information == Information::NONE {
            return Ok(prior.clone());
        }
        let pairs = self.weights().iter().zip(prior.weights());
        let weights = pairs.map(|(w, w0)| w.powf(j) * w0.powf(1.0 - j)).collect();
        let pairs = self.components().iter().zip(prior.components());
        let components = pairs.map(|(own, prior)| between(own, prior, i));
        Self::new(weights, components.collect::<Result<_, _>>()?)
    }
}

/// One component for the share `information`, 0 to 1.
fn between(
    own: &LowRankGaussian,
    prior: &LowRankGaussian,
    information: f64,
) -> Result<LowRankGaussian, DistributionError> {
    let mix = |own: &[f64], prior: &[f64]| -> Vec<f64> {
        let pairs = own.iter().zip(prior);
        pairs.map(|(own, prior)| information * own + (1.0 - information) * prior).collect()
    };
    // The factors' squares add up in the covariance.
    let own_factors = own.factors().iter().map(|x| x * information.sqrt());
    let prior_factors = prior.factors().iter().map(|x| x * (1.0 - information).sqrt());
    LowRankGaussian::new(
        mix(own.mean(), prior.mean()),
        mix(own.noise(), prior.noise()),
        own_factors.chain(prior_factors).collect(),
    )
}
