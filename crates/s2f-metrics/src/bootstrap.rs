//! Intervals of scores, by resampling speakers: the one place where a score gets its interval.
//!
//! The clips of a speaker are alike, so speakers are resampled with all of their clips (a cluster
//! bootstrap; Efron 1979, Davison & Hinkley 1997, section 3.8). Resampling clips would make
//! intervals too narrow. Every score is a function of sums over speakers, which makes a draw cheap:
//! weights of speakers times sums.
//!
//! Draws contain only outcomes of the sample: if every speaker is right, every draw is 100 %. So if
//! few speakers differ from the rest, the interval of a share is widened to an exact one
//! ([`clopper_pearson`]) with one observation per speaker. That covers the true share in at least
//! 95 % of samples if clips of a speaker are all alike, and more often if they are not.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::interval::{Term, Z, clopper_pearson, combine, percentile};

/// Resamples of speakers with replacement, the same for every score of an evaluation.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// How often each speaker is in each draw, `[draws, speakers]`.
    weights: Vec<u8>,
    speakers: usize,
}

/// How far a score would vary from sample to sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertainty {
    /// 95 % confidence interval.
    pub interval: [f64; 2],
    /// Standard error.
    pub standard_error: f64,
}

/// Sum of a value over a speaker's pairs, and the number of those pairs.
pub type SumAndCount = [f64; 2];

/// Each of `count` speakers' sum of the finite values, and their number; `speakers` has the speaker
/// of each value.
pub fn by_speaker(
    values: &[f64],
    speakers: impl IntoIterator<Item = usize>,
    count: usize,
) -> Vec<SumAndCount> {
    let mut sums = vec![[0.0; 2]; count];
    for (value, speaker) in values.iter().zip(speakers) {
        if value.is_finite() {
            sums[speaker][0] += value;
            sums[speaker][1] += 1.0;
        }
    }
    sums
}

/// If fewer speakers than this differ from the most frequent outcome, resampling is too narrow.
const MIN_MINORITY: f64 = 10.0;

impl Bootstrap {
    /// `draws` resamples of `speakers` speakers each.
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

    /// Uncertainty of a mean over pairs, from each speaker's sum and count; `None` if fewer than
    /// two speakers have pairs.
    pub fn mean(&self, sums: &[SumAndCount]) -> Option<Uncertainty> {
        self.of_sums(sums, ratio)
    }

    /// Uncertainty of a share (0 to 1) over pairs, from each speaker's sum and count; `None` if
    /// there are no pairs. The lower bound is always below the upper one, and both are within 0
    /// to 1.
    pub fn share(&self, sums: &[SumAndCount]) -> Option<Uncertainty> {
        let exact = exact(sums)?;
        Some(widen(self.mean(sums), exact.few, exact.interval))
    }

    /// Uncertainty of balanced accuracy: the mean of the shares (0 to 1) of several classes.
    /// `classes` has for each class each speaker's sum and count. `None` if there is no class, or a
    /// class without pairs.
    ///
    /// If few speakers of a class differ from the rest, the interval is widened to that of
    /// [`combine`] with the exact interval of each class. It covers the true value in at least 92 %
    /// of samples for two classes of any size from one speaker on, and in 95 % or more from six
    /// speakers a class on (enumerated in `tests/coverage.rs`).
    pub fn balanced(&self, classes: &[Vec<SumAndCount>]) -> Option<Uncertainty> {
        let exact: Vec<Exact> = classes.iter().map(|sums| exact(sums)).collect::<Option<_>>()?;
        let weight = 1.0 / classes.len() as f64;
        let terms: Vec<Term> =
            exact.iter().map(|class| (weight, class.share, class.interval)).collect();
        let interval = (!terms.is_empty()).then(|| combine(&terms))?;
        let speakers = (0..self.speakers)
            .filter(|&speaker| classes.iter().any(|sums| sums[speaker][1] > 0.0))
            .count();
        let resampled = (speakers > 1).then(|| {
            self.statistic(speakers, |weights| {
                let shares = classes.iter().map(|sums| ratio(&weighted_sum(sums, weights)));
                weight * shares.sum::<f64>()
            })
        });
        let few = exact.iter().any(|class| class.few);
        Some(widen(resampled.flatten(), few, interval))
    }

    /// Uncertainty of a difference of two shares on the same pairs, from each speaker's sums and
    /// counts for `other` and `own`; `None` if no speaker has pairs of both.
    ///
    /// The difference is the share that improved minus the share that got worse. If few speakers
    /// differ from the rest, the interval is widened to that of [`combine`] with the exact
    /// intervals of these two.
    pub fn difference_of_shares(
        &self,
        other: &[SumAndCount],
        own: &[SumAndCount],
    ) -> Option<Uncertainty> {
        let both = on_both(other, own);
        let gains: Vec<SumAndCount> =
            both.iter().map(|[a, n, b, m]| [n * (a / n - b / m), *n]).map(or_nothing).collect();
        let one_sided = |sign: f64| -> Vec<SumAndCount> {
            gains.iter().map(|[gain, count]| [(sign * gain).max(0.0), *count]).collect()
        };
        let (better, worse) = (exact(&one_sided(1.0))?, exact(&one_sided(-1.0))?);
        let few = minority(&gains) < MIN_MINORITY;
        let terms = [(1.0, better.share, better.interval), (-1.0, worse.share, worse.interval)];
        Some(widen(self.of_sums(&both, difference), few, combine(&terms)))
    }

    /// Uncertainty of a difference of two means on the same pairs, `other` minus `own`; `None` if
    /// fewer than two speakers have pairs of both.
    pub fn difference_of_means(
        &self,
        other: &[SumAndCount],
        own: &[SumAndCount],
    ) -> Option<Uncertainty> {
        self.of_sums(&on_both(other, own), difference)
    }

    /// Uncertainty of a function of the speakers' sums; `None` if fewer than two speakers have any
    /// that is not 0.
    pub fn of_sums<const K: usize>(
        &self,
        sums: &[[f64; K]],
        score: impl Fn(&[f64; K]) -> f64 + Sync + Send,
    ) -> Option<Uncertainty> {
        // Speakers without any sum would only cost time.
        let present: Vec<usize> =
            (0..sums.len()).filter(|&s| sums[s].iter().any(|&sum| sum != 0.0)).collect();
        if present.len() < 2 {
            return None;
        }
        self.statistic(present.len(), |weights| {
            let mut total = [0.0; K];
            for &speaker in &present {
                let weight = f64::from(weights[speaker]);
                total.iter_mut().zip(&sums[speaker]).for_each(|(sum, x)| *sum += weight * x);
            }
            score(&total)
        })
    }

    /// Uncertainty of any function of the speakers' weights that depends on `speakers` of them.
    /// Draws for which it is not finite are left out; `None` if fewer than two remain.
    pub fn statistic(
        &self,
        speakers: usize,
        score: impl Fn(&[u8]) -> f64 + Sync + Send,
    ) -> Option<Uncertainty> {
        let scores: Vec<f64> = self.draws().map(score).filter(|x| x.is_finite()).collect();
        let count = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let variance = scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let interval = percentile(scores, speakers)?;
        Some(Uncertainty { interval, standard_error: variance.sqrt() })
    }
}

/// 2^64 over the golden ratio: keeps the draws' seeds apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A share, its exact interval, and whether few speakers differ from the rest.
struct Exact {
    share: f64,
    interval: [f64; 2],
    few: bool,
}

/// The share of all pairs, with an interval as if all pairs of a speaker were copies of one.
fn exact(sums: &[SumAndCount]) -> Option<Exact> {
    let total = sums.iter().fold([0.0; 2], |[a, b], [sum, count]| [a + sum, b + count]);
    if total[1] <= 0.0 {
        return None;
    }
    let share = ratio(&total).clamp(0.0, 1.0);
    let interval = clopper_pearson(share, effective_speakers(sums));
    Some(Exact { share, interval, few: minority(sums) < MIN_MINORITY })
}

/// Effective number of speakers, (Σm)² / Σm² for m pairs of each (Kish, *Survey Sampling*, 1965):
/// how many speakers with equally many pairs would give a mean that varies as much.
fn effective_speakers(sums: &[SumAndCount]) -> f64 {
    let (sum, squares) =
        sums.iter().fold((0.0, 0.0), |(sum, squares), [_, n]| (sum + n, squares + n * n));
    sum * sum / squares
}

/// How many (effective) speakers do not have the most frequent mean.
fn minority(sums: &[SumAndCount]) -> f64 {
    let mut means: Vec<(f64, f64)> =
        sums.iter().filter(|[_, n]| *n > 0.0).map(|[sum, n]| (sum / n, *n)).collect();
    means.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let runs = means.chunk_by(|a, b| a.0 == b.0).map(|run| run.iter().map(|(_, n)| n).sum::<f64>());
    let total: f64 = means.iter().map(|(_, n)| n).sum();
    effective_speakers(sums) * (1.0 - runs.fold(0.0, f64::max) / total)
}

/// What resampling gives, widened to `exact` if few speakers differ from the rest.
fn widen(resampled: Option<Uncertainty>, few: bool, exact: [f64; 2]) -> Uncertainty {
    let [low, high] = exact;
    let exact = Uncertainty { interval: exact, standard_error: (high - low) / (2.0 * Z) };
    match resampled {
        // Draws can all agree by chance, however many speakers there are.
        Some(Uncertainty { interval, standard_error }) if few || interval[0] >= interval[1] => {
            Uncertainty {
                interval: [interval[0].min(low), interval[1].max(high)],
                standard_error: standard_error.max(exact.standard_error),
            }
        }
        Some(resampled) => resampled,
        None => exact,
    }
}

/// Sums and counts of `other` and `own` of speakers that have pairs of both: `[a, n, b, m]`.
fn on_both(other: &[SumAndCount], own: &[SumAndCount]) -> Vec<[f64; 4]> {
    let both = |(&[a, n], &[b, m]): (&SumAndCount, &SumAndCount)| {
        if n > 0.0 && m > 0.0 { [a, n, b, m] } else { [0.0; 4] }
    };
    other.iter().zip(own).map(both).collect()
}

fn or_nothing(sums: SumAndCount) -> SumAndCount {
    if sums.iter().all(|x| x.is_finite()) { sums } else { [0.0; 2] }
}

fn difference(&[a, n, b, m]: &[f64; 4]) -> f64 {
    a / n - b / m
}

fn ratio([sum, count]: &SumAndCount) -> f64 {
    sum / count
}

fn weighted_sum(sums: &[SumAndCount], weights: &[u8]) -> SumAndCount {
    sums.iter().zip(weights).fold([0.0; 2], |[a, b], ([sum, count], &weight)| {
        [a + f64::from(weight) * sum, b + f64::from(weight) * count]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_summed_by_speaker() {
        let sums = by_speaker(&[1.0, f64::NAN, 2.0, 4.0], [0, 0, 2, 0], 3);
        assert_eq!(sums, [[5.0, 2.0], [0.0, 0.0], [2.0, 1.0]]);
    }

    #[test]
    fn speakers_with_many_pairs_count_for_more() {
        assert_eq!(effective_speakers(&[[0.0, 3.0]; 5]), 5.0);
        // (1 + 1 + 2)² / (1 + 1 + 4)
        assert!(
            (effective_speakers(&[[0.0, 1.0], [0.0, 1.0], [0.0, 2.0]]) - 16.0 / 6.0).abs() < 1e-12
        );
    }

    #[test]
    fn the_minority_differs_from_the_most_frequent_mean() {
        let sums = [[1.0, 1.0], [2.0, 2.0], [1.0, 2.0], [0.0, 0.0], [3.0, 3.0]];
        // Of eight pairs two are not in the mode, and (1 + 2 + 2 + 3)² / (1 + 4 + 4 + 9) speakers.
        assert!((minority(&sums) - 64.0 / 18.0 * 2.0 / 8.0).abs() < 1e-12);
        assert_eq!(minority(&[[1.0, 1.0]; 9]), 0.0);
    }

    #[test]
    fn seven_speakers_who_are_all_right_are_not_certain() {
        let bootstrap = Bootstrap::new(7, 1000, 0);
        let all_right = vec![[2.0, 2.0]; 7];
        let [low, high] = bootstrap.share(&all_right).unwrap().interval;
        // The lower bound l has l⁷ = 2.5 %.
        assert!((low - 0.025_f64.powf(1.0 / 7.0)).abs() < 1e-9 && high == 1.0);
        let of_class = |members: std::ops::Range<usize>| -> Vec<SumAndCount> {
            (0..7).map(|s| if members.contains(&s) { [2.0, 2.0] } else { [0.0; 2] }).collect()
        };
        let classes = [of_class(0..4), of_class(4..7)];
        let [low, high] = bootstrap.balanced(&classes).unwrap().interval;
        let below = |n: f64| 1.0 - 0.025_f64.powf(1.0 / n);
        let expected = 1.0 - (below(4.0).powi(2) + below(3.0).powi(2)).sqrt() / 2.0;
        assert!((low - expected).abs() < 1e-9 && high == 1.0, "{low}");
    }
}
