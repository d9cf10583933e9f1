//! What the predicted distributions of faces say about the true faces of pairs.

use rayon::prelude::*;
use s2f_audio::{AudioError, Limits, Waveform, decode};
use s2f_core::{Sex, Trait};
use s2f_metrics::{Vectors, density_level, energy_score, mean_distance};
use s2f_pairs::{Pair, PairInfo};
use speech2face::nn::DistributionError;
use speech2face::{DecodeError, FaceDistribution, Speech2Face, VoicePolicy};

use crate::EvalError;
use crate::cache::Columns;
use crate::items::Items;

/// Samples of a distribution: a level is then known to one per cent.
pub(crate) const SAMPLES: usize = 99;

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

/// Number of scores of a prediction: all but the mean.
const SCORES: usize = 10;
/// Names of the columns of [`Predictor::columns`].
const SCORE_COLUMN: &str = "scores";
const MEAN_COLUMN: &str = "mean";

impl Prediction {
    /// Everything but the mean, in the order of [`Self::from_rows`]; not a number for what is
    /// unknown.
    fn scores(&self) -> [f64; SCORES] {
        let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
        [
            self.log_density,
            self.prior_log_density,
            self.energy,
            self.prior_energy,
            self.level,
            self.within,
            self.explained,
            known(self.stated_sex),
            known(self.age_level),
            known(self.age_width),
        ]
    }

    /// The prediction from its scores and mean.
    fn from_rows(scores: &[f32], mean: &[f32]) -> Self {
        let score = |place: usize| scores.get(place).map_or(f64::NAN, |&score| score.into());
        let known = |place: usize| Some(score(place)).filter(|score| !score.is_nan());
        Self {
            log_density: score(0),
            prior_log_density: score(1),
            energy: score(2),
            prior_energy: score(3),
            level: score(4),
            within: score(5),
            explained: score(6),
            stated_sex: known(7),
            age_level: known(8),
            age_width: known(9),
            mean: mean.iter().map(|&x| x.into()).collect(),
        }
    }
}

/// The predictions in `columns`, in order.
pub(crate) fn predictions(columns: &Columns) -> Vec<Prediction> {
    let of = |name| columns.get(name).cloned().unwrap_or_default();
    let (scores, means) = (of(SCORE_COLUMN), of(MEAN_COLUMN));
    let rows = scores.rows().zip(means.rows());
    rows.map(|(scores, mean)| Prediction::from_rows(scores, mean)).collect()
}

/// Predicts the distributions of faces for voices.
pub(crate) struct Predictor<'a> {
    model: &'a Speech2Face,
    items: &'a Items,
    policy: VoicePolicy,
    seed: u64,
    prior: Prior,
}

impl<'a> Predictor<'a> {
    /// `None` if the model has no distribution.
    pub(crate) fn new(
        model: &'a Speech2Face,
        items: &'a Items,
        policy: VoicePolicy,
        seed: u64,
    ) -> Result<Option<Self>, EvalError> {
        if model.networks().face_distribution.is_none() {
            return Ok(None);
        }
        let prior = Prior::of(model, seed)?;
        Ok(Some(Self { model, items, policy, seed, prior }))
    }

    /// The predictions for some pairs: `indices` among all pairs, and the pairs with their voices.
    ///
    /// # Shapes
    /// - scores: `[pairs, 10]`; means: `[pairs, D - T]` with T traits
    pub(crate) fn columns(
        &self,
        indices: &[usize],
        pairs: Vec<Pair>,
    ) -> Result<Columns, EvalError> {
        let voices: Vec<Waveform> = pairs
            .into_par_iter()
            .map(|pair| decode(pair.audio, &pair.info.pair_id, &Limits::default()))
            .collect::<Result<_, AudioError>>()?;
        let distributions = self.model.distributions(&voices, &self.policy)?;
        let found: Vec<Prediction> = indices
            .par_iter()
            .zip(&distributions)
            .map(|(&index, distribution)| {
                let (face, info) = (self.items.faces.row(index), &self.items.items[index].info);
                let seed = self.seed.wrapping_add(index as u64);
                // Sizes fit: both are of the model's face space.
                let found = self.prior.predict(distribution, face, info, seed);
                found.map_err(|_| not_finite(self.model))
            })
            .collect::<Result<_, _>>()?;
        let scores = found.iter().flat_map(Prediction::scores).map(|score| score as f32);
        let means = found.iter().flat_map(|prediction| &prediction.mean).map(|&x| x as f32);
        Ok(Columns::from([
            (SCORE_COLUMN.to_owned(), Vectors::new(scores.collect(), SCORES)),
            (MEAN_COLUMN.to_owned(), Vectors::new(means.collect(), self.items.faces.dimension())),
        ]))
    }
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
        let identity = whole.identity().map_err(|_| not_finite(model))?;
        let samples = samples(&identity, seed);
        Ok(Self { whole, identity, samples })
    }

    /// `face` is the identity of the true face.
    fn predict(
        &self,
        distribution: &FaceDistribution,
        face: &[f32],
        info: &PairInfo,
        seed: u64,
    ) -> Result<Prediction, DistributionError> {
        let space = distribution.space();
        let identity = distribution.identity()?;
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

fn not_finite(model: &Speech2Face) -> DecodeError {
    DecodeError::NotFinite { model: model.id().name.clone(), what: "distributions" }
}

fn samples(distribution: &FaceDistribution, seed: u64) -> Vectors {
    let rows = distribution.sample(SAMPLES, seed, 1.0);
    Vectors::from_rows(rows.iter().map(Vec::as_slice))
}
