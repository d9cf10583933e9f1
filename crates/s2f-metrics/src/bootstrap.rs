//! Intervals by drawing speakers again and again: Efron's percentile bootstrap, expanded so that few
//! speakers do not make it too narrow (Hesterberg, *What Teachers Should Know about the Bootstrap*,
//! 2015).
//!
//! The clips of a speaker are alike, so it is speakers that are drawn, with all of their clips:
//! drawing clips would make intervals too narrow. Whatever a score is, it is a function of sums
//! over speakers, which makes a draw cheap: weights of speakers times sums.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Draws of speakers with replacement, the same for every score of an evaluation.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// How often each speaker is in each draw, `[draws, speakers]`.
    weights: Vec<u8>,
    speakers: usize,
}

/// What a distribution of draws says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle 95 %.
    pub interval: [f64; 2],
    /// Standard error.
    pub error: f64,
}

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// With fewer speakers than this on one side of a share, right or wrong, resampling is too narrow.
const RARE: usize = 10;

impl Bootstrap {
    /// `draws` of as many speakers as there are.
    pub fn new(speakers: usize, draws: usize, seed: u64) -> Self {
        let mut weights = vec![0_u8; draws * speakers];
        weights.par_chunks_exact_mut(speakers.max(1)).enumerate().for_each(|(draw, weights)| {
            let mut random = SmallRng::seed_from_u64(seed ^ (draw as u64 + 1).wrapping_mul(GOLDEN));
            for _ in 0..speakers {
                let weight = &mut weights[random.random_range(0..speakers)];
                *weight = weight.saturating_add(1);
            }
        });
        Self { weights, speakers }
    }

    /// How often each speaker is in each draw.
    pub fn draws(&self) -> impl IndexedParallelIterator<Item = &[u8]> {
        self.weights.par_chunks_exact(self.speakers.max(1))
    }

    /// Spread of `score` of the speakers' sums, where `sums` holds those of each speaker; `None`
    /// where fewer than two speakers have any.
    pub fn spread<const K: usize>(
        &self,
        sums: &[[f64; K]],
        score: impl Fn(&[f64; K]) -> f64 + Sync + Send,
    ) -> Option<Spread> {
        // Who says nothing to the score need not be gone through.
        let present: Vec<usize> =
            (0..sums.len()).filter(|&s| sums[s].iter().any(|&sum| sum != 0.0)).collect();
        if present.len() < 2 {
            return None;
        }
        self.spread_of(present.len(), |weights| {
            let mut total = [0.0; K];
            for &speaker in &present {
                let weight = f64::from(weights[speaker]);
                total.iter_mut().zip(&sums[speaker]).for_each(|(sum, x)| *sum += weight * x);
            }
            score(&total)
        })
    }

    /// Spread of any function of the speakers' weights to which `speakers` of them say something.
    pub fn spread_of(
        &self,
        speakers: usize,
        score: impl Fn(&[u8]) -> f64 + Sync + Send,
    ) -> Option<Spread> {
        let mut scores: Vec<f64> = self.draws().map(score).filter(|x| x.is_finite()).collect();
        if scores.len() < 2 {
            return None;
        }
        scores.sort_unstable_by(f64::total_cmp);
        let count = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let variance = scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let interval = tails(speakers).map(|share| quantile(&scores, share));
        Some(Spread { interval, error: variance.sqrt() })
    }

    /// Spread of a mean over pairs. `sums` holds each speaker's sum and number of pairs.
    pub fn mean(&self, sums: &[[f64; 2]]) -> Option<Spread> {
        self.spread(sums, ratio)
    }

    /// Spread of a share, 0 to 1, over pairs. Where only a few speakers have any hit, or any miss,
    /// draws know too little of it (of no hit at all, nothing): interval and error are widened to
    /// Wilson's for as many observations as there are speakers.
    pub fn share(&self, sums: &[[f64; 2]]) -> Option<Spread> {
        let mut spread = self.mean(sums)?;
        let present = || sums.iter().filter(|[_, count]| *count > 0.0);
        let speakers = present().count();
        let hits = present().filter(|[sum, _]| *sum > 0.0).count();
        let misses = present().filter(|[sum, count]| sum < count).count();
        if hits.min(misses) < RARE {
            let total = present().fold([0.0; 2], |[a, b], [sum, count]| [a + sum, b + count]);
            let [low, high] = wilson(ratio(&total), speakers as f64);
            spread.interval = [spread.interval[0].min(low), spread.interval[1].max(high)];
            spread.error = spread.error.max((high - low) / (2.0 * Z));
        }
        Some(spread)
    }
}

/// Which quantiles of draws of so many speakers bound a 95 % interval. Draws vary too little by
/// √((n - 1) / n), and their tails are those of the normal distribution in place of Student's.
pub fn tails(speakers: usize) -> [f64; 2] {
    let n = speakers as f64;
    let student = StudentsT::new(0.0, 1.0, n - 1.0).map(|t| t.inverse_cdf(0.975));
    let Ok(quantile) = student else { return [0.0, 1.0] };
    let tail = Normal::standard().cdf(-(n / (n - 1.0)).sqrt() * quantile);
    [tail, 1.0 - tail]
}

/// 2^64 over the golden ratio: keeps the draws' seeds apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn ratio([sum, count]: &[f64; 2]) -> f64 {
    sum / count
}

/// Wilson's 95 % interval for a share seen in `count` observations (Wilson, JASA 1927).
pub fn wilson(share: f64, count: f64) -> [f64; 2] {
    let z2 = Z * Z / count;
    let middle = share + z2 / 2.0;
    let half = Z * ((share * (1.0 - share) + z2 / 4.0) / count).sqrt();
    [middle - half, middle + half].map(|bound| (bound / (1.0 + z2)).clamp(0.0, 1.0))
}

/// Quantile of sorted numbers, linear in between (type 7 of Hyndman & Fan, as in NumPy).
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}
