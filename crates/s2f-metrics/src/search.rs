//! Exact search: every probe against every item of a gallery, in blocks, on all processor cores.
//!
//! Inner products come from blocked matrix multiplication. All of cosine, cosine relative to the
//! mean face and Euclidean distance follow from the product of the centred vectors, a' = a - c:
//! a·b = a'·b' + a'·c + b'·c + c·c, and ‖a - b‖² = ‖a'‖² + ‖b'‖² - 2 a'·b', which loses fewer digits
//! than the same without centring. The gallery is read block by block, so that memory does not grow
//! with it.

mod city_block;
mod side;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;

use rayon::prelude::*;

use crate::rank::Rank;
use crate::vectors::Vectors;
use side::Side;

/// Items of the gallery that are compared at a time.
const BLOCK: usize = 1024;
/// Probes that are compared at a time: with a block of the gallery, some 16 MB of distances.
const PROBES: usize = 1024;
/// Probes whose own items are compared at a time.
const OWN: usize = 64;
/// Items that are looked at at once.
const SOME: usize = 32;

/// How near a face is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Angle between them, as in the paper.
    Cosine,
    /// Angle between them as seen from the mean face: the mean face is most of every feature, and
    /// what tells people apart is the rest.
    Relative,
    /// Euclidean distance.
    L2,
    /// Sum of absolute differences.
    L1,
}

impl Distance {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Relative, Self::Cosine, Self::L2, Self::L1];

    /// Its name in scores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Relative => "relative",
            Self::L2 => "l2",
            Self::L1 => "l1",
        }
    }

    /// Its name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Relative => "cosine relative to the mean face",
            Self::L2 => "L2",
            Self::L1 => "L1",
        }
    }
}

/// Restricts a search to items that share something with the probe, such as the speaker's sex.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// Group of each probe; one without a group finds nothing.
    pub probes: &'a [Option<u32>],
    /// Group of each item of the gallery.
    pub gallery: &'a [Option<u32>],
}

/// Ranks of each probe's own item: `[distance][1 + filter][probe]`, the whole gallery first.
///
/// `own` is the number of each probe's own item in the gallery. `centre` is the mean face. A probe
/// that a filter has no group for has no others there.
pub fn ranks(
    probes: &Vectors,
    gallery: &Vectors,
    own: &[usize],
    centre: &[f32],
    distances: &[Distance],
    filters: &[Filter<'_>],
) -> Vec<Vec<Vec<Rank>>> {
    let thresholds = own_nearness(probes, gallery, own, centre, distances);
    // For each distance `[probes, 1 + filters]`.
    let width = 1 + filters.len();
    let mut before = vec![Rank::default(); probes.len() * width];
    for (place, filter) in std::iter::once(None).chain(filters.iter().map(Some)).enumerate() {
        let others = others(gallery.len(), own, filter);
        let ranks = before.iter_mut().skip(place).step_by(width);
        ranks.zip(others).for_each(|(rank, others)| rank.others = others);
    }
    let mut found = vec![before; distances.len()];
    let visit = |first_probe: usize, first_item: usize, nearness: &[Vec<f32>], items: usize| {
        for ((found, nearness), thresholds) in found.iter_mut().zip(nearness).zip(&thresholds) {
            let ranks = found[first_probe * width..].par_chunks_exact_mut(width);
            let rows = nearness.par_chunks_exact(items).enumerate();
            ranks.zip(rows).for_each(|(ranks, (row, nearness))| {
                let probe = first_probe + row;
                let own = own[probe].wrapping_sub(first_item);
                let range = thresholds[probe];
                count(&mut ranks[0], nearness, own, range, |_| true);
                for (rank, filter) in ranks[1..].iter_mut().zip(filters) {
                    let group = filter.probes[probe];
                    let items = &filter.gallery[first_item..][..items];
                    if group.is_some() {
                        count(rank, nearness, own, range, |item| items[item] == group);
                    }
                }
            });
        }
    };
    match compare(probes, chunks(gallery, BLOCK).map(Ok::<_, Infallible>), centre, distances, visit)
    {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let of = |found: &Vec<Rank>, filter: usize| {
        found.iter().skip(filter).step_by(width).copied().collect()
    };
    found.iter().map(|found| (0..width).map(|filter| of(found, filter)).collect()).collect()
}

/// An item that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number in the gallery.
    pub item: usize,
    /// How near it is, larger is nearer: a cosine, or minus a distance (squared for L2).
    pub nearness: f32,
}

/// The `k` nearest items of each probe, nearest first; of equal ones the first. The gallery comes
/// in blocks of any size, from memory or from disk; small ones take longer.
///
/// # Errors
/// The first that reading the gallery gives.
pub fn nearest<E>(
    probes: &Vectors,
    gallery: impl Iterator<Item = Result<Vectors, E>>,
    k: usize,
    centre: &[f32],
    distance: Distance,
) -> Result<Vec<Vec<Hit>>, E> {
    let mut found: Vec<Vec<Hit>> = vec![Vec::with_capacity(k + 1); probes.len()];
    // What an item has to be nearer than.
    let bar = |hits: &[Hit]| match hits.last() {
        Some(last) if hits.len() == k => last.nearness,
        _ if k == 0 => f32::INFINITY,
        _ => f32::NEG_INFINITY,
    };
    let visit = |first_probe: usize, first_item: usize, nearness: &[Vec<f32>], items: usize| {
        let rows = nearness[0].par_chunks_exact(items);
        found[first_probe..].par_iter_mut().zip(rows).for_each(|(hits, row)| {
            let mut least = bar(hits);
            for (some, first) in row.chunks(SOME).zip((first_item..).step_by(SOME)) {
                // Nearly all are too far, which is seen of several at once.
                if !some.iter().fold(false, |any, &nearness| any | (nearness > least)) {
                    continue;
                }
                for (item, &nearness) in (first..).zip(some) {
                    if nearness > least {
                        let at = hits.partition_point(|hit| hit.nearness >= nearness);
                        hits.insert(at, Hit { item, nearness });
                        hits.truncate(k);
                        least = bar(hits);
                    }
                }
            }
        });
    };
    compare(probes, gallery, centre, &[distance], visit)?;
    Ok(found)
}

/// How many items each probe is compared with beside its own.
fn others(items: usize, own: &[usize], filter: Option<&Filter<'_>>) -> Vec<u32> {
    let Some(Filter { probes, gallery }) = filter else {
        return vec![items.saturating_sub(1) as u32; own.len()];
    };
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    gallery.iter().flatten().for_each(|&group| *sizes.entry(group).or_default() += 1);
    let others = |(group, &own): (&Option<u32>, &usize)| {
        let size = group.and_then(|group| sizes.get(&group)).copied().unwrap_or(0);
        // The own item is in the probe's group, but for those who do not care.
        size - u32::from(size > 0 && gallery[own] == *group)
    };
    probes.iter().zip(own).map(others).collect()
}

/// Adds to a rank the items of a block that are members: those nearer than the range of the probe's
/// own one, and those within it.
fn count(
    rank: &mut Rank,
    nearness: &[f32],
    own: usize,
    [low, high]: [f32; 2],
    is_member: impl Fn(usize) -> bool,
) {
    let (mut closer, mut farther, mut members) = (0, 0, 0);
    for (item, &near) in nearness.iter().enumerate() {
        // No branches: half of them would be foretold wrongly.
        let counts = u32::from(is_member(item) & (item != own));
        closer += counts & u32::from(near > high);
        farther += counts & u32::from(near < low);
        members += counts;
    }
    rank.closer += closer;
    rank.ties += members - closer - farther;
}

/// For each distance and probe the range of nearness that counts as that of its own item: computed
/// in the same way as all others, and as wide as single precision is uncertain.
fn own_nearness(
    probes: &Vectors,
    gallery: &Vectors,
    own: &[usize],
    centre: &[f32],
    distances: &[Distance],
) -> Vec<Vec<[f32; 2]>> {
    let mut thresholds = vec![Vec::with_capacity(probes.len()); distances.len()];
    let numbers: Vec<usize> = (0..probes.len()).collect();
    for rows in numbers.chunks(OWN) {
        let some = probes.select(rows);
        let items: Vec<usize> = rows.iter().map(|&row| own[row]).collect();
        let items = gallery.select(&items);
        let visit = |_: usize, _: usize, nearness: &[Vec<f32>], count: usize| {
            for (thresholds, nearness) in thresholds.iter_mut().zip(nearness) {
                let own = nearness.iter().step_by(count + 1);
                thresholds.extend(own.map(|&near| [near, near]));
            }
        };
        let all = std::iter::once(Ok::<_, Infallible>(items.clone()));
        match compare(&some, all, centre, distances, visit) {
            Ok(()) => {}
            Err(never) => match never {},
        }
        for (thresholds, distance) in thresholds.iter_mut().zip(distances) {
            let begin = rows[0];
            for (place, range) in thresholds[begin..].iter_mut().enumerate() {
                let error =
                    uncertainty(*distance, some.row(place), items.row(place), centre, range[0]);
                *range = [range[0] - error, range[0] + error];
            }
        }
    }
    thresholds
}

/// How far a nearness in single precision may be off: rounding errors of sums of D numbers grow
/// with the root of D.
fn uncertainty(distance: Distance, probe: &[f32], own: &[f32], centre: &[f32], near: f32) -> f32 {
    let unit = f32::EPSILON * (probe.len() as f32).sqrt();
    match distance {
        Distance::Cosine | Distance::Relative => unit,
        Distance::L1 => unit * near.abs(),
        Distance::L2 => {
            let square =
                |row: &[f32]| row.iter().zip(centre).map(|(x, c)| (x - c) * (x - c)).sum::<f32>();
            unit * (square(probe) + square(own))
        }
    }
}

/// Goes through all pairs of a probe and an item block by block and calls `visit` with the number
/// of the first probe, of the first item, for each distance the nearness `[probes, items]`, and the
/// number of items.
fn compare<E>(
    probes: &Vectors,
    gallery: impl Iterator<Item = Result<Vectors, E>>,
    centre: &[f32],
    distances: &[Distance],
    mut visit: impl FnMut(usize, usize, &[Vec<f32>], usize),
) -> Result<(), E> {
    let probes: Vec<Side> =
        chunks(probes, PROBES).map(|rows| Side::new(rows, centre, distances)).collect();
    let mut nearness = vec![Vec::new(); distances.len()];
    let mut first_item = 0;
    for block in gallery {
        let block = block?;
        let whole = block.len() <= BLOCK;
        let blocks = if whole { vec![block] } else { chunks(&block, BLOCK).collect() };
        for block in blocks.into_iter().filter(|block| !block.is_empty()) {
            let items = Side::new(block, centre, distances);
            let mut first_probe = 0;
            for side in &probes {
                let products = side.products(&items);
                // Single precision, as the features are.
                let products = products.as_ref().and_then(|data| data.as_slice().ok());
                for (nearness, &distance) in nearness.iter_mut().zip(distances) {
                    side.nearness(&items, products.unwrap_or(&[]), distance, centre, nearness);
                }
                visit(first_probe, first_item, &nearness, items.count);
                first_probe += side.count;
            }
            first_item += items.count;
        }
    }
    Ok(())
}

/// The rows, `most` at a time.
fn chunks(vectors: &Vectors, most: usize) -> impl Iterator<Item = Vectors> {
    let dimension = vectors.dimension();
    let chunks = vectors.values().chunks((most * dimension).max(1));
    chunks.map(move |values| Vectors::new(values.to_vec(), dimension))
}
