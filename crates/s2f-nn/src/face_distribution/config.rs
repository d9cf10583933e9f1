//! The configuration of a head that predicts a distribution of faces: sizes, limits and cost.

use std::ops::RangeInclusive;

use burn::module::Param;
use burn::nn::{Initializer, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor};
use s2f_core::FaceSpace;
use serde::{Deserialize, Serialize};

use super::{FaceDistributionHead, Reliability, Standard};
use crate::config::{Checks, ConfigError, Cost, WIDTH, linear, product, sum};

const CHECKS: Checks = Checks("face distribution");
const COMPONENTS: RangeInclusive<usize> = 1..=64;
const RANK: RangeInclusive<usize> = 1..=64;
const TRAITS: RangeInclusive<usize> = 0..=16;
/// Seconds of speech for half of the information.
const HALF_S: RangeInclusive<f32> = 0.0..=600.0;
/// Values in memory for each dimension of each component, for one voice, at the peak of a training
/// step: the mean, the residual, what is left of it outside the factors, their squares and the
/// gradients.
const PER_DIMENSION: usize = 12;
/// The same for each factor of each component.
const PER_FACTOR: usize = 12;
/// Distance of the components' means from that of the population at the start, in deviations:
/// enough to differ, and little compared with the noise.
const APART: f64 = 0.2;
/// Copies of the factors that orthonormalisation keeps for each of its steps.
const PER_STEP: usize = 2;

/// Sizes of a [`FaceDistributionHead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDistributionConfig {
    /// Dimension of the voice embedding, E, 1 to 65536.
    pub embedding: usize,
    /// Dimension of the face space, D, 1 to 65536, its traits included.
    pub feature: usize,
    /// Number of traits, T, the last dimensions of the face space, 0 to 16; 3 in
    /// `train face-distribution`.
    #[serde(default)]
    pub traits: usize,
    /// Number of components of the mixture, K, 1 to 64.
    pub components: usize,
    /// Number of factors of each component, R, 1 to 64: directions of the identity in which faces
    /// vary together, and by an amount that depends on the voice.
    pub rank: usize,
    /// How the information in a recording grows with its length. If `None`, every recording counts
    /// as an endless one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<Reliability>,
}

impl FaceDistributionConfig {
    /// For an embedding of 256 dimensions and MobileFace's face space with all traits:
    /// 8 components with 32 factors.
    pub fn compact() -> Self {
        Self { embedding: 256, feature: 259, traits: 3, components: 8, rank: 32, reliability: None }
    }

    /// Checks that a head can be built: each size is in its range, there are at most as many
    /// factors as dimensions of the identity, and the whole is of a size that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        CHECKS.range("embedding", self.embedding, WIDTH)?;
        CHECKS.range("feature", self.feature, WIDTH)?;
        CHECKS.range("traits", self.traits, TRAITS)?;
        CHECKS.range("components", self.components, COMPONENTS)?;
        CHECKS.range("rank", self.rank, RANK)?;
        if let Some(Reliability { components_s, weights_s }) = self.reliability {
            CHECKS.position("reliability.components_s", components_s as f32, HALF_S)?;
            CHECKS.position("reliability.weights_s", weights_s as f32, HALF_S)?;
        }
        let identity = self.feature.saturating_sub(self.traits);
        CHECKS.range("feature - traits", identity, self.rank..=*WIDTH.end())?;
        CHECKS.total(self.parameters(), product([self.components, self.feature]))
    }

    /// Checks that the head predicts features of a face space.
    ///
    /// # Errors
    /// [`ConfigError::Mismatch`] if the dimensions or the numbers of traits differ.
    pub fn check_face_space(&self, space: &FaceSpace) -> Result<(), ConfigError> {
        let of = |what: &str| format!("the {what} of face space {}", space.name);
        CHECKS.equal("feature", self.feature, of("dimension"), space.dimension)?;
        CHECKS.equal("traits", self.traits, of("number of traits"), space.traits.len())
    }

    /// The cost of the head for a batch of voices.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn cost(&self, batch: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let Self { feature, components, rank, .. } = *self;
        let per_voice = sum([
            product([PER_DIMENSION, components, feature]),
            product([PER_FACTOR, components, rank]),
        ]);
        let factors = product([PER_STEP, rank, components, rank, feature]);
        let values = per_voice.saturating_mul(batch as u64).saturating_add(factors);
        Ok(Cost::new(self.parameters(), values))
    }

    fn parameters(&self) -> u64 {
        let Self { embedding, feature, traits: _, components, rank, .. } = *self;
        let (means, scales) = (components.saturating_mul(feature), components * rank);
        sum([
            linear(embedding, components),
            linear(embedding, means),
            linear(embedding, scales),
            product([scales, feature]),
            // Noise; and the prior's logits, means, scales and noise.
            product([3, means]),
            (components + scales) as u64,
            // Means and deviations of voices and faces.
            product([2, embedding]),
            product([2, feature]),
        ])
    }

    /// A head with fresh weights that predicts the same for every voice, for voices and faces of
    /// mean 0 and deviation 1. [`starting_from`](FaceDistributionHead::starting_from) gives it the
    /// mean and the deviation of a population.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<FaceDistributionHead, ConfigError> {
        self.check()?;
        let Self { embedding, feature, traits, components, rank, reliability } = *self;
        let zeros = || Initializer::Zeros;
        let linear = |outputs: usize| LinearConfig::new(embedding, outputs);
        let matrix =
            |columns: usize| Param::from_tensor(Tensor::zeros([components, columns], device));
        let normal = |deviation: f64| Distribution::Normal(0.0, deviation);
        let factors = Tensor::random([components, rank, feature], normal(1.0), device);
        let means = Tensor::random([components, feature], normal(APART), device);
        let mut of_means = linear(components * feature).with_initializer(zeros()).init(device);
        of_means.bias = Some(Param::from_tensor(means.clone().reshape([-1])));
        let standard = |width: usize| {
            Standard::new(Tensor::zeros([width], device), Tensor::ones([width], device))
        };
        Ok(FaceDistributionHead {
            logits: linear(components).with_initializer(zeros()).init(device),
            means: of_means,
            log_scales: linear(components * rank).with_initializer(zeros()).init(device),
            // Rows of about unit length, so that traits load on factors as single dimensions do.
            factors: Param::from_tensor(factors / (feature as f64).sqrt()),
            log_noise: matrix(feature),
            prior_logits: Param::from_tensor(Tensor::zeros([components], device)),
            prior_means: Param::from_tensor(means),
            prior_log_scales: matrix(rank),
            prior_log_noise: matrix(feature),
            voice: standard(embedding),
            face: standard(feature),
            traits,
            reliability,
        })
    }
}
