//! A distribution of faces for a voice: a head that turns a voice embedding into a mixture of
//! Gaussians in the face space, and the mixture as plain numbers.
//!
//! A voice does not determine a face, so a single predicted feature is the mean of many plausible
//! ones. The head predicts all of them (a mixture density network: Bishop, "Mixture Density
//! Networks", 1994), with components of low rank plus diagonal covariance (a mixture of factor
//! analysers: Ghahramani & Hinton, 1996).
//!
//! # The density
//! For a voice embedding e, with component k's weight w_k = softmax(logits(e)):
//!
//! ```text
//! p(x | e) = Σ_k w_k(e) N(x; μ_k(e), Σ_k(e))
//! Σ_k(e) = σ_k (I + B_kᵀ S_k(e)² B_k) σ_k
//! ```
//!
//! σ_k is the diagonal of the noise's deviations, `[D]`. The rows of B_k, `[R, D]`, are the
//! factors: on the identity they are orthonormal, on the traits they are free. S_k(e) holds the
//! deviations of the R factors, which depend on the voice, as the means do. For any fixed scales,
//! every covariance of rank R plus a diagonal can be written like this: rotate the factors so that
//! they are orthogonal in the metric of the noise. Determinant and inverse of the identity's
//! covariance are then closed forms without a decomposition per voice: on the R factors the
//! whitened variance is 1 + s², elsewhere 1. The traits follow given the identity, as a Gaussian of
//! T dimensions.
//!
//! # Unit length
//! The density is one of the ambient space with D dimensions, also if identities have unit length.
//! It is comparable between models of one face space, and sampled features are those given unit
//! length ([`FaceDistribution::sample`]). Noise has a floor, since labels of sex are exactly ±1
//! and a density could otherwise grow without limit.
//!
//! # The prior
//! The head also holds the distribution of faces without any voice, with its own weights, means,
//! scales and noise, and the same factors. Train it by its likelihood, together with the rest.

mod calibration;
mod config;
mod density;
mod distribution;
mod error;
mod gaussian;
mod mixture;
mod orthonormal;
mod parts;
mod temper;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::log_softmax;
use burn::tensor::{FloatDType, Tensor};
pub use config::FaceDistributionConfig;
use density::Mixtures;
pub use distribution::FaceDistribution;
pub use error::DistributionError;
pub use gaussian::LowRankGaussian;
pub use mixture::GaussianMixture;
use orthonormal::orthonormal_rows;
pub use parts::ComponentParts;
use s2f_core::FaceSpace;
pub use temper::{Information, Reliability};

/// Smallest deviation of the noise, in deviations of the population.
const FLOOR: f64 = 0.1;
/// Largest logarithm of a factor's scale, and its negative the smallest.
pub(crate) const MAX_LOG_SCALE: f64 = 6.0;

/// A voice embedding to a mixture of Gaussians in the face space.
#[derive(Module, Debug)]
pub struct FaceDistributionHead {
    /// E → K.
    logits: Linear,
    /// E → K·D.
    means: Linear,
    /// E → K·R: logarithms of the factors' deviations.
    log_scales: Linear,
    /// `[K, R, D]`. The columns of the identity are orthonormalised before use.
    factors: Param<Tensor<3>>,
    /// `[K, D]`: logarithms of the noise's deviations, above the floor.
    log_noise: Param<Tensor<2>>,
    /// `[K]`
    prior_logits: Param<Tensor<1>>,
    /// `[K, D]`
    prior_means: Param<Tensor<2>>,
    /// `[K, R]`
    prior_log_scales: Param<Tensor<2>>,
    /// `[K, D]`
    prior_log_noise: Param<Tensor<2>>,
    voice: Standard,
    face: Standard,
    #[module(skip)]
    traits: usize,
    #[module(skip)]
    reliability: Option<Reliability>,
}

/// Mean and standard deviation of a population, which are not trained.
///
/// Means, factors and noise of the head are in deviations from the mean face, and its layers read
/// deviations from the mean voice, so that one learning rate suits all of them.
#[derive(Module, Debug)]
struct Standard {
    /// `[D]` or `[E]`
    centre: Param<Tensor<1>>,
    /// The same, above 0.
    deviation: Param<Tensor<1>>,
}

impl Standard {
    /// # Shapes
    /// - `centre`, `deviation`: `[n]`
    fn new(centre: Tensor<1>, deviation: Tensor<1>) -> Self {
        /// Of a dimension that is the same for everybody.
        const SMALLEST: f64 = 1e-6;
        let constant = |values: Tensor<1>| Param::from_tensor(values).set_require_grad(false);
        Self { centre: constant(centre), deviation: constant(deviation.clamp_min(SMALLEST)) }
    }

    /// Centre and deviation.
    ///
    /// # Shapes
    /// - output: `[1, n]` each
    fn rows(&self) -> [Tensor<2>; 2] {
        [&self.centre, &self.deviation].map(|values| values.val().cast(FloatDType::F32).unsqueeze())
    }
}

impl FaceDistributionHead {
    /// Natural logarithm of p(feature | embedding).
    ///
    /// With `known`, the density of the known part alone: the rest is integrated out. Where nothing
    /// is known, it is 0. Unknown values of `feature` are not read, but must be there.
    ///
    /// # Shapes
    /// - `embedding`: `[batch, E]`
    /// - `feature`: `[batch, D]`, the traits last
    /// - `known`: `[batch, 1 + T]`: 1 where the identity and each of the traits is known, else 0
    /// - output: `[batch]`
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::FaceDistributionConfig;
    ///
    /// let device = Device::flex();
    /// let head = FaceDistributionConfig::compact().init(&device)?;
    /// let embeddings = Tensor::zeros([3, 256], &device);
    /// let features = Tensor::zeros([3, 259], &device);
    /// // Face and traits; only the face; sex and age of somebody without a photograph.
    /// let known = [[1., 1., 1., 1.], [1., 0., 0., 0.], [0., 1., 1., 0.]];
    /// let known = Tensor::from_floats(known, &device);
    /// assert_eq!(head.log_likelihood(embeddings, features, Some(known)).dims(), [3]);
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn log_likelihood(
        &self,
        embedding: Tensor<2>,
        feature: Tensor<2>,
        known: Option<Tensor<2>>,
    ) -> Tensor<1> {
        self.mixtures(embedding).log_density(feature, known)
    }

    /// [`log_likelihood`](Self::log_likelihood) under the prior: of the feature of somebody whose
    /// voice is not known.
    ///
    /// # Shapes
    /// As for `log_likelihood`.
    pub fn prior_log_likelihood(&self, feature: Tensor<2>, known: Option<Tensor<2>>) -> Tensor<1> {
        self.prior_mixture().log_density(feature, known)
    }

    /// The means of the mixtures: the least-squares predictions, not normalised.
    ///
    /// # Shapes
    /// - `embedding`: `[batch, E]`
    /// - output: `[batch, D]`
    pub fn mean(&self, embedding: Tensor<2>) -> Tensor<2> {
        let Mixtures { log_weights, means, .. } = self.mixtures(embedding);
        (means * log_weights.exp().unsqueeze_dim::<3>(2)).sum_dim(0).squeeze_dim(0) // [batch, D]
    }

    /// The distributions of a batch of voices.
    ///
    /// # Shapes
    /// - `embedding`: `[batch, E]`
    ///
    /// # Errors
    /// [`DistributionError`] if `space` does not fit the head, or a value is not finite.
    pub fn distributions(
        &self,
        embedding: Tensor<2>,
        space: &FaceSpace,
    ) -> Result<Vec<FaceDistribution>, DistributionError> {
        distribution::plain(&self.mixtures(embedding), space)
    }

    /// The distribution of faces without any voice.
    ///
    /// # Errors
    /// As [`distributions`](Self::distributions).
    pub fn prior(&self, space: &FaceSpace) -> Result<FaceDistribution, DistributionError> {
        let mut prior = distribution::plain(&self.prior_mixture(), space)?;
        prior.pop().ok_or(DistributionError::NotFinite)
    }

    /// The information in `seconds` of clean speech: all of it if the configuration does not state
    /// the [reliability](FaceDistributionConfig::reliability), and none without any speech.
    pub fn information(&self, seconds: f64) -> Information {
        match self.reliability {
            Some(reliability) => reliability.information(seconds),
            None if seconds > 0.0 => Information::ALL,
            None => Information::NONE,
        }
    }

    /// The head for a population of voices and faces, whose means and standard deviations it keeps
    /// as its units. Training starts from there.
    ///
    /// # Shapes
    /// - `voices`: mean and deviation of the embeddings, `[E]` each
    /// - `faces`: mean and deviation of the features, `[D]` each, in each dimension of those that
    ///   are known
    #[must_use]
    pub fn starting_from(mut self, voices: [Tensor<1>; 2], faces: [Tensor<1>; 2]) -> Self {
        let [centre, deviation] = voices;
        self.voice = Standard::new(centre, deviation);
        let [centre, deviation] = faces;
        self.face = Standard::new(centre, deviation);
        self
    }

    fn mixtures(&self, embedding: Tensor<2>) -> Mixtures {
        let [batch, width] = embedding.dims();
        let [components, rank, dimension] = self.factors.dims();
        let [centre, deviation] = self.voice.rows();
        // A weighted sum of E deviations then has about the size of the weights.
        let deviation = deviation * (width as f64).sqrt();
        let embedding = (embedding.cast(FloatDType::F32) - centre) / deviation;
        let embedding = embedding.cast(FloatDType::from(self.means.weight.dtype()));
        let of = |layer: &Linear, width: usize| {
            let output = layer.forward(embedding.clone()).cast(FloatDType::F32);
            output.reshape([batch, components, width]).swap_dims(0, 1) // [K, batch, width]
        };
        let logits: Tensor<2> = of(&self.logits, 1).squeeze_dim(2); // [K, batch]
        Mixtures {
            log_weights: log_softmax(logits, 0),
            means: self.in_the_face_space(of(&self.means, dimension)),
            scales: variances(of(&self.log_scales, rank)),
            noise: self.noise(&self.log_noise),
            basis: self.basis(),
            traits: self.traits,
        }
    }

    fn prior_mixture(&self) -> Mixtures {
        let logits = self.prior_logits.val().cast(FloatDType::F32).unsqueeze_dim::<2>(1); // [K, 1]
        let means = self.prior_means.val().cast(FloatDType::F32).unsqueeze_dim::<3>(1);
        Mixtures {
            log_weights: log_softmax(logits, 0),
            means: self.in_the_face_space(means),
            scales: variances(self.prior_log_scales.val().cast(FloatDType::F32).unsqueeze_dim(1)),
            noise: self.noise(&self.prior_log_noise),
            basis: self.basis(),
            traits: self.traits,
        }
    }

    /// Means in deviations from the mean face as means in the face space.
    ///
    /// # Shapes
    /// - `means`, output: `[K, batch or 1, D]`
    fn in_the_face_space(&self, means: Tensor<3>) -> Tensor<3> {
        let [centre, deviation] = self.face.rows();
        means * deviation.unsqueeze::<3>() + centre.unsqueeze::<3>()
    }

    /// Variances of the noise, `[K, 1, D]`: floor² + exp(2·log noise), in squared deviations.
    fn noise(&self, log_noise: &Param<Tensor<2>>) -> Tensor<3> {
        let [_, deviation] = self.face.rows();
        let variance = (log_noise.val().cast(FloatDType::F32) * 2.0).exp() + FLOOR.powi(2);
        (variance * deviation.square()).unsqueeze_dim(1)
    }

    /// What is the same for all voices: the factors, `[K, R, D]`, in the metric of the noise, and
    /// the noise's deviations, `[K, D]`.
    pub(crate) fn constants(&self) -> (Tensor<3>, Tensor<2>) {
        (self.basis(), self.noise(&self.log_noise).sqrt().squeeze_dim(1))
    }

    /// The factors, orthonormal on the identity, `[K, R, D]`.
    fn basis(&self) -> Tensor<3> {
        let factors = self.factors.val().cast(FloatDType::F32);
        let [_, _, dimension] = factors.dims();
        let identity = dimension - self.traits;
        let unit = orthonormal_rows(factors.clone().narrow(2, 0, identity));
        match self.traits {
            0 => unit,
            traits => Tensor::cat(vec![unit, factors.narrow(2, identity, traits)], 2),
        }
    }
}

/// exp(2·log scale): variances of the factors, in the metric of the noise.
fn variances(log_scales: Tensor<3>) -> Tensor<3> {
    (log_scales.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE) * 2.0).exp()
}

#[cfg(test)]
mod tests;
