//! What the predicted distributions of faces say about the true faces of pairs.

use rayon::prelude::*;
use s2f_audio::{AudioError, Limits, Waveform, decode};
use s2f_core::{Sex, Trait};
use s2f_metrics::{Vectors, density_level, energy_score, mean_distance};
use s2f_pairs::{Pair, PairInfo};
use speech2face::nn::DistributionError;
use speech2face::{DecodeError, FaceDistribution, Speech2Face, VoicePolicy};

use crate::EvalError;
use crate::items::Items;

/// Samples of a distribution: a level is then known to one per cent.
pub(crate) const SAMPLES: usize = 99;
/// Voices whose distributions are in memory at a time.
const BATCH: usize = 32;

/// The predicted distribution of one pair against its true face. All but the last three are of the
/// identity alone.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    /// Logarithm of the density at the true face, nats; and without the voice.
    pub(crate) log_density: f64,
    pub(crate) prior_log_density: f64,
    /// Energy score; and without the voice.
    pub(crate) energy: f64,
    pub(crate) prior_energy: f64,
    /// Share of the distribution with a higher density than the true face, 0 to 1.
    pub(crate) level: f64,
    /// Mean distance of two samples.
    pub(crate) within: f64,
    /// Share of the prior's variance that the voice explains.
    pub(crate) explained: f64,
    /// Mean of the samples.
    pub(crate) mean: Vec<f64>,
    /// Probability of the stated sex.
    pub(crate) stated_sex: Option<f64>,
    /// Probability of a lower age than the stated one.
    pub(crate) age_level: Option<f64>,
    /// Width of the interval that holds the age with probability 90 %, years.
    pub(crate) age_width: Option<f64>,
}

/// The predictions for all pairs, in order; `None` if the model has no distribution. `load` reads
/// the voices of pairs.
pub(crate) fn predictions(
    model: &Speech2Face,
    items: &Items,
    policy: &VoicePolicy,
    seed: u64,
    mut load: impl FnMut(&[usize]) -> Result<Vec<Pair>, EvalError>,
) -> Result<Option<Vec<Prediction>>, EvalError> {
    if model.networks().face_distribution.is_none() {
        return Ok(None);
    }
    let prior = Prior::of(model, seed)?;
    let mut predictions = Vec::with_capacity(items.len());
    let all: Vec<usize> = (0..items.len()).collect();
    for indices in all.chunks(BATCH) {
        let voices: Vec<Waveform> = load(indices)?
            .into_par_iter()
            .map(|pair| decode(pair.audio, &pair.info.pair_id, &Limits::default()))
            .collect::<Result<_, AudioError>>()?;
        let distributions = model.distributions(&voices, policy)?;
        let found: Vec<Prediction> = indices
            .par_iter()
            .zip(&distributions)
            .map(|(&index, distribution)| {
                let (face, info) = (items.faces.row(index), &items.items[index].info);
                let seed = seed.wrapping_add(index as u64);
                // Sizes fit: both are of the model's face space.
                prior.predict(distribution, face, info, seed).map_err(|_| DecodeError::NotFinite {
                    model: model.id().name.clone(),
                    what: "distributions",
                })
            })
            .collect::<Result<_, _>>()?;
        predictions.extend(found);
    }
    Ok(Some(predictions))
}

/// The distribution without a voice, and its samples.
struct Prior {
    whole: FaceDistribution,
    identity: FaceDistribution,
    samples: Vectors,
}

impl Prior {
    fn of(model: &Speech2Face, seed: u64) -> Result<Self, EvalError> {
        let whole = model.prior()?;
        let identity = whole.identity().map_err(|_| DecodeError::NotFinite {
            model: model.id().name.clone(),
            what: "distributions",
        })?;
        let samples = samples(&identity, seed);
        Ok(Self { whole, identity, samples })
    }

    fn predict(
        &self,
        distribution: &FaceDistribution,
        face: &[f32],
        info: &PairInfo,
        seed: u64,
    ) -> Result<Prediction, DistributionError> {
        let space = distribution.space();
        let identity = distribution.identity()?;
        let face = &face[..space.identity_dimension().min(face.len())];
        let samples = samples(&identity, seed);
        let log_density = identity.log_density(face)?;
        let densities: Vec<f64> =
            samples.rows().map(|sample| identity.log_density(sample)).collect::<Result<_, _>>()?;
        let women = distribution.share_of_women();
        let mixture = distribution.mixture();
        let below = |index: usize, years: f32| {
            mixture.probability_below(index, Trait::of_years(years.into()))
        };
        Ok(Prediction {
            log_density,
            prior_log_density: self.identity.log_density(face)?,
            energy: energy_score(&samples, face),
            prior_energy: energy_score(&self.samples, face),
            level: density_level(log_density, &densities),
            within: mean_distance(&samples),
            explained: distribution.explained_variance(&self.whole)?,
            mean: samples.mean(),
            stated_sex: women.zip(info.sex).map(|(women, sex)| match sex {
                Sex::Female => women,
                Sex::Male => 1.0 - women,
            }),
            age_level: space.index(Trait::Age).zip(info.age).map(|(index, age)| below(index, age)),
            age_width: distribution.age_interval(0.9).map(|[low, high]| high - low),
        })
    }
}

fn samples(distribution: &FaceDistribution, seed: u64) -> Vectors {
    let rows = distribution.sample(SAMPLES, seed, 1.0);
    Vectors::from_rows(rows.iter().map(Vec::as_slice))
}
