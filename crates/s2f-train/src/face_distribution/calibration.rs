//! Probabilities from the heads' outputs, measured on voices that were left out.

use nalgebra::{DMatrix, DVector};
use s2f_core::{Sex, Trait};

use super::left_out::LeftOut;
use super::recordings::{Version, WINDOW_S};
use crate::regression::{Linear, logistic};
use crate::{TrainError, TraitPrior};

/// From outputs to a probability and to a distribution of the age.
///
/// The output A of the head for age is a noisy measurement of the age's trait a of the speaker:
///
/// ```text
/// A = k₀ + k₁·(a + n), n ~ N(0, V + W / windows)
/// ```
///
/// With the prior a ~ N(m, τ²), the age given an endless recording is normal with the mean
/// m + ρ·((A − k₀)/k₁ − m) and the variance τ²(1 − ρ), ρ = τ² / (τ² + V). A recording of w windows
/// has the share (τ² + V) / (τ² + V + W/w) of that information.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    offset: f64,
    slope: f64,
    /// V, of the endless recording.
    noise: f64,
    /// W, of a window.
    window_noise: f64,
    /// Factor of the head for sex: the logit for an endless recording.
    logit: f64,
    /// Windows that halve it.
    logit_windows: f64,
    /// Mean and variance of the age's trait without a voice.
    pub(crate) prior: (f64, f64),
    pub(crate) prior_logit: f64,
}

impl Calibration {
    /// # Errors
    /// [`TrainError::Data`] if too few of the recordings that were left out have an age of the
    /// reference release.
    pub(crate) fn of(left_out: &LeftOut<'_>, prior: &TraitPrior) -> Result<Self, TrainError> {
        let whole = Measurement::of(left_out, Version::Clean);
        let short = Measurement::of(left_out, Version::Window);
        let (offset, slope) = (whole.offset, whole.slope);
        let apart = (short.per_window - whole.per_window).max(0.02);
        // At least a little: some speakers' short recordings are whole.
        let window_noise = ((short.noise - whole.noise) / apart).clamp(0.2, 3.0);
        let noise = (whole.noise - window_noise * whole.per_window).max(0.2);
        let logit_windows = {
            let (a, b) = (whole.logit, short.logit);
            let bend = b * short.per_window - a * whole.per_window;
            if bend > 0.0 { ((a - b) / bend).clamp(0.1, 2.0) } else { 0.5 }
        };
        let deviation = Trait::of_log_deviation(prior.age_log_deviation);
        let calibration = Self {
            offset,
            slope,
            noise,
            window_noise,
            logit: whole.logit * (1.0 + logit_windows * whole.per_window),
            logit_windows,
            prior: (Trait::of_years(prior.age_median), deviation * deviation),
            prior_logit: (prior.women / (1.0 - prior.women)).ln(),
        };
        // Clamping keeps NaN.
        let is_usable = [slope, noise, window_noise, calibration.logit].iter().all(|x| *x > 0.0);
        is_usable.then_some(calibration).ok_or_else(|| {
            TrainError::Data(
                "age cannot be told from the voices: too few recordings of the reference release \
                 have an age, or their ages do not differ; hint: add recordings, or set \
                 reference_release in data.folders to a larger release"
                    .into(),
            )
        })
    }

    fn explained(&self) -> f64 {
        self.prior.1 / (self.prior.1 + self.noise)
    }

    /// The mean of the age's trait given an endless recording, from the output of the head.
    pub(crate) fn age(&self, head: &Linear) -> Linear {
        let factor = self.explained() / self.slope;
        Linear {
            weights: &head.weights * factor,
            constant: self.prior.0 * (1.0 - self.explained())
                + (head.constant - self.offset) * factor,
        }
    }

    /// Its variance.
    pub(crate) fn age_variance(&self) -> f64 {
        self.prior.1 * (1.0 - self.explained())
    }

    /// Seconds of speech that have half of an endless recording's information on age, and the same
    /// for the logit of sex.
    pub(crate) fn half_information_s(&self) -> [f64; 2] {
        let windows = self.window_noise / (self.prior.1 + self.noise);
        [WINDOW_S * windows, WINDOW_S * self.logit_windows]
    }

    /// Weights and constant of the logit for women, given an endless recording.
    pub(crate) fn logit(&self, head: &Linear) -> (Vec<f64>, f64) {
        let weights = (&head.weights * self.logit).iter().copied().collect();
        (weights, head.constant * self.logit + self.prior_logit)
    }

    /// Mean and variance of the age's trait for an output of the head and a length of speech.
    pub(crate) fn posterior(&self, output: f64, seconds: f64) -> (f64, f64) {
        let [half_s, _] = self.half_information_s();
        let information = self.explained() * seconds / (seconds + half_s);
        let measured = (output - self.offset) / self.slope;
        let mean = self.prior.0 + information * (measured - self.prior.0);
        (mean, self.prior.1 * (1.0 - information))
    }
}

/// The outputs of the heads for one version of the recordings.
struct Measurement {
    offset: f64,
    slope: f64,
    /// In units of the age's trait.
    noise: f64,
    /// Mean of 1 / windows.
    per_window: f64,
    /// Slope of the log odds of being a woman on the output of the head for sex.
    logit: f64,
}

impl Measurement {
    fn of(left_out: &LeftOut<'_>, version: Version) -> Self {
        let rows = left_out.rows(version);
        let reference: Vec<_> = rows.iter().filter(|row| row.voice.is_reference).collect();
        let total: f64 = reference.iter().map(|row| row.weight).sum();
        let mean = |of: &dyn Fn(usize) -> f64| {
            (0..reference.len()).map(|i| reference[i].weight * of(i)).sum::<f64>() / total
        };
        let age = |i: usize| reference[i].voice.age.map_or(0.0, Trait::of_years);
        let output = |i: usize| reference[i].age;
        let (mean_age, mean_output) = (mean(&age), mean(&output));
        let variance = mean(&|i| (age(i) - mean_age).powi(2));
        let slope = mean(&|i| (age(i) - mean_age) * (output(i) - mean_output)) / variance;
        let offset = mean_output - slope * mean_age;
        let residual = mean(&|i| (output(i) - offset - slope * age(i)).powi(2));
        let scores = DMatrix::from_iterator(rows.len(), 1, rows.iter().map(|row| row.sex));
        let is_female: Vec<bool> = rows.iter().map(|row| row.voice.sex == Sex::Female).collect();
        let weights = DVector::from_iterator(rows.len(), rows.iter().map(|row| row.weight));
        let logit = logistic(&scores, &is_female, &weights, 1e-6).map_or(1.0, |fit| fit.weights[0]);
        Self {
            offset,
            slope,
            noise: residual / (slope * slope),
            per_window: mean(&|i| (WINDOW_S / reference[i].seconds).min(1.0)),
            logit,
        }
    }
}
