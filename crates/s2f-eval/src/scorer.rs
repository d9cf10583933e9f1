//! From numbers of pairs to scores with intervals.

use std::collections::BTreeMap;

use crate::items::Items;
use crate::report::{Score, Unit};
use crate::sections::FEW;
use s2f_metrics::Rank;
use s2f_metrics::{Bootstrap, Spread, quantile};
use s2f_metrics::{Moments, derange, fisher_interval, holm, moments, pearson, pearson_p};

/// Collects the scores of an evaluation.
pub(crate) struct Scorer<'a> {
    pub(crate) items: &'a Items,
    pub(crate) bootstrap: &'a Bootstrap,
    scores: Vec<Score>,
    places: BTreeMap<String, usize>,
    /// Sums and counts by speaker of those scores that another model can be compared by.
    pub(crate) sums: BTreeMap<String, Vec<(f64, f64)>>,
    errors: BTreeMap<String, f64>,
}

/// What goes with a score beside its value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct With {
    pub(crate) chance: Option<f64>,
    pub(crate) gallery: Option<f64>,
}

impl With {
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

    /// All scores in the order in which they came.
    pub(crate) fn into_scores(self) -> Vec<Score> {
        self.scores
    }

    /// The score of that name.
    pub(crate) fn get(&self, id: &str) -> Option<&Score> {
        self.places.get(id).map(|&place| &self.scores[place])
    }

    /// Standard error of a score of that name.
    pub(crate) fn error(&self, id: &str) -> Option<f64> {
        self.errors.get(id).copied()
    }

    /// Adds a score; returns its name. A name that is there already keeps its first score.
    pub(crate) fn add(&mut self, score: Score) -> String {
        let id = score.id.clone();
        if !self.places.contains_key(&id) {
            self.places.insert(id.clone(), self.scores.len());
            self.scores.push(score);
        }
        id
    }

    /// Corrects the p-values of the scores of those names for their number, after Holm.
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

    /// A number without an interval.
    pub(crate) fn number(
        &mut self,
        id: &str,
        unit: Unit,
        value: f64,
        on: (usize, usize),
    ) -> String {
        self.add(Score::new(id, unit, value, on))
    }

    /// A mean over pairs; `values` has a number for each, not a number where it says nothing.
    pub(crate) fn mean(&mut self, id: &str, unit: Unit, values: &[f64], with: With) -> String {
        let sums = self.by_speaker(values);
        let spread = self.bootstrap.mean(&sums);
        self.of_sums(id, unit, sums, spread, 1.0, with)
    }

    /// A share of pairs, from numbers from 0 to 1, in per cent.
    pub(crate) fn share(&mut self, id: &str, values: &[f64], with: With) -> String {
        let sums = self.by_speaker(values);
        let spread = self.bootstrap.share(&sums);
        self.of_sums(id, Unit::Percent, sums, spread, 100.0, with)
    }

    /// Recall of searches within `k`, in per cent.
    pub(crate) fn recall(
        &mut self,
        id: &str,
        ranks: &[Option<Rank>],
        k: impl Fn(Rank) -> usize,
    ) -> String {
        let values = ranks.iter().map(|rank| rank.map_or(f64::NAN, |rank| rank.within(k(rank))));
        let chance = mean_of(ranks, |rank| rank.chance_within(k(rank)));
        let with = With { chance: Some(100.0 * chance), gallery: Some(gallery(ranks)) };
        self.share(id, &values.collect::<Vec<_>>(), with)
    }

    /// How often the right one is closest of `n`, in per cent.
    pub(crate) fn best_of(&mut self, id: &str, ranks: &[Option<Rank>], n: usize) -> String {
        let values =
            ranks.iter().map(|rank| rank.and_then(|rank| rank.best_of(n)).unwrap_or(f64::NAN));
        let enough: Vec<Option<Rank>> =
            ranks.iter().map(|rank| rank.filter(|rank| rank.gallery() >= n)).collect();
        let with = With { chance: Some(100.0 / n as f64), gallery: Some(gallery(&enough)) };
        self.share(id, &values.collect::<Vec<_>>(), with)
    }

    /// Median place of the right one.
    pub(crate) fn median_place(&mut self, id: &str, ranks: &[Option<Rank>]) -> String {
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
                // Half of them are below: the middle is between two places.
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
        let spread = self.bootstrap.spread_of(speakers, median);
        let score = Score {
            interval: spread.filter(|_| speakers > 1).map(|spread| spread.interval),
            chance: Some((gallery(ranks) + 1.0) / 2.0),
            gallery: Some(gallery(ranks)),
            ..Score::new(id, Unit::Rank, quantile(&values, 0.5), (values.len(), speakers))
        };
        self.add(score)
    }

    /// Pearson correlation over speakers, each with the mean of their pairs. The interval is by
    /// speaker too; p is Student's.
    pub(crate) fn correlation(&mut self, id: &str, x: &[f64], y: &[f64]) -> String {
        self.correlation_within(id, x, y, |_| Some(0))
    }

    /// The same within groups of speakers: of the differences from the group's mean.
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
        let spread = self.bootstrap.spread(&rows, pearson).filter(|_| value.is_finite());
        // A mean of each group was estimated beside.
        let free = (count + 1_usize).saturating_sub(means.len());
        // Draws of a few speakers vary too little.
        let [least, most] =
            if count < FEW { fisher_interval(value, free) } else { [f64::NAN, f64::NAN] };
        self.add(Score {
            // The smaller and the larger of two numbers is that of them which is a number.
            interval: spread
                .map(|Spread { interval: [low, high], .. }| [low.min(least), high.max(most)]),
            chance: Some(0.0),
            p: pearson_p(value, free),
            ..Score::new(id, Unit::Plain, value, (both.iter().filter(|both| **both).count(), count))
        })
    }

    /// Correlation over speakers where everybody has somebody else's `y`: the mean over many ways of
    /// giving them away, and where 95 % of these lie.
    pub(crate) fn random_correlation(
        &mut self,
        id: &str,
        x: &[f64],
        y: &[f64],
        seed: u64,
    ) -> String {
        const WAYS: u64 = 400;
        let [x, y] = [x, y].map(|values| self.by_speaker(values));
        let present: Vec<usize> =
            (0..x.len()).filter(|&s| x[s][1] > 0.0 && y[s][1] > 0.0).collect();
        let mean = |[sum, count]: [f64; 2]| sum / count;
        let everybody = vec![Some(0); present.len()];
        let mut found: Vec<f64> = (0..WAYS)
            .map(|way| {
                let mut sums: Moments = [0.0; 6];
                for (place, other) in
                    derange(&everybody, seed.wrapping_add(way)).into_iter().enumerate()
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

    /// A score that is any function of sums over pairs.
    pub(crate) fn function<const K: usize>(
        &mut self,
        id: &str,
        unit: Unit,
        numbers: impl Fn(usize) -> Option<[f64; K]>,
        score: impl Fn(&[f64; K]) -> f64 + Sync + Send,
        chance: Option<f64>,
    ) -> String {
        let mut sums = vec![[0.0; K]; self.items.speakers.len()];
        let mut total = [0.0; K];
        let mut counted = Vec::new();
        for (pair, item) in self.items.items.iter().enumerate() {
            let Some(numbers) = numbers(pair) else { continue };
            counted.push(item.speaker);
            let add = |sum: &mut [f64; K]| sum.iter_mut().zip(numbers).for_each(|(s, x)| *s += x);
            add(&mut sums[item.speaker]);
            add(&mut total);
        }
        let value = score(&total);
        let spread = self.bootstrap.spread(&sums, score).filter(|_| value.is_finite());
        if let Some(spread) = spread {
            self.errors.insert(id.to_owned(), spread.error);
        }
        let speakers = self.speakers_of(&counted);
        self.add(Score {
            interval: spread.map(|spread| spread.interval),
            chance,
            ..Score::new(id, unit, value, (counted.len(), speakers))
        })
    }

    /// Each speaker's sum and number of values.
    pub(crate) fn by_speaker(&self, values: &[f64]) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.items.speakers.len()];
        for (item, value) in self.items.items.iter().zip(values) {
            if value.is_finite() {
                sums[item.speaker][0] += value;
                sums[item.speaker][1] += 1.0;
            }
        }
        sums
    }

    fn of_sums(
        &mut self,
        id: &str,
        unit: Unit,
        sums: Vec<[f64; 2]>,
        spread: Option<Spread>,
        scale: f64,
        with: With,
    ) -> String {
        let [sum, count] = sums.iter().fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
        if let Some(spread) = spread {
            self.errors.insert(id.to_owned(), scale * spread.error);
        }
        let score = Score {
            interval: spread.map(|spread| spread.interval.map(|bound| scale * bound)),
            chance: with.chance.filter(|chance| chance.is_finite()),
            gallery: with.gallery.filter(|gallery| gallery.is_finite()),
            ..Score::new(
                id,
                unit,
                if count > 0.0 { scale * sum / count } else { f64::NAN },
                (count as usize, sums.iter().filter(|[_, count]| *count > 0.0).count()),
            )
        };
        let scaled = sums.into_iter().map(|[sum, count]| (scale * sum, count));
        self.sums.insert(id.to_owned(), scaled.collect());
        self.add(score)
    }

    fn speakers_of(&self, counted: &[usize]) -> usize {
        let mut seen = vec![false; self.items.speakers.len()];
        counted.iter().for_each(|&speaker| seen[speaker] = true);
        seen.into_iter().filter(|&seen| seen).count()
    }
}

/// A name from the data as a part of a score's name, which `/` divides.
pub(crate) fn id_part(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
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

/// So many per cent of a gallery, in whole items, at least one.
pub(crate) fn per_cent(percent: usize) -> impl Fn(Rank) -> usize {
    move |rank| (percent * rank.gallery()).div_ceil(100).max(1)
}
