//! The distribution of faces for one voice, in its face space.

use burn::tensor::Tensor;
use s2f_core::{FaceSpace, Normalisation, Trait};

use super::density::Mixtures;
use super::error::DistributionError;
use super::gaussian::LowRankGaussian;
use super::mixture::GaussianMixture;
use super::temper::Information;

/// p(face | voice): plausible faces for a voice, with their probabilities.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use s2f_core::{FaceSpace, Trait};
/// use s2f_nn::FaceDistributionConfig;
///
/// let space = FaceSpace::mobileface().with_traits(&Trait::ALL);
/// let head = FaceDistributionConfig::compact().init(&Device::flex())?;
/// let prior = head.prior(&space)?;
/// let voices = Tensor::zeros([1, 256], &Device::flex());
/// let faces = &head.distributions(voices, &space)?[0];
/// let few: Vec<Vec<f32>> = faces.sample(3, 0, 1.0);
/// assert_eq!(few[0].len(), 259);
/// assert_eq!(faces.age_interval(0.9).map(|[low, high]| low < high), Some(true));
/// assert!(faces.explained_variance(&prior)? < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FaceDistribution {
    space: FaceSpace,
    mixture: GaussianMixture,
}

impl FaceDistribution {
    /// A mixture in a face space.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if the dimensions differ, or the space is not valid.
    pub fn new(space: FaceSpace, mixture: GaussianMixture) -> Result<Self, DistributionError> {
        let (actual, expected) = (mixture.dimension(), space.dimension);
        if actual != expected || !space.is_valid() {
            return Err(DistributionError::WrongLength { actual, expected });
        }
        Ok(Self { space, mixture })
    }

    /// The face space, with its traits.
    pub fn space(&self) -> &FaceSpace {
        &self.space
    }

    /// The mixture of Gaussians, in the ambient space: for its components, their weights and the
    /// marginal of any dimensions.
    pub fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// The mean, `[D]`, not normalised: the shorter its identity is than 1, the less is known.
    pub fn mean(&self) -> Vec<f64> {
        self.mixture.mean()
    }

    /// Variance of each dimension, `[D]`.
    pub fn variance(&self) -> Vec<f64> {
        self.mixture.variance()
    }

    /// Natural logarithm of the density at `feature`, `[D]`.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`].
    pub fn log_density(&self, feature: &[f32]) -> Result<f64, DistributionError> {
        self.mixture.log_density(feature)
    }

    /// `count` random features, `[D]` each. See [`GaussianMixture::sample`] for `truncation`.
    ///
    /// If identities have unit length, so have those of the samples, which are then samples given
    /// that length, to first order: each is moved to it where its component is widest, together
    /// with its traits. Dividing by the length instead would make regions of highest density hold
    /// several per cent more true faces than they should.
    pub fn sample(&self, count: usize, seed: u64, truncation: f64) -> Vec<Vec<f32>> {
        let identity = self.space.identity_dimension();
        self.mixture.sample_moved(count, seed, truncation, |component, sample| {
            if self.space.normalisation == Normalisation::UnitLength {
                component.move_to_unit_length(sample, identity);
                to_unit_length(&mut sample[..identity]);
            }
        })
    }

    /// The [mean](Self::mean) as a feature, `[D]`: normalised as the face space is.
    pub fn mean_feature(&self) -> Vec<f32> {
        let mut mean = self.mean();
        if self.space.normalisation == Normalisation::UnitLength {
            to_unit_length(&mut mean[..self.space.identity_dimension()]);
        }
        mean.into_iter().map(|value| value as f32).collect()
    }

    /// The distribution of the identity alone, in the face space without traits.
    ///
    /// # Errors
    /// None, unless the distribution is too ill-conditioned.
    pub fn identity(&self) -> Result<Self, DistributionError> {
        let mixture = self.mixture.marginal(0..self.space.identity_dimension())?;
        Self::new(self.space.identity(), mixture)
    }

    /// The probability that the speaker is a woman, 0 to 1: that the trait is above 0, halfway
    /// between men and women. `None` if sex is not in the face space.
    pub fn share_of_women(&self) -> Option<f64> {
        Some(1.0 - self.mixture.probability_below(self.space.index(Trait::Sex)?, 0.0))
    }

    /// Mean and standard deviation of the age in years. `None` if age is not in the face space.
    pub fn age(&self) -> Option<(f64, f64)> {
        let index = self.space.index(Trait::Age)?;
        let (weights, components) = (self.mixture.weights(), self.mixture.components());
        let mut moments = [0.0; 2]; // of the years and of their squares
        for (weight, component) in weights.iter().zip(components) {
            let deviation = component.variance()[index].sqrt();
            let (mean, deviation) = Trait::years_of_normal(component.mean()[index], deviation);
            moments[0] += weight * mean;
            moments[1] += weight * (mean * mean + deviation * deviation);
        }
        Some((moments[0], (moments[1] - moments[0] * moments[0]).max(0.0).sqrt()))
    }

    /// The interval of the age in years that holds the speaker's with probability `share`, for
    /// example 0.9, with equal probabilities below and above it. `None` if age is not in the face
    /// space.
    pub fn age_interval(&self, share: f64) -> Option<[f64; 2]> {
        let index = self.space.index(Trait::Age)?;
        Some(self.mixture.interval(index, share).map(Trait::years))
    }

    /// The share of the prior's variance that knowing the voice removes, 1 - tr Σ / tr Σ⁰ over the
    /// dimensions of the identity. 0: nothing is known; 1: everything. Below 0 for a voice whose
    /// faces vary more than those of all people. Its mean over voices is the share that the model
    /// explains.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if the prior has another number of dimensions.
    pub fn explained_variance(&self, prior: &Self) -> Result<f64, DistributionError> {
        let (actual, expected) = (prior.space.dimension, self.space.dimension);
        if actual != expected {
            return Err(DistributionError::WrongLength { actual, expected });
        }
        let of = |distribution: &Self| -> f64 {
            distribution.variance()[..self.space.identity_dimension()].iter().sum()
        };
        Ok(1.0 - of(self) / of(prior))
    }

    /// The distribution for a recording with less information, from all of it (`self`) to none
    /// (the prior). See [`GaussianMixture::tempered`] for the formulas.
    ///
    /// # Errors
    /// As there.
    pub fn tempered(
        &self,
        information: Information,
        prior: &Self,
    ) -> Result<Self, DistributionError> {
        let mixture = self.mixture.tempered(information, &prior.mixture)?;
        Self::new(self.space.clone(), mixture)
    }
}

/// Divides by the length, unless it is 0.
fn to_unit_length(values: &mut [f64]) {
    let length = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        values.iter_mut().for_each(|x| *x /= length);
    }
}

/// The distributions of a batch as plain numbers.
pub(super) fn plain(
    mixtures: &Mixtures,
    space: &FaceSpace,
) -> Result<Vec<FaceDistribution>, DistributionError> {
    let [_, batch, dimension] = mixtures.means.dims();
    let [components, rank, _] = mixtures.basis.dims();
    if dimension != space.dimension || mixtures.traits != space.traits.len() {
        let (actual, expected) = (dimension, space.dimension);
        return Err(DistributionError::WrongLength { actual, expected });
    }
    let (weights, means) = (doubles(&mixtures.log_weights)?, doubles(&mixtures.means)?);
    let (scales, noise) = (doubles(&mixtures.scales)?, doubles(&mixtures.noise)?);
    let basis = doubles(&mixtures.basis)?;
    let of_voice = |voice: usize| {
        let component = |k: usize| {
            let place = k * batch + voice;
            let noise = &noise[k * dimension..][..dimension];
            let scales = &scales[place * rank..][..rank];
            let rows = basis[k * rank * dimension..][..rank * dimension].chunks_exact(dimension);
            let factors = rows.zip(scales).flat_map(|(row, scale)| {
                row.iter().zip(noise).map(move |(x, noise)| x * (scale * noise).sqrt())
            });
            let mean = means[place * dimension..][..dimension].to_vec();
            LowRankGaussian::new(mean, noise.to_vec(), factors.collect())
        };
        let weights = (0..components).map(|k| weights[k * batch + voice].exp()).collect();
        let components = (0..components).map(component).collect::<Result<_, _>>()?;
        FaceDistribution::new(space.clone(), GaussianMixture::new(weights, components)?)
    };
    (0..batch).map(of_voice).collect()
}

fn doubles<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f64>, DistributionError> {
    let data = tensor.clone().try_to_data_as::<f32>();
    let data = data.map_err(|error| DistributionError::Device(error.to_string()))?;
    Ok(data.iter::<f32>().map(f64::from).collect())
}
