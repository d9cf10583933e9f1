//! Exact search: every probe against every item of a gallery, on all cores of the CPU.
//!
//! Probes and gallery are rows of the same dimension D. Both are compared block by block, so memory
//! does not grow with the gallery, which may also come from disk.
//!
//! Inner products come from matrix multiplication. Cosine, cosine relative to the mean face c and
//! Euclidean distance all follow from the product of the centred vectors, a' = a - c:
//! a·b = a'·b' + a'·c + b'·c + c·c, and ‖a - b‖² = ‖a'‖² + ‖b'‖² - 2 a'·b'. Without centring, the
//! same formulas would lose more digits.
//!
//! All of it is on the CPU, wherever the model is: features are few against the products.

mod city_block;
mod side;

use std::collections::BTreeMap;
use std::convert::Infallible;

use rayon::prelude::*;
use side::Side;

use crate::rank::Rank;
use crate::vectors::Vectors;

/// Items of the gallery in a block: with 256 dimensions, 512 KiB.
const BLOCK: usize = 512;
/// Probes in a block: 512 · 256 distances of 4 bytes are 512 KiB for each kind of distance, and
/// stay in the cache.
const PROBES: usize = 256;
/// Probes that are compared with their own items at a time.
const OWN: usize = 64;
/// Number of items whose distances are tested together.
const GLANCE: usize = 32;

/// Kind of distance between two faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Cosine of the angle between them, as in the paper.
    Cosine,
    /// Cosine of the angle between their differences from the mean face. The mean face dominates
    /// every feature; the difference is what distinguishes people.
    Relative,
    /// Euclidean distance.
    L2,
    /// Sum of absolute differences.
    L1,
}

impl Distance {
    /// All kinds, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Relative, Self::Cosine, Self::L2, Self::L1];

    /// Name in the ids of scores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Relative => "relative",
            Self::L2 => "l2",
            Self::L1 => "l1",
        }
    }

    /// Name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Relative => "cosine relative to the mean face",
            Self::L2 => "L2",
            Self::L1 => "L1",
        }
    }
}

/// Restricts a search to items in the group of the probe, such as people of one sex.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// Group of each probe; a probe without a group is not searched for.
    pub probes: &'a [Option<u32>],
    /// Group of each item of the gallery.
    pub gallery: &'a [Option<u32>],
}

/// Rank of each probe's own item, `[distance][1 + filter][probe]`; index 0 of the second axis is
/// the search in the whole gallery.
///
/// `own` has the index of each probe's own item in the gallery, `centre` is the mean face, `[D]`.
/// If a filter has no group for a probe, the [`Rank`] of that probe has no others.
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

/// An item among the nearest ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Index in the gallery.
    pub item: usize,
    /// Larger is nearer: a cosine (-1 to 1), or minus the distance (squared for L2).
    pub nearness: f32,
}

/// The `k` nearest items of each probe, nearest first; of equally near ones, those that come first.
///
/// The gallery comes in blocks of any number of rows, from memory or from disk; small blocks are
/// slower.
///
/// # Errors
/// The first error of the gallery's iterator.
pub fn nearest<E>(
    probes: &Vectors,
    gallery: impl Iterator<Item = Result<Vectors, E>>,
    k: usize,
    centre: &[f32],
    distance: Distance,
) -> Result<Vec<Vec<Hit>>, E> {
    let mut found: Vec<Vec<Hit>> = vec![Vec::with_capacity(k + 1); probes.len()];
    // An item has to be nearer than this to be kept.
    let threshold = |hits: &[Hit]| match hits.last() {
        Some(last) if hits.len() == k => last.nearness,
        _ if k == 0 => f32::INFINITY,
        _ => f32::NEG_INFINITY,
    };
    let visit = |first_probe: usize, first_item: usize, nearness: &[Vec<f32>], items: usize| {
        let rows = nearness[0].par_chunks_exact(items);
        found[first_probe..].par_iter_mut().zip(rows).for_each(|(hits, row)| {
            let mut least = threshold(hits);
            for (some, first) in row.chunks(GLANCE).zip((first_item..).step_by(GLANCE)) {
                // Nearly all are too far; testing several at once is vectorised.
                if !some.iter().fold(false, |any, &nearness| any | (nearness > least)) {
                    continue;
                }
                for (item, &nearness) in (first..).zip(some) {
                    if nearness > least {
                        let at = hits.partition_point(|hit| hit.nearness >= nearness);
                        hits.insert(at, Hit { item, nearness });
                        hits.truncate(k);
                        least = threshold(hits);
                    }
                }
            }
        });
    };
    compare(probes, gallery, centre, &[distance], visit)?;
    Ok(found)
}

/// Number of items that each probe is compared with, without its own.
fn others(items: usize, own: &[usize], filter: Option<&Filter<'_>>) -> Vec<u32> {
    let Some(Filter { probes, gallery }) = filter else {
        return vec![items.saturating_sub(1) as u32; own.len()];
    };
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    gallery.iter().flatten().for_each(|&group| *sizes.entry(group).or_default() += 1);
    let others = |(group, &own): (&Option<u32>, &usize)| {
        let size = group.and_then(|group| sizes.get(&group)).copied().unwrap_or(0);
        // The own item is usually in the probe's group, but nothing enforces it.
        size - u32::from(size > 0 && gallery[own] == *group)
    };
    probes.iter().zip(own).map(others).collect()
}

/// Adds the members of a block to a rank: those nearer than the range in which the probe's own item
/// is, and those within it.
fn count(
    rank: &mut Rank,
    nearness: &[f32],
    own: usize,
    [low, high]: [f32; 2],
    is_member: impl Fn(usize) -> bool,
) {
    let (mut closer, mut farther, mut members) = (0, 0, 0);
    for (item, &near) in nearness.iter().enumerate() {
        // Without branches: half of them would be mispredicted.
        let counts = u32::from(is_member(item) & (item != own));
        closer += counts & u32::from(near > high);
        farther += counts & u32::from(near < low);
        members += counts;
    }
    rank.closer += closer;
    rank.ties += members - closer - farther;
}

/// For each distance and probe, the range of nearness that counts as equal to that of its own item:
/// computed like all others, plus and minus the rounding error of single precision.
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
                    rounding_error(*distance, some.row(place), items.row(place), centre, range[0]);
                *range = [range[0] - error, range[0] + error];
            }
        }
    }
    thresholds
}

/// Rounding error of a nearness in single precision: errors of sums of D values grow with √D.
fn rounding_error(
    distance: Distance,
    probe: &[f32],
    own: &[f32],
    centre: &[f32],
    near: f32,
) -> f32 {
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

/// Compares all probes with all items, block by block, and calls `visit` with the index of the
/// first probe and of the first item of the block, the nearness `[probes, items]` for each
/// distance, and the number of items.
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
    let (mut products, mut first_item) = (Vec::new(), 0);
    for block in gallery {
        let block = block?;
        // One after the other, so that they use the same memory.
        for block in chunks(&block, BLOCK).filter(|block| !block.is_empty()) {
            let items = Side::new(block, centre, distances);
            let packed = items.packed();
            let mut first_probe = 0;
            for side in &probes {
                // Single precision, as the features are.
                if let Some(packed) = &packed {
                    side.products(packed, items.count, &mut products);
                }
                for (nearness, &distance) in nearness.iter_mut().zip(distances) {
                    side.nearness(&items, &products, distance, centre, nearness);
                }
                visit(first_probe, first_item, &nearness, items.count);
                first_probe += side.count;
            }
            first_item += items.count;
        }
    }
    Ok(())
}

/// The rows in blocks of `rows`.
fn chunks(vectors: &Vectors, rows: usize) -> impl Iterator<Item = Vectors> {
    let dimension = vectors.dimension();
    let chunks = vectors.values().chunks((rows * dimension).max(1));
    chunks.map(move |values| Vectors::new(values.to_vec(), dimension))
}
