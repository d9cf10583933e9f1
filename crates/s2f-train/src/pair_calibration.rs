//! Calibration of a trained distribution of faces on the validation split: people that it was not
//! trained on.
//!
//! A head follows its training people more closely than others: its means move too far with the
//! voice, and its covariances are too small. Three numbers are chosen by the likelihood of the true
//! faces: a factor of the covariances given a voice, one of those without, and the seconds of
//! speech for half of the information ([`Reliability`]), which moves the distribution of a voice
//! towards the prior, and of a short recording more than of a long one.

use burn::tensor::Device;
use rayon::prelude::*;
use s2f_audio::{Limits, decode};
use s2f_core::FaceSpace;
use s2f_nn::face_distribution::{DistributionError, GaussianMixture, LowRankGaussian, Reliability};
use s2f_nn::{FaceDistribution, Model};
use s2f_pairs::Pair;
use speech2face::{DecodeError, VoicePolicy, distributions};

use crate::TrainError;
use crate::pair_scores::DECODED;

/// Lengths that each voice is calibrated at, s: the whole voice, and its start.
const LENGTHS_S: [Option<f64>; 2] = [None, Some(3.0)];
/// Largest number of values of all distributions together: 256 MiB.
const MAX_VALUES: usize = 1 << 25;
/// Fewest distributions of each length, whatever their size.
const MIN_PAIRS: usize = 16;
/// Range of the factors' logarithms: variances from a fifth to five times.
const LOG_FACTOR: [f64; 2] = [-1.6, 1.6];
/// Range of the logarithm of the seconds for half of the information, from 10 ms to 600 s.
const LOG_HALF_S: [f64; 2] = [-4.6, 6.3];
/// Steps of a search in one direction: the range shrinks to a thousandth.
const SEARCH_STEPS: usize = 15;
/// Rounds of searches in both directions.
const ROUNDS: usize = 3;

/// What a distribution is corrected by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    /// Factors of the covariances given a voice, and without.
    pub(crate) factors: [f64; 2],
    pub(crate) reliability: Reliability,
}

/// The predicted distribution of a recording, and its true face.
struct Example<'a> {
    faces: FaceDistribution,
    clean_s: f64,
    truth: &'a [f32],
}

impl Calibration {
    /// The calibration of the distribution of `model` on `pairs`; `None` without pairs or a
    /// distribution.
    pub(crate) fn of(
        model: &Model,
        space: &FaceSpace,
        pairs: &[&Pair],
        device: &Device,
    ) -> Result<Option<Self>, TrainError> {
        let Some(head) = &model.face_distribution else { return Ok(None) };
        let failed =
            |_: DistributionError| TrainError::from(DecodeError::BadValue { space: space.clone() });
        let prior = head.prior(space).map_err(failed)?;
        let size: usize = prior
            .mixture()
            .components()
            .iter()
            .map(|component| 2 * space.dimension + component.factors().len())
            .sum();
        let most = (MAX_VALUES / LENGTHS_S.len() / size.max(1)).max(MIN_PAIRS);
        let examples = examples(model, space, &pairs[..pairs.len().min(most)], device)?;
        if examples.is_empty() {
            return Ok(None);
        }
        Self::fitted(&examples, &prior).map(Some).map_err(failed)
    }

    fn fitted(
        examples: &[Example<'_>],
        prior: &FaceDistribution,
    ) -> Result<Self, DistributionError> {
        let mean = |of: &(dyn Fn(&Example<'_>) -> Result<f64, DistributionError> + Sync)| {
            let all: Vec<f64> = examples.par_iter().map(of).collect::<Result<_, _>>()?;
            Ok(all.iter().sum::<f64>() / examples.len() as f64)
        };
        let prior_log_factor = highest(LOG_FACTOR, |log_factor| {
            let prior = scaled(prior.mixture(), log_factor.exp())?;
            mean(&|example| prior.log_density(example.truth))
        })?;
        let wide_prior = scaled(prior.mixture(), prior_log_factor.exp())?;
        let likelihood = |log_factor: f64, log_half_s: f64| {
            let reliability = reliability(log_half_s);
            mean(&|example| {
                let faces = scaled(example.faces.mixture(), log_factor.exp())?;
                let information = reliability.information(example.clean_s);
                faces.tempered(information, &wide_prior)?.log_density(example.truth)
            })
        };
        let (mut log_factor, mut log_half_s) = (0.0, LOG_HALF_S[0]);
        for _ in 0..ROUNDS {
            log_half_s = highest(LOG_HALF_S, |x| likelihood(log_factor, x))?;
            log_factor = highest(LOG_FACTOR, |x| likelihood(x, log_half_s))?;
        }
        let factors = [log_factor, prior_log_factor].map(f64::exp);
        Ok(Self { factors, reliability: reliability(log_half_s) })
    }
}

fn reliability(log_half_s: f64) -> Reliability {
    let half_s = log_half_s.exp();
    Reliability { components_s: half_s, weights_s: half_s }
}

/// The distributions of voices at each of [`LENGTHS_S`].
fn examples<'a>(
    model: &Model,
    space: &FaceSpace,
    pairs: &[&'a Pair],
    device: &Device,
) -> Result<Vec<Example<'a>>, TrainError> {
    let mut all = Vec::new();
    for some in pairs.chunks(DECODED) {
        let voices = some
            .par_iter()
            .map(|pair| decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default()))
            .collect::<Result<Vec<_>, _>>()?;
        for max_s in LENGTHS_S {
            let policy = VoicePolicy { max_s, ..VoicePolicy::default() };
            let found = distributions(model, space, &voices, &policy, device)?.unwrap_or_default();
            for ((faces, voice), pair) in found.into_iter().zip(&voices).zip(some) {
                let clean_s = policy.evidence(voice).clean_seconds();
                all.push(Example { faces, clean_s, truth: &pair.feature });
            }
        }
    }
    Ok(all)
}

/// The mixture with all covariances multiplied by `factor`.
fn scaled(mixture: &GaussianMixture, factor: f64) -> Result<GaussianMixture, DistributionError> {
    let times = |values: &[f64], factor: f64| values.iter().map(|x| x * factor).collect();
    let components = mixture.components().iter().map(|component| {
        let noise = times(component.noise(), factor);
        let factors = times(component.factors(), factor.sqrt());
        LowRankGaussian::new(component.mean().to_vec(), noise, factors)
    });
    GaussianMixture::new(mixture.weights().to_vec(), components.collect::<Result<_, _>>()?)
}

/// Where a function with one maximum is highest in a range: golden-section search.
fn highest<E>(
    [mut low, mut high]: [f64; 2],
    mut of: impl FnMut(f64) -> Result<f64, E>,
) -> Result<f64, E> {
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let mut at = [high - golden * (high - low), low + golden * (high - low)];
    let mut values = [of(at[0])?, of(at[1])?];
    for _ in 0..SEARCH_STEPS {
        if values[0] > values[1] {
            high = at[1];
            at = [high - golden * (high - low), at[0]];
            values = [of(at[0])?, values[0]];
        } else {
            low = at[0];
            at = [at[1], low + golden * (high - low)];
            values = [values[1], of(at[1])?];
        }
    }
    Ok((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;
    use rand_distr::{Distribution, StandardNormal};
    use s2f_core::Normalisation;

    use super::*;

    fn normal(mean: &[f64], variance: f64) -> FaceDistribution {
        let (name, normalisation) = ("plain".into(), Normalisation::None);
        let dimension = mean.len();
        let space = FaceSpace { name, dimension, normalisation, traits: Vec::new() };
        let component =
            LowRankGaussian::new(mean.to_vec(), vec![variance; dimension], Vec::new()).unwrap();
        let mixture = GaussianMixture::new(vec![1.0], vec![component]).unwrap();
        FaceDistribution::new(space, mixture).unwrap()
    }

    // Faces x with the variance 1, of which a voice tells z = x + noise of variance 1: given z,
    // they have the mean z/2 and the variance 1/2. The head claims 3/4 z and 1/10, and for the
    // prior a variance of 2. With the share i = 2/3 of the information, the mean is right, and so
    // is the variance i · 5/2 · 1/10 + (1 - i) · 1. That share is there after 4 s if 2 s give a
    // half.
    #[test]
    fn too_narrow_a_distribution_that_moves_too_far_is_mended() {
        const DIMENSION: usize = 4;
        let mut random = SmallRng::seed_from_u64(1);
        let mut row =
            || -> Vec<f64> { (0..DIMENSION).map(|_| StandardNormal.sample(&mut random)).collect() };
        let people: Vec<(Vec<f32>, Vec<f64>)> = (0..4000)
            .map(|_| {
                let (x, noise) = (row(), row());
                let z = x.iter().zip(noise).map(|(x, n)| 0.75 * (x + n)).collect();
                (x.iter().map(|&x| x as f32).collect(), z)
            })
            .collect();
        let example = |(truth, z): &'_ (Vec<f32>, Vec<f64>)| (normal(z, 0.1), truth.clone());
        let all: Vec<_> = people.iter().map(example).collect();
        let examples: Vec<Example<'_>> = all
            .iter()
            .map(|(faces, truth)| Example { faces: faces.clone(), clean_s: 4.0, truth })
            .collect();
        let found = Calibration::fitted(&examples, &normal(&[0.0; DIMENSION], 2.0)).unwrap();
        let near = |found: f64, expected: f64| {
            // Standard errors of variances over 16 000 values: 0.011 of them.
            assert!((found / expected - 1.0).abs() < 0.06, "{found} instead of {expected}");
        };
        near(found.factors[1], 0.5);
        near(found.reliability.components_s, 2.0);
        near(found.factors[0], 2.5);
    }

    #[test]
    fn a_search_finds_the_maximum() {
        let found = highest([-2.0, 3.0], |x: f64| Ok::<_, ()>(-(x - 1.2).powi(2))).unwrap();
        assert!((found - 1.2).abs() < 5e-3, "{found}");
    }
}
