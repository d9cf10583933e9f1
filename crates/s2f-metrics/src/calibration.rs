//! Scores of predicted distributions: how good they are, and whether their probabilities are true.
//!
//! A *level* of a truth in its predicted distribution is a number from 0 to 1 that is uniformly
//! distributed if the distributions are calibrated: [`density_level`], or the predicted probability
//! of a smaller value (the probability integral transform: Gneiting, Balabdaoui & Raftery,
//! "Probabilistic forecasts, calibration and sharpness", JRSS B 2007).

use crate::Vectors;

/// The energy score of a predicted distribution, smaller is better (Gneiting & Raftery, "Strictly
/// Proper Scoring Rules, Prediction, and Estimation", JASA 2007, section 4.3):
/// E‖X - y‖ - ½ E‖X - X'‖ for independent samples X and X' of the distribution and the truth y.
/// Its expectation is smallest for the true distribution. Of a single point it is the distance.
///
/// The second mean is over pairs of different samples, so that the estimate has no bias. NaN
/// without samples; with one sample, the second term is 0.
///
/// ```
/// use s2f_metrics::{Vectors, energy_score};
///
/// let samples = Vectors::new(vec![0.0, 0.0, 0.0, 4.0], 2);
/// assert_eq!(energy_score(&samples, &[3.0, 0.0]), (3.0 + 5.0) / 2.0 - 4.0 / 2.0);
/// ```
pub fn energy_score(samples: &Vectors, truth: &[f32]) -> f64 {
    let to_truth: f64 = samples.rows().map(|sample| distance(sample, truth)).sum();
    let between = if samples.len() > 1 { mean_distance(samples) } else { 0.0 };
    to_truth / samples.len() as f64 - 0.5 * between
}

/// Mean Euclidean distance between two different rows; NaN for fewer than two.
pub fn mean_distance(rows: &Vectors) -> f64 {
    let count = rows.len();
    let of_row = |index: usize| -> f64 {
        (0..index).map(|other| distance(rows.row(index), rows.row(other))).sum()
    };
    let pairs = count as f64 * (count as f64 - 1.0) / 2.0;
    (0..count).map(of_row).sum::<f64>() / pairs
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
}

/// The level of a truth with the log-density `truth`, given the log-densities of samples of its
/// predicted distribution: the share of samples with a higher density. The truth is within the
/// region of highest density that has probability α if its level is at most α (Hyndman, "Computing
/// and graphing highest density regions", 1996).
///
/// With n samples, the levels of a calibrated distribution are the n + 1 middles
/// ½/(n + 1), 1½/(n + 1), …, equally likely; ties count half.
///
/// ```
/// use s2f_metrics::density_level;
///
/// assert_eq!(density_level(-1.0, &[-3.0, -2.0, 0.0]), 1.5 / 4.0);
/// ```
pub fn density_level(truth: f64, samples: &[f64]) -> f64 {
    let above = samples.iter().filter(|&&sample| sample > truth).count() as f64;
    let equal = samples.iter().filter(|&&sample| sample == truth).count() as f64;
    (above + 0.5 * equal + 0.5) / (samples.len() as f64 + 1.0)
}

/// The share of levels that are at most `level`: of truths within the regions of that probability.
/// Equal to `level` for calibrated distributions. NaN without levels.
pub fn coverage(levels: &[f64], level: f64) -> f64 {
    levels.iter().filter(|&&own| own <= level).count() as f64 / levels.len() as f64
}

/// How many levels are in each of `bins` intervals of equal width from 0 to 1: flat for calibrated
/// distributions. Of [`density_level`]s, more to the right means too narrow distributions, more to
/// the left too wide ones; of probabilities of a smaller value, ∪ means too narrow, ∩ too wide.
pub fn rank_histogram(levels: &[f64], bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for level in levels {
        let bin = (level * bins as f64) as usize;
        if let Some(count) = counts.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    counts
}

/// How far levels are from uniform, by [`uniformity`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniformity {
    /// The largest error of any coverage, 0 to 1: the Kolmogorov-Smirnov statistic.
    pub distance: f64,
    /// The probability of a distance at least that large for independent levels of calibrated
    /// distributions, asymptotically for many. Several levels of one speaker are not independent.
    pub p: f64,
}

/// Compares levels with the uniform distribution from 0 to 1. `None` without levels.
pub fn uniformity(levels: &[f64]) -> Option<Uniformity> {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let errors = sorted.iter().enumerate().map(|(index, level)| {
        let (below, up_to) = (index as f64 / count, (index + 1) as f64 / count);
        (level - below).max(up_to - level)
    });
    let distance = errors.reduce(f64::max)?;
    Some(Uniformity { distance, p: kolmogorov(distance * count.sqrt()) })
}

/// The probability that Kolmogorov's distribution exceeds x (Marsaglia, Tsang & Wang, "Evaluating
/// Kolmogorov's Distribution", 2003, equation 1, both series).
fn kolmogorov(x: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    /// Terms after which either series has all digits on its side of `MIDDLE`.
    const TERMS: i32 = 20;
    const MIDDLE: f64 = 1.0;
    if x <= 0.0 {
        return 1.0;
    }
    if x < MIDDLE {
        let term = |k: i32| (-(f64::from(2 * k - 1) * PI / x).powi(2) / 8.0).exp();
        return 1.0 - TAU.sqrt() / x * (1..=TERMS).map(term).sum::<f64>();
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * (f64::from(k) * x).powi(2)).exp()
    };
    (1..=TERMS).map(term).sum()
}
