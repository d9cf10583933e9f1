//! One side of a comparison: a block of probes or of items, on the CPU, and the nearness of two
//! blocks.

use rayon::prelude::*;
use s2f_kernels::inner::Packed;
use s2f_kernels::isa::Isa;

use super::Distance;
use super::city_block::city_block;
use crate::vectors::{Vectors, dot};

/// Probes or items `[rows, D]`, and what each distance needs besides the inner products.
pub(super) struct Side {
    pub(super) count: usize,
    /// The rows themselves, for L1.
    rows: Vectors,
    /// a' = a - c `[rows, D]`, for all other distances.
    centred: Vec<f32>,
    dimension: usize,
    /// a'·a', for L2.
    squares: Vec<f32>,
    /// 1 / ‖a'‖ (0 for the mean face itself), for relative cosines.
    relative: Vec<f32>,
    /// a'·c, for cosines.
    along: Vec<f32>,
    /// 1 / ‖a‖ (0 for the zero vector), for cosines.
    lengths: Vec<f32>,
}

impl Side {
    pub(super) fn new(vectors: Vectors, centre: &[f32], distances: &[Distance]) -> Self {
        let wanted = |distance: Distance| distances.contains(&distance);
        let (count, dimension) = (vectors.len(), vectors.dimension());
        let rows = if wanted(Distance::L1) { vectors.clone() } else { Vectors::default() };
        let mut side = Self {
            count,
            rows,
            centred: Vec::new(),
            dimension,
            squares: Vec::new(),
            relative: Vec::new(),
            along: Vec::new(),
            lengths: Vec::new(),
        };
        if distances.iter().all(|&distance| distance == Distance::L1) {
            return side;
        }
        let mut values = vectors.into_values();
        let of = |value: &(dyn Fn(&[f32]) -> f64 + Sync), values: &[f32]| -> Vec<f32> {
            values.par_chunks_exact(dimension).map(|row| value(row) as f32).collect()
        };
        let inverse = |row: &[f32]| {
            let square = dot(row, row);
            if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 }
        };
        if wanted(Distance::Cosine) {
            side.lengths = of(&inverse, &values);
        }
        values
            .par_chunks_exact_mut(dimension)
            .for_each(|row| row.iter_mut().zip(centre).for_each(|(x, c)| *x -= c));
        if wanted(Distance::Cosine) {
            side.along = of(&|row| dot(row, centre), &values);
        }
        if wanted(Distance::Relative) {
            side.relative = of(&inverse, &values);
        }
        if wanted(Distance::L2) {
            side.squares = of(&|row| dot(row, row), &values);
        }
        side.centred = values;
        side
    }

    /// The rows a' of items, to multiply probes with; `None` if there are none.
    pub(super) fn packed(&self) -> Option<Packed> {
        let has_rows = !self.centred.is_empty() && self.dimension > 0;
        has_rows.then(|| Packed::new(Isa::best(), &self.centred, self.dimension))
    }

    /// a'·b' of all probes (`self`) and all items, `[probes, items]`.
    pub(super) fn products(&self, items: &Packed, count: usize, products: &mut Vec<f32>) {
        products.resize(self.count * count, 0.0);
        items.products(Isa::best(), &self.centred, products);
    }

    /// Nearness of all probes (`self`) to all items, `[probes, items]`; larger is nearer.
    pub(super) fn nearness(
        &self,
        items: &Self,
        products: &[f32],
        distance: Distance,
        centre: &[f32],
        nearness: &mut Vec<f32>,
    ) {
        let count = items.count;
        nearness.resize(self.count * count, 0.0);
        let rows = nearness.par_chunks_exact_mut(count).enumerate();
        let products = |probe: usize| &products[probe * count..][..count];
        match distance {
            Distance::L1 => city_block(&self.rows, &items.rows, nearness),
            Distance::Relative => rows.for_each(|(probe, row)| {
                let scale = self.relative[probe];
                let items = products(probe).iter().zip(&items.relative);
                row.iter_mut().zip(items).for_each(|(near, (ab, b))| *near = ab * scale * b);
            }),
            Distance::L2 => rows.for_each(|(probe, row)| {
                let square = self.squares[probe];
                let items = products(probe).iter().zip(&items.squares);
                row.iter_mut()
                    .zip(items)
                    .for_each(|(near, (ab, bb))| *near = 2.0 * ab - square - bb);
            }),
            Distance::Cosine => {
                let square = dot(centre, centre) as f32;
                rows.for_each(|(probe, row)| {
                    let (add, scale) = (self.along[probe] + square, self.lengths[probe]);
                    let items = products(probe).iter().zip(items.along.iter().zip(&items.lengths));
                    row.iter_mut()
                        .zip(items)
                        .for_each(|(near, (ab, (bc, b)))| *near = (ab + add + bc) * scale * b);
                });
            }
        }
    }
}
