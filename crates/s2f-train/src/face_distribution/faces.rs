//! Faces of women and of men: the mean identity by age and hair, and how identities differ.

use burn::tensor::Tensor;
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1};
use s2f_core::{FaceSpace, Sex, Trait};
use s2f_nn::{ComponentParts, FaceDecoder};

use crate::face_network::FaceNetwork;
use crate::faces::{FaceSet, Mixture};
use crate::morph::mixture_features;
use crate::{TrainError, TraitFaces};

/// Regression of the identities of one sex on age and hair.
pub(crate) struct Identities {
    /// At traits of 0.
    mean: DVector<f64>,
    /// For 1 of the trait of age.
    age: DVector<f64>,
    /// For 1 of the trait of hair.
    hair: DVector<f64>,
    /// Covariance of the residuals.
    covariance: DMatrix<f64>,
}

/// Variance of the trait of hair: of lengths that are drawn evenly.
const HAIR_VARIANCE: f64 = 0.75;
/// The same of men, who have one length; not 0, for a density.
const NO_HAIR_VARIANCE: f64 = 0.01;

impl Identities {
    /// Of mixtures of random faces of `sex`, at random ages.
    pub(crate) fn of(
        sex: Sex,
        settings: &TraitFaces,
        seed: u64,
        faces: &FaceSet,
        decoder: &FaceDecoder,
        encoder: &FaceNetwork,
        space: &FaceSpace,
    ) -> Result<Self, TrainError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let people: Vec<usize> =
            (0..faces.len()).filter(|&face| faces.person(face).sex == Some(sex)).collect();
        let [youngest, oldest] = faces.ages().ok_or_else(no_ages)?;
        let mixtures: Vec<Mixture> = (0..settings.draws)
            .map(|_| {
                let chosen: Vec<usize> =
                    people.choose_multiple(&mut rng, settings.members).copied().collect();
                let draws: Vec<f32> = chosen.iter().map(|_| Exp1.sample(&mut rng)).collect();
                let total: f32 = draws.iter().sum();
                let members = chosen.into_iter().zip(draws.into_iter().map(|draw| draw / total));
                let age = Some(rng.random_range(youngest..oldest));
                Mixture { members: members.collect(), age, hair: rng.random() }
            })
            .collect();
        let features = mixture_features(decoder, encoder, faces, &mixtures, space)?;
        Ok(Self::regressed(&features, space))
    }

    fn regressed(features: &Tensor<2>, space: &FaceSpace) -> Self {
        let [rows, columns] = features.dims();
        let values: Vec<f64> = features.clone().into_data().iter().collect();
        let all = DMatrix::from_row_slice(rows, columns, &values);
        let identities = all.columns(0, space.identity_dimension()).into_owned();
        let of = |which: Trait| space.index(which).map(|column| all.column(column).into_owned());
        let age = of(Trait::Age).unwrap_or_else(|| DVector::zeros(rows));
        let hair = of(Trait::Hair).unwrap_or_else(|| DVector::zeros(rows));
        let constant = DVector::from_element(rows, 1.0);
        let x = DMatrix::from_columns(&[constant, age, hair]);
        // The pseudo-inverse: men's hair does not vary.
        let inverse = x.clone().pseudo_inverse(1e-9).unwrap_or_else(|_| DMatrix::zeros(3, rows));
        let b = inverse * &identities; // [3, identity]
        let residuals = identities - x * &b;
        let row = |index: usize| b.row(index).transpose();
        Self {
            mean: row(0),
            age: row(1),
            hair: row(2),
            covariance: residuals.tr_mul(&residuals) / (rows as f64 - 3.0),
        }
    }

    /// The change of the identity for 1 of the trait of age.
    pub(crate) fn age_slope(&self) -> impl Iterator<Item = f64> {
        self.age.iter().copied()
    }

    /// Mean variance of a dimension of the identity, for a population whose age has a variance of
    /// `age_variance`.
    pub(crate) fn variance(&self, age_variance: f64) -> f64 {
        let total = self.covariance.trace() + age_variance * self.age.norm_squared();
        total / self.mean.len() as f64
    }

    /// The component of a mixture for this sex: the age's trait is `age(e)` with a variance of
    /// `age_variance`, and of `prior` (mean, variance) without a voice.
    pub(crate) fn component(
        &self,
        sex: Sex,
        logit: (Vec<f64>, f64),
        age: &crate::regression::Linear,
        age_variance: f64,
        prior: (f64, f64),
        rank: usize,
    ) -> ComponentParts {
        let identity = self.mean.len();
        let dimension = identity + Trait::ALL.len();
        let (sex_at, age_at, hair_at) = (identity, identity + 1, identity + 2);
        let hair_variance = match sex {
            Sex::Female => HAIR_VARIANCE,
            Sex::Male => NO_HAIR_VARIANCE,
        };
        let at = |age: f64| -> Vec<f64> {
            let mut mean: Vec<f64> = (&self.mean + &self.age * age).iter().copied().collect();
            mean.extend([Trait::of_sex(sex), age, 0.0]);
            mean
        };

        // Identity: principal components of the whole covariance, the rest is even noise.
        let with_traits = &self.covariance
            + &self.age * self.age.transpose() * age_variance
            + &self.hair * self.hair.transpose() * hair_variance;
        let eigen = SymmetricEigen::new(with_traits);
        let mut order: Vec<usize> = (0..identity).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let rest = &order[rank..];
        let noise = rest.iter().map(|&k| eigen.eigenvalues[k].max(0.0)).sum::<f64>();
        let noise = (noise / rest.len().max(1) as f64).max(1e-8);
        let mut factors = vec![0.0; rank * dimension];
        let mut scales = Vec::with_capacity(rank);
        let mut traits_noise = [1e-4, age_variance, hair_variance];
        for (row, &k) in factors.chunks_exact_mut(dimension).zip(&order) {
            let direction = eigen.eigenvectors.column(k);
            row[..identity].copy_from_slice(direction.as_slice());
            let scale = (eigen.eigenvalues[k] / noise - 1.0).max(1e-6).sqrt();
            scales.push(scale);
            // The part of each trait that goes with this factor.
            let of_trait =
                [(age_at, &self.age, age_variance), (hair_at, &self.hair, hair_variance)];
            for (place, slope, variance) in of_trait {
                let part = direction.dot(slope) * variance / (noise.sqrt() * scale);
                traits_noise[place - identity] -= part * part;
                row[place] = part / scale;
            }
        }
        let traits_noise = traits_noise.map(|variance| variance.max(1e-4).sqrt());
        for row in factors.chunks_exact_mut(dimension) {
            for place in [sex_at, age_at, hair_at] {
                row[place] /= traits_noise[place - identity];
            }
        }
        let mut deviations = vec![noise.sqrt(); identity];
        deviations.extend(traits_noise);
        let mut prior_noise = deviations.clone();
        prior_noise[age_at] *= (prior.1 / age_variance).sqrt();

        let mut weights = vec![0.0; dimension * age.weights.len()];
        for (d, row) in weights.chunks_exact_mut(age.weights.len()).enumerate() {
            let slope = if d < identity { self.age[d] } else { f64::from(u8::from(d == age_at)) };
            row.iter_mut().zip(age.weights.iter()).for_each(|(w, a)| *w = slope * a);
        }
        ComponentParts {
            logit,
            mean: (weights, at(age.constant)),
            factors,
            scales,
            noise: deviations,
            prior_logit: 0.0,
            prior_mean: at(prior.0),
            prior_noise,
        }
    }
}

fn no_ages() -> TrainError {
    TrainError::Data(
        "the face decoder was trained at one age only; hint: set data.ageing in the configuration \
         of train face-decoder"
            .into(),
    )
}
