//! Correlations over speakers.

use std::collections::BTreeMap;

use s2f_metrics::{Moments, Uncertainty, derange, fisher, moments, pearson, pearson_p, quantile};

use super::{MIN_SPEAKERS, Scorer};
use crate::report::{Score, Unit};

impl Scorer<'_> {
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
}
