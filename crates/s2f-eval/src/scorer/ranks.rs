//! Scores of searches, from the rank of the right item in each.

use s2f_metrics::{Rank, quantile};

use super::{Baseline, Scorer};
use crate::report::{Score, Unit};

impl Scorer<'_> {
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
}

/// Mean over searches.
fn mean_of(ranks: &[Option<Rank>], number: impl Fn(Rank) -> f64) -> f64 {
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
