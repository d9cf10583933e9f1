//! Sums of absolute differences (L1) of all pairs of rows. They are not a matrix product, so
//! this is a separate loop, over SIMD vectors of the processor's width.

use rayon::prelude::*;
use rten_simd::ops::{BitOps, FloatOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::vectors::Vectors;

/// Probes and items that are compared at once: their sums and one vector of each row fit in
/// registers.
const PROBES: usize = 4;
const ITEMS: usize = 4;
/// Values of a row that are summed at a time, so that the rows of a tile stay in the L1 cache; a
/// multiple of every SIMD width.
const DEPTH: usize = 512;
/// Items of a tile: 128 · 512 values of 4 bytes are 256 KiB, half of a usual L2 cache.
const TILE: usize = 128;

/// Minus the sums of absolute differences, `[probes, items]`, into `nearness`.
pub(super) fn city_block(probes: &Vectors, items: &Vectors, nearness: &mut [f32]) {
    let count = items.len();
    nearness.par_chunks_mut(PROBES * count).enumerate().for_each(|(chunk, nearness)| {
        let first = chunk * PROBES;
        // The last probe is repeated to fill a chunk; results of the repetition are not kept.
        let rows = std::array::from_fn(|row| probes.row((first + row).min(probes.len() - 1)));
        Tile { probes: rows, items, nearness }.dispatch();
    });
}

struct Tile<'a> {
    probes: [&'a [f32]; PROBES],
    items: &'a Vectors,
    /// `[up to PROBES, items]`
    nearness: &'a mut [f32],
}

impl SimdOp for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { probes, items, nearness } = self;
        let ops = isa.f32();
        let lanes = ops.len();
        let (count, dimension) = (items.len(), items.dimension());
        nearness.fill(0.0);
        for tile in (0..count).step_by(TILE) {
            let end = count.min(tile + TILE);
            for from in (0..dimension).step_by(DEPTH) {
                let depth = DEPTH.min(dimension - from);
                let whole = depth / lanes * lanes;
                let probes = probes.map(|row| &row[from..][..depth]);
                for first in (tile..end).step_by(ITEMS) {
                    let rows: [&[f32]; ITEMS] = std::array::from_fn(|item| {
                        &items.row((first + item).min(count - 1))[from..][..depth]
                    });
                    let mut sums = [[ops.zero(); ITEMS]; PROBES];
                    for at in (0..whole).step_by(lanes) {
                        let mut values = [ops.zero(); ITEMS];
                        for (value, row) in values.iter_mut().zip(&rows) {
                            *value = ops.load(&row[at..][..lanes]);
                        }
                        for probe in 0..PROBES {
                            let value = ops.load(&probes[probe][at..][..lanes]);
                            for item in 0..ITEMS {
                                let difference = ops.abs(ops.sub(value, values[item]));
                                sums[probe][item] = ops.add(sums[probe][item], difference);
                            }
                        }
                    }
                    for (probe, nearness) in nearness.chunks_exact_mut(count).enumerate() {
                        for item in 0..ITEMS.min(end - first) {
                            let rest = probes[probe][whole..].iter().zip(&rows[item][whole..]);
                            let rest: f32 = rest.map(|(a, b)| (a - b).abs()).sum();
                            nearness[first + item] -= ops.sum(sums[probe][item]) + rest;
                        }
                    }
                }
            }
        }
    }
}
