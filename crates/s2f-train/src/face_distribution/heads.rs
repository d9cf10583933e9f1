//! What a voice embedding says about sex and age: linear heads in closed form.
//!
//! - Sex: logistic regression; each corpus × sex counts the same.
//! - Age: ridge regression of the logarithmic [trait](s2f_core::Trait::Age) on the embedding and on
//!   its product with the predicted sex, so that men and women have slopes of their own. Ages and
//!   inputs are centred inside each coding × sex, so that only differences between people whose
//!   recordings were coded in the same way count; the constant comes from the reference.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use s2f_core::{Sex, Trait};

use super::recordings::Examples;
use crate::regression::{Linear, logistic, ridge};
use crate::{TrainError, TraitRegression};

/// Linear heads on raw embeddings.
#[derive(Debug, Clone)]
pub(crate) struct Heads {
    /// Positive for women; not yet a logit.
    pub(crate) sex: Linear,
    /// Of the age's trait, before calibration: at the sexes' mean, and the difference of women.
    age: [Linear; 2],
}

impl Heads {
    /// Fits both; `for_sex` and `for_age` are the same people, but may be other copies of their
    /// recordings.
    pub(crate) fn fit(
        for_sex: &Examples<'_>,
        for_age: &Examples<'_>,
        settings: &TraitRegression,
    ) -> Result<Self, TrainError> {
        let scale = Standard::of(for_sex);
        let x = scale.apply(&for_sex.embeddings);
        let cell = |i: usize| (for_sex.voices[i].corpus.as_str(), for_sex.voices[i].sex.name());
        let weights = balanced(&for_sex.weights, cell);
        let is_female: Vec<bool> =
            for_sex.voices.iter().map(|voice| voice.sex == Sex::Female).collect();
        let sex = logistic(&x, &is_female, &weights, settings.sex_penalty)
            .ok_or_else(|| singular("sex"))?;

        let x = scale.apply(&for_age.embeddings);
        let mut z = with_products(&x, &sex);
        let raw = z.clone();
        let ages = for_age.voices.iter().map(|voice| voice.age.map_or(0.0, Trait::of_years));
        let ages = DVector::from_iterator(x.nrows(), ages);
        let mut y = ages.clone();
        let cell = |i: usize| (for_age.voices[i].coding.as_str(), for_age.voices[i].sex.name());
        centre(&mut z, &mut y, &for_age.weights, cell);
        let b =
            ridge(&z, &y, &for_age.weights, settings.age_penalty).ok_or_else(|| singular("age"))?;
        let (mut sum, mut total) = (0.0, 0.0);
        for (i, voice) in for_age.voices.iter().enumerate().filter(|(_, v)| v.is_reference) {
            debug_assert!(voice.age.is_some());
            sum += for_age.weights[i] * (ages[i] - raw.row(i).dot(&b.transpose()));
            total += for_age.weights[i];
        }
        if total == 0.0 {
            return Err(TrainError::Data(
                "no recording of a reference release has an age; hint: set reference_release in \
                 one of data.folders"
                    .into(),
            ));
        }
        let width = x.ncols();
        let part = |from: usize, constant: f64| Linear {
            weights: b.rows(from, width).into_owned(),
            constant,
        };
        let age = [part(0, sum / total), part(width, 0.0)];
        Ok(Self { sex: scale.on_raw(&sex), age: age.map(|head| scale.on_raw(&head)) })
    }

    /// The age's trait of a woman or a man, before calibration.
    pub(crate) fn age_of(&self, sex: Sex) -> Linear {
        let [both, difference] = &self.age;
        let sign = Trait::of_sex(sex);
        Linear {
            weights: &both.weights + &difference.weights * sign,
            constant: both.constant + difference.constant * sign,
        }
    }

    /// The age's trait with the sex that the embedding itself says, before calibration.
    pub(crate) fn age(&self, x: &DMatrix<f64>) -> DVector<f64> {
        let [both, difference] = &self.age;
        let sign = self.sex.of(x).map(f64::tanh);
        both.of(x) + difference.of(x).component_mul(&sign)
    }
}

fn singular(what: &str) -> TrainError {
    TrainError::Data(format!(
        "the regression for {what} has no solution; hint: increase regression.{what}_penalty"
    ))
}

/// Embeddings minus their mean, divided by one deviation.
struct Standard {
    mean: DVector<f64>,
    deviation: f64,
}

impl Standard {
    fn of(examples: &Examples<'_>) -> Self {
        let weights = &examples.weights / examples.weights.sum();
        let mean = examples.embeddings.tr_mul(&weights);
        let columns = examples.embeddings.column_iter().zip(mean.iter());
        let variances =
            columns.map(|(column, mean)| column.add_scalar(-mean).map(|v| v * v).dot(&weights));
        let deviation = (variances.sum::<f64>() / mean.len() as f64).sqrt();
        Self { mean, deviation }
    }

    fn apply(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let mut x = x.clone();
        for (mut column, mean) in x.column_iter_mut().zip(self.mean.iter()) {
            column.add_scalar_mut(-mean);
        }
        x / self.deviation
    }

    /// A function of standardised embeddings as one of raw embeddings.
    fn on_raw(&self, head: &Linear) -> Linear {
        let weights = &head.weights / self.deviation;
        Linear { constant: head.constant - weights.dot(&self.mean), weights }
    }
}

/// Weights with the same sum in each cell.
fn balanced<K: Ord>(weights: &DVector<f64>, cell: impl Fn(usize) -> K) -> DVector<f64> {
    let mut sums: BTreeMap<K, f64> = BTreeMap::new();
    for (i, weight) in weights.iter().enumerate() {
        *sums.entry(cell(i)).or_default() += weight;
    }
    let share = weights.sum() / sums.len() as f64;
    DVector::from_fn(weights.len(), |i, _| weights[i] * share / sums[&cell(i)])
}

/// Columns, and the same times tanh of the predicted sex.
fn with_products(x: &DMatrix<f64>, sex: &Linear) -> DMatrix<f64> {
    let sign = sex.of(x).map(f64::tanh);
    let width = x.ncols();
    DMatrix::from_fn(x.nrows(), 2 * width, |row, column| {
        if column < width { x[(row, column)] } else { x[(row, column - width)] * sign[row] }
    })
}

/// Subtracts each cell's weighted mean from its rows.
fn centre<K: Ord>(
    z: &mut DMatrix<f64>,
    y: &mut DVector<f64>,
    weights: &DVector<f64>,
    cell: impl Fn(usize) -> K,
) {
    let mut members: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for i in 0..y.len() {
        members.entry(cell(i)).or_default().push(i);
    }
    for rows in members.values() {
        let total: f64 = rows.iter().map(|&i| weights[i]).sum();
        let mean = |of: &dyn Fn(usize) -> f64| {
            rows.iter().map(|&i| weights[i] * of(i)).sum::<f64>() / total
        };
        let age = mean(&|i| y[i]);
        rows.iter().for_each(|&i| y[i] -= age);
        for column in 0..z.ncols() {
            let middle = mean(&|i| z[(i, column)]);
            rows.iter().for_each(|&i| z[(i, column)] -= middle);
        }
    }
}
