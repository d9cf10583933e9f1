//! Products of a few rows with a packed matrix.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::PANEL;

/// Vectors of columns whose sums are kept in registers at once.
const VECTORS: usize = 2;

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
    pub(super) fn add_product(&self, tiles: &[f32], sums: &mut [f32], rows: usize) {
        match rows {
            1 => Product::<1> { panels: self, tiles, sums }.dispatch(),
            2 => Product::<2> { panels: self, tiles, sums }.dispatch(),
            3 => Product::<3> { panels: self, tiles, sums }.dispatch(),
            4 => Product::<4> { panels: self, tiles, sums }.dispatch(),
            5 => Product::<5> { panels: self, tiles, sums }.dispatch(),
            6 => Product::<6> { panels: self, tiles, sums }.dispatch(),
            7 => Product::<7> { panels: self, tiles, sums }.dispatch(),
            _ => Product::<8> { panels: self, tiles, sums }.dispatch(),
        }
    }
}

struct Product<'a, const ROWS: usize> {
    panels: &'a Panels,
    tiles: &'a [f32],
    sums: &'a mut [f32],
}

impl<const ROWS: usize> SimdOp for Product<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { panels: Panels { values, inputs }, tiles, sums } = self;
        let ops = isa.f32();
        let (lanes, step) = (ops.len(), VECTORS * ops.len());
        let columns = values.len() / inputs;
        for (place, panel) in values.chunks_exact(inputs * PANEL).enumerate() {
            let frames = sums.chunks_exact_mut(ROWS * columns);
            for (sums, tile) in frames.zip(tiles.chunks_exact(inputs * ROWS)) {
                for at in (0..PANEL).step_by(step) {
                    let column = place * PANEL + at;
                    // Loops by index: arrays of vectors passed by value would go through memory.
                    let mut found = [[ops.zero(); VECTORS]; ROWS];
                    for row in 0..ROWS {
                        found[row] = ops.load_many(&sums[row * columns + column..][..step]);
                    }
                    for (weights, values) in
                        panel.as_chunks::<PANEL>().0.iter().zip(tile.as_chunks::<ROWS>().0)
                    {
                        let weights: [I::F32; VECTORS] = ops.load_many(&weights[at..][..step]);
                        for row in 0..ROWS {
                            let value = ops.splat(values[row]);
                            for vector in 0..VECTORS {
                                let sum = &mut found[row][vector];
                                *sum = ops.mul_add(weights[vector], value, *sum);
                            }
                        }
                    }
                    for row in 0..ROWS {
                        for vector in 0..VECTORS {
                            let first = row * columns + column + vector * lanes;
                            ops.store(found[row][vector], &mut sums[first..][..lanes]);
                        }
                    }
                }
            }
        }
    }
}
