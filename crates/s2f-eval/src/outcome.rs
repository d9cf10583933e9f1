//! Distances and searches for all pairs: the raw results that scores are computed from.

use s2f_metrics::{Distance, Filter, Rank, Vectors, angle_degrees, dot, ranks};

use crate::groups::Control;
use crate::items::Items;
use crate::report::Unit;

/// Ranks of searches, one per pair; `None` if a pair took no part.
#[derive(Debug, Clone)]
pub(crate) struct Searches {
    /// `[distance][1 + control][pair]`: everybody first, then in the order of [`Control::ALL`].
    ranks: Vec<Vec<Vec<Option<Rank>>>>,
    distances: Vec<Distance>,
}

impl Searches {
    /// Ranks among everybody.
    pub(crate) fn all(&self, distance: Distance) -> &[Option<Rank>] {
        self.of(distance, 0)
    }

    /// Ranks among those who share the control with the pair.
    pub(crate) fn among(&self, distance: Distance, control: Control) -> &[Option<Rank>] {
        let place = Control::ALL.iter().position(|&other| other == control).unwrap_or(0);
        self.of(distance, 1 + place)
    }

    fn of(&self, distance: Distance, group: usize) -> &[Option<Rank>] {
        let place = self.distances.iter().position(|&other| other == distance);
        place.map_or(&[], |place| &self.ranks[place][group])
    }
}

/// Searches with `probes` (`[pairs, D]`; NaN for pairs that are left out) for the pair's own row
/// among `targets` (`[pairs, D]`). A gallery has one target of each speaker. Every pair is a probe
/// once; the number of rounds is the number of pairs of a speaker.
pub(crate) fn search(
    items: &Items,
    probes: &Vectors,
    targets: &Vectors,
    centre: &[f32],
    distances: &[Distance],
) -> Searches {
    let groups: Vec<Vec<Option<u32>>> =
        Control::ALL.iter().map(|&control| items.groups(control)).collect();
    let mut found = vec![vec![vec![None; items.len()]; 1 + groups.len()]; distances.len()];
    for round in 0..items.rounds() {
        let gallery = items.gallery(round);
        let takes_part = |&pair: &usize| {
            items.items[pair].round == round && probes.row(pair).iter().all(|x| x.is_finite())
        };
        let pairs: Vec<usize> = gallery.iter().copied().filter(takes_part).collect();
        let own: Vec<usize> = pairs.iter().map(|&pair| items.items[pair].speaker).collect();
        let of = |pairs: &[usize], groups: &[Option<u32>]| -> Vec<Option<u32>> {
            pairs.iter().map(|&pair| groups[pair]).collect()
        };
        let sides: Vec<_> =
            groups.iter().map(|groups| (of(&pairs, groups), of(&gallery, groups))).collect();
        let filters: Vec<Filter<'_>> =
            sides.iter().map(|(probes, gallery)| Filter { probes, gallery }).collect();
        let ranks = ranks(
            &probes.select(&pairs),
            &targets.select(&gallery),
            &own,
            centre,
            distances,
            &filters,
        );
        for (found, ranks) in found.iter_mut().flatten().zip(ranks.into_iter().flatten()) {
            for (&pair, rank) in pairs.iter().zip(ranks) {
                // Without others there is nothing to search.
                found[pair] = Some(rank).filter(|rank| rank.others > 0);
            }
        }
    }
    Searches { ranks: found, distances: distances.to_vec() }
}

/// Distance between two features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    Degrees,
    RelativeDegrees,
    L2,
    L1,
}

impl Gap {
    pub(crate) const ALL: [Self; 4] = [Self::Degrees, Self::RelativeDegrees, Self::L2, Self::L1];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Degrees => "degrees",
            Self::RelativeDegrees => "relative-degrees",
            Self::L2 => "l2",
            Self::L1 => "l1",
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Degrees | Self::RelativeDegrees => Unit::Degrees,
            Self::L2 | Self::L1 => Unit::Plain,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Degrees => "angle",
            Self::RelativeDegrees => "angle relative to the mean face",
            Self::L2 => "L2",
            Self::L1 => "L1",
        }
    }

    /// Between two features; not a number if one of them has values that are not.
    pub(crate) fn between(self, a: &[f32], b: &[f32], centre: &[f32]) -> f64 {
        if a.iter().chain(b).any(|x| !x.is_finite()) {
            return f64::NAN;
        }
        let minus = |row: &[f32], other: &[f32]| -> Vec<f32> {
            row.iter().zip(other).map(|(x, y)| x - y).collect()
        };
        match self {
            Self::Degrees => angle_degrees(a, b),
            Self::RelativeDegrees => angle_degrees(&minus(a, centre), &minus(b, centre)),
            Self::L2 => {
                let difference = minus(a, b);
                dot(&difference, &difference).sqrt()
            }
            Self::L1 => minus(a, b).iter().map(|x| f64::from(x.abs())).sum(),
        }
    }

    /// Between each row of `a` and the row of `b` at `other`.
    pub(crate) fn of_pairs(
        self,
        a: &Vectors,
        b: &Vectors,
        centre: &[f32],
        other: impl Fn(usize) -> Option<usize>,
    ) -> Vec<f64> {
        let gap = |pair: usize| match other(pair) {
            Some(other) => self.between(a.row(pair), b.row(other), centre),
            None => f64::NAN,
        };
        (0..a.len()).map(gap).collect()
    }
}
