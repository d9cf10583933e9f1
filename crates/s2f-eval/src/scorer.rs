//! From values of pairs to scores with intervals. The intervals themselves are computed in
//! `s2f_metrics`: see `bootstrap.rs` there.

use std::collections::BTreeMap;

use s2f_metrics::{
    Bootstrap, Moments, Rank, SumAndCount, Uncertainty, derange, fisher, holm, moments, pearson,
    pearson_p, percentile, quantile,
};

use crate::items::Items;
use crate::report::{Score, Unit};

/// With fewer speakers than this, a group says next to nothing.
pub(crate) const MIN_SPEAKERS: usize = 20;

/// Collects the scores of an evaluation.
pub(crate) struct Scorer<'a> {
    pub(crate) items: &'a Items,
    pub(crate) bootstrap: &'a Bootstrap,
    scores: Vec<Score>,
    places: BTreeMap<String, usize>,
    /// Sums and counts by speaker of the scores by which models can be compared.
    pub(crate) sums: BTreeMap<String, Vec<(f64, f64)>>,
    errors: BTreeMap<String, f64>,
}

/// What a score is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Baseline {
    /// The score of guessing.
    pub(crate) chance: Option<f64>,
    /// Mean size of the searched gallery.
    pub(crate) gallery: Option<f64>,
}

impl Baseline {
    pub(crate) fn chance(chance: f64) -> Self {
        Self { chance: Some(chance), gallery: None }
    }
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(items: &'a Items, bootstrap: &'a Bootstrap) -> Self {
        Self {
            items,
            bootstrap,
            scores: Vec::new(),
            places: BTreeMap::new(),
            sums: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// All scores, in the order in which they were added.
    pub(crate) fn into_scores(self) -> Vec<Score> {
        self.scores
    }

    /// The score with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Score> {
        self.places.get(id).map(|&place| &self.scores[place])
    }

    /// Standard error of the score with this id.
    pub(crate) fn error(&self, id: &str) -> Option<f64> {
        self.errors.get(id).copied()
    }

    /// Adds a score and returns its id. If there is one with this id already, that one is kept.
    pub(crate) fn add(&mut self, score: Score) -> String {
        let id = score.id.clone();
        if !self.places.contains_key(&id) {
            self.places.insert(id.clone(), self.scores.len());
            self.scores.push(score);
        }
        id
    }

    /// Corrects the p-values of the scores with these ids for the number of tests (Holm).
    pub(crate) fn correct(&mut self, tests: &[String]) {
        let known: Vec<(&String, f64)> =
            tests.iter().filter_map(|id| Some((id, self.get(id)?.p?))).collect();
        let p: Vec<f64> = known.iter().map(|(_, p)| *p).collect();
        for ((id, _), corrected) in known.into_iter().zip(holm(&p)) {
            if let Some(&place) = self.places.get(id) {
                self.scores[place].p_adjusted = Some(corrected);
            }
        }
    }

    /// A score without an interval.
    pub(crate) fn number(
        &mut self,
        id: &str,
        unit: Unit,
        value: f64,
        on: (usize, usize),
    ) -> String {
        self.add(Score::new(id, unit, value, on))
    }

    /// A mean over pairs. `values` has one value per pair; those that are not numbers are left out.
    pub(crate) fn mean(
        &mut self,
        id: &str,
        unit: Unit,
        values: &[f64],
        baseline: Baseline,
    ) -> String {
        let sums = self.by_speaker(values);
        self.of_sums(id, unit, &sums, baseline)
    }

    /// A share of pairs in per cent, from one value from 0 to 1 per pair.
    pub(crate) fn share(&mut self, id: &str, values: &[f64], baseline: Baseline) -> String {
        let sums = self.by_speaker(values);
        let per_cent: Vec<SumAndCount> = sums.iter().map(|[sum, n]| [100.0 * sum, *n]).collect();
        self.of_sums(id, Unit::Percent, &per_cent, baseline)
    }

    /// Recall at `k`, in per cent.
    pub(crate) fn recall(
        &mut self,
        id: &str,
        ranks: &[Option<Rank>],
        k: impl Fn(Rank) -> usize,
    ) -> String {
        let values = ranks.iter().map(|rank| rank.map_or(f64::NAN, |rank| rank.within(k(rank))));
        let chance = mean_of(ranks, |rank| rank.chance_within(k(rank)));
        let baseline = Baseline { chance: Some(100.0 * chance), gallery: Some(gallery(ranks)) };
        self.share(id, &values.collect::<Vec<_>>(), baseline)
    }

    /// How often the right item is the closest of `n`, in per cent.
    pub(crate) fn best_of(&mut self, id: &str, ranks: &[Option<Rank>], n: usize) -> String {
        let values =
            ranks.iter().map(|rank| rank.and_then(|rank| rank.best_of(n)).unwrap_or(f64::NAN));
        let enough: Vec<Option<Rank>> =
            ranks.iter().map(|rank| rank.filter(|rank| rank.gallery() >= n)).collect();
        let baseline = Baseline { chance: Some(100.0 / n as f64), gallery: Some(gallery(&enough)) };
        self.share(id, &values.collect::<Vec<_>>(), baseline)
    }

    /// Median rank of the right item.
    pub(crate) fn median_rank(&mut self, id: &str, ranks: &[Option<Rank>]) -> String {
        let mut places: Vec<(f64, usize)> = ranks
            .iter()
            .enumerate()
            .filter_map(|(pair, rank)| {
                Some((rank.as_ref()?.place(), self.items.items[pair].speaker))
            })
            .collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = places.iter().map(|(place, _)| *place).collect();
        let median = |weights: &[u8]| {
            let total: u32 = places.iter().map(|(_, speaker)| u32::from(weights[*speaker])).sum();
            let mut below = 0;
            let mut lower = None;
            for (place, speaker) in places.iter().filter(|(_, speaker)| weights[*speaker] > 0) {
                // Exactly half are below: the median is between two ranks.
                if let Some(lower) = lower {
                    return (lower + place) / 2.0;
                }
                below += u32::from(weights[*speaker]);
                if 2 * below > total {
                    return *place;
                }
                if 2 * below == total {
                    lower = Some(*place);
                }
            }
            f64::NAN
        };
        let speakers = self.speakers_of(&places.iter().map(|(_, s)| *s).collect::<Vec<_>>());
        let uncertainty = self.bootstrap.statistic(speakers, median);
        let score = Score {
            interval: uncertainty.filter(|_| speakers > 1).map(|found| found.interval),
            chance: Some((gallery(ranks) + 1.0) / 2.0),
            gallery: Some(gallery(ranks)),
            ..Score::new(id, Unit::Rank, quantile(&values, 0.5), (values.len(), speakers))
        };
        self.add(score)
    }

    /// Pearson correlation over speakers, each with the mean of their pairs. The interval is by
    /// speaker too; p is from Student's t.
    pub(crate) fn correlation(&mut self, id: &str, x: &[f64], y: &[f64]) -> String {
        self.correlation_within(id, x, y, |_| Some(0))
    }

    /// The same within groups of speakers: the correlation of the differences from the group means.
    pub(crate) fn correlation_within(
        &mut self,
        id: &str,
        x: &[f64],
        y: &[f64],
        group: impl Fn(usize) -> Option<u32>,
    ) -> String {
        let both: Vec<bool> =
            x.iter().zip(y).map(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let only = |values: &[f64]| -> Vec<f64> {
            values.iter().zip(&both).map(|(v, both)| if *both { *v } else { f64::NAN }).collect()
        };
        let [x, y] = [x, y].map(|values| self.by_speaker(&only(values)));
        let groups: Vec<Option<u32>> =
            self.items.of_speaker.iter().map(|pairs| group(pairs[0])).collect();
        let mut means: BTreeMap<u32, [f64; 3]> = BTreeMap::new();
        let speaker = |s: usize| {
            let ([sum_x, n], [sum_y, _]) = (x[s], y[s]);
            let group = groups[s].filter(|_| n > 0.0)?;
            Some((group, sum_x / n, sum_y / n))
        };
        for (group, x, y) in (0..x.len()).filter_map(speaker) {
            let mean = means.entry(group).or_default();
            mean[0] += 1.0;
            mean[1] += x;
            mean[2] += y;
        }
        let mut count = 0;
        let rows: Vec<Moments> = (0..x.len())
            .map(|s| match speaker(s) {
                None => [0.0; 6],
                Some((group, x, y)) => {
                    count += 1;
                    let [n, sum_x, sum_y] = means.get(&group).copied().unwrap_or_default();
                    moments(x - sum_x / n, y - sum_y / n)
                }
            })
            .collect();
        let mut total = [0.0; 6];
        rows.iter().for_each(|row| total.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
        let value = if count < 3 { f64::NAN } else { pearson(&total) };
        let uncertainty = self.bootstrap.of_sums(&rows, pearson).filter(|_| value.is_finite());
        // One degree of freedom is lost for the mean of each further group.
        let free = (count + 1_usize).saturating_sub(means.len());
        // Resamples of few speakers vary too little: not narrower than Fisher's.
        let [least, most] =
            if count < MIN_SPEAKERS { fisher(value, free) } else { [f64::NAN, f64::NAN] };
        self.add(Score {
            // `min` and `max` ignore what is not a number.
            interval: uncertainty
                .map(|Uncertainty { interval: [low, high], .. }| [low.min(least), high.max(most)]),
            chance: Some(0.0),
            p: pearson_p(value, free),
            ..Score::new(id, Unit::Plain, value, (both.iter().filter(|both| **both).count(), count))
        })
    }

    /// Correlation over speakers if everybody has another speaker's `y`: the mean over many random
    /// assignments, and the middle 95 % of them.
    pub(crate) fn random_correlation(
        &mut self,
        id: &str,
        x: &[f64],
        y: &[f64],
        seed: u64,
    ) -> String {
        const ASSIGNMENTS: u64 = 400;
        let [x, y] = [x, y].map(|values| self.by_speaker(values));
        let present: Vec<usize> =
            (0..x.len()).filter(|&s| x[s][1] > 0.0 && y[s][1] > 0.0).collect();
        let mean = |[sum, count]: [f64; 2]| sum / count;
        let everybody = vec![Some(0); present.len()];
        let mut found: Vec<f64> = (0..ASSIGNMENTS)
            .map(|assignment| {
                let mut sums: Moments = [0.0; 6];
                for (place, other) in
                    derange(&everybody, seed.wrapping_add(assignment)).into_iter().enumerate()
                {
                    let Some(other) = other else { continue };
                    let row = moments(mean(x[present[place]]), mean(y[present[other]]));
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
                pearson(&sums)
            })
            .filter(|r| r.is_finite())
            .collect();
        found.sort_unstable_by(f64::total_cmp);
        let value = found.iter().sum::<f64>() / found.len() as f64;
        let interval =
            (found.len() > 1).then(|| [0.025, 0.975].map(|share| quantile(&found, share)));
        self.add(Score {
            interval,
            chance: Some(0.0),
            ..Score::new(id, Unit::Plain, value, (self.items.len(), present.len()))
        })
    }

    /// Balanced accuracy: the mean over classes of the share of right pairs, in per cent. `class`
    /// has the true class of each pair, `right` a value from 0 to 1 for each; pairs without
    /// either are left out, and so are classes without pairs. Not a number for fewer than two
    /// classes.
    pub(crate) fn balanced(&mut self, id: &str, class: &[Option<usize>], right: &[f64]) -> String {
        let mut classes: BTreeMap<usize, Vec<SumAndCount>> = BTreeMap::new();
        let (mut counted, speakers) = (Vec::new(), self.items.speakers.len());
        for ((item, class), right) in self.items.items.iter().zip(class).zip(right) {
            if let Some(class) = class.filter(|_| right.is_finite()) {
                let sums = classes.entry(class).or_insert_with(|| vec![[0.0; 2]; speakers]);
                sums[item.speaker][0] += right;
                sums[item.speaker][1] += 1.0;
                counted.push(item.speaker);
            }
        }
        let classes: Vec<Vec<SumAndCount>> = classes.into_values().collect();
        let number = classes.len() as f64;
        let share = |sums: &Vec<SumAndCount>| {
            let [sum, count] = total(sums);
            sum / count
        };
        let is_enough = classes.len() > 1;
        let value =
            if is_enough { classes.iter().map(share).sum::<f64>() / number } else { f64::NAN };
        let uncertainty = self.bootstrap.balanced(&classes).filter(|_| is_enough);
        if let Some(found) = uncertainty {
            self.errors.insert(id.to_owned(), 100.0 * found.standard_error);
        }
        let size = (counted.len(), self.speakers_of(&counted));
        self.add(Score {
            interval: uncertainty.map(|found| found.interval.map(|bound| 100.0 * bound)),
            chance: is_enough.then(|| 100.0 / number),
            ..Score::new(id, Unit::Percent, 100.0 * value, size)
        })
    }

    /// A statistic whose bootstrap draws are known.
    pub(crate) fn resampled(
        &mut self,
        id: &str,
        unit: Unit,
        value: f64,
        draws: Vec<f64>,
        on: (usize, usize),
    ) -> String {
        self.add(Score { interval: percentile(draws, on.1), ..Score::new(id, unit, value, on) })
    }

    /// Each speaker's sum of the values that are numbers, and their count.
    pub(crate) fn by_speaker(&self, values: &[f64]) -> Vec<SumAndCount> {
        let mut sums = vec![[0.0; 2]; self.items.speakers.len()];
        for (item, value) in self.items.items.iter().zip(values) {
            if value.is_finite() {
                sums[item.speaker][0] += value;
                sums[item.speaker][1] += 1.0;
            }
        }
        sums
    }

    /// A mean over pairs from each speaker's sum and count; shares are in per cent.
    pub(crate) fn of_sums(
        &mut self,
        id: &str,
        unit: Unit,
        sums: &[SumAndCount],
        baseline: Baseline,
    ) -> String {
        let [sum, count] = total(sums);
        let uncertainty = if unit == Unit::Percent {
            let shares: Vec<SumAndCount> = sums.iter().map(|[sum, n]| [sum / 100.0, *n]).collect();
            self.bootstrap.share(&shares).map(|found| Uncertainty {
                interval: found.interval.map(|bound| 100.0 * bound),
                standard_error: 100.0 * found.standard_error,
            })
        } else {
            self.bootstrap.mean(sums)
        };
        if let Some(found) = uncertainty {
            self.errors.insert(id.to_owned(), found.standard_error);
        }
        let speakers = sums.iter().filter(|[_, count]| *count > 0.0).count();
        self.sums.insert(id.to_owned(), sums.iter().map(|&[sum, count]| (sum, count)).collect());
        self.add(Score {
            interval: uncertainty.map(|found| found.interval),
            chance: baseline.chance.filter(|chance| chance.is_finite()),
            gallery: baseline.gallery.filter(|gallery| gallery.is_finite()),
            ..Score::new(
                id,
                unit,
                if count > 0.0 { sum / count } else { f64::NAN },
                (count as usize, speakers),
            )
        })
    }

    fn speakers_of(&self, counted: &[usize]) -> usize {
        let mut seen = vec![false; self.items.speakers.len()];
        counted.iter().for_each(|&speaker| seen[speaker] = true);
        seen.into_iter().filter(|&seen| seen).count()
    }
}

/// A name from the data as a part of a score's id, which is separated by `/`.
pub(crate) fn id_part(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

/// Sum over speakers.
fn total(sums: &[SumAndCount]) -> SumAndCount {
    sums.iter().fold([0.0; 2], |[a, b], [sum, count]| [a + sum, b + count])
}

/// Mean over searches.
pub(crate) fn mean_of(ranks: &[Option<Rank>], number: impl Fn(Rank) -> f64) -> f64 {
    let numbers = || ranks.iter().flatten().map(|&rank| number(rank));
    numbers().sum::<f64>() / numbers().count() as f64
}

/// Mean size of the searched gallery.
pub(crate) fn gallery(ranks: &[Option<Rank>]) -> f64 {
    mean_of(ranks, |rank| rank.gallery() as f64)
}

/// `percent` of a gallery in whole items, rounded up, at least one.
pub(crate) fn per_cent(percent: usize) -> impl Fn(Rank) -> usize {
    move |rank| (percent * rank.gallery()).div_ceil(100).max(1)
}
