//! Products of a few rows with a packed matrix.

use super::PANEL;
use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, Right, Store};
use crate::vector::Vector;

/// A matrix `[inputs, columns]` as `[columns / 32, inputs, 32]`.
#[derive(Debug)]
pub(super) struct Panels {
    values: Vec<f32>,
    inputs: usize,
}

impl Panels {
    /// The number of columns is a multiple of [`PANEL`].
    pub(super) fn new(matrix: &[f32], inputs: usize) -> Self {
        let columns = matrix.len() / inputs;
        let panel =
            |first: usize| matrix.chunks_exact(columns).flat_map(move |row| &row[first..][..PANEL]);
        Self { values: (0..columns).step_by(PANEL).flat_map(panel).copied().collect(), inputs }
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Adds products to `sums`, `[frames, rows, columns]`; `tiles` is `[frames, inputs, rows]`.
    pub(super) fn add_product(&self, isa: Isa, tiles: &[f32], sums: &mut [f32], rows: usize) {
        isa.run(Product { panels: self, tiles, sums, rows });
    }
}

struct Product<'a> {
    panels: &'a Panels,
    tiles: &'a [f32],
    sums: &'a mut [f32],
    rows: usize,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { panels: Panels { values, inputs }, tiles, sums, rows } = self;
        let columns = values.len() / inputs;
        let step = product::PANEL * V::LANES;
        assert!(PANEL.is_multiple_of(step) && columns.is_multiple_of(PANEL));
        for (place, panel) in values.chunks_exact(inputs * PANEL).enumerate() {
            let frames = sums.chunks_exact_mut(rows * columns);
            for (sums, tile) in frames.zip(tiles.chunks_exact(inputs * rows)) {
                let left = Left {
                    start: tile.as_ptr(),
                    row: 1,
                    segments: 1,
                    segment: 0,
                    depth: *inputs,
                    step: rows,
                };
                for at in (0..PANEL).step_by(step) {
                    let column = place * PANEL + at;
                    // SAFETY: a tile has `inputs` values of `rows` rows, a panel `inputs` rows of
                    // `PANEL` values, of which `step` from `at` are whole vectors, as are those of
                    // the sums from `column`; the rest is as the caller promises.
                    unsafe {
                        let right = Right { start: panel.as_ptr().add(at), step: PANEL };
                        let start = sums.as_mut_ptr().add(column);
                        let mut sink = Store { start, row: columns, add: true };
                        product::panel::<V, { product::PANEL }>(rows, left, right, &mut sink);
                    }
                }
            }
        }
    }
}
