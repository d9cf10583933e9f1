//! Means over pairs, shares of pairs and balanced accuracy.

use std::collections::BTreeMap;

use s2f_metrics::{SumAndCount, Uncertainty};

use super::{Baseline, Scorer};
use crate::report::{Score, Unit};

impl Scorer<'_> {
    /// A mean over pairs. `values` has one value per pair; values that are not finite are left out.
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

    /// Balanced accuracy: the mean over classes of the share of right pairs, in per cent. `class`
    /// has the true class of each pair, `right` a value from 0 to 1 for each; pairs without
    /// one of the two are left out, and so are classes without pairs. NaN for fewer than two
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
}

/// Sum over speakers.
fn total(sums: &[SumAndCount]) -> SumAndCount {
    sums.iter().fold([0.0; 2], |[a, b], [sum, count]| [a + sum, b + count])
}
