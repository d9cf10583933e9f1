//! Inner products of all rows of a matrix with all rows of another.

use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, PANEL, Right, Sink};
use crate::scratch::each_chunk;
use crate::vector::Vector;

/// Rows of a task.
const ROWS: usize = 48;

/// Rows of one length, in the form in which they are multiplied with.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    /// Panels of two vectors of rows (the last may have one): `[depth, rows of the panel]`.
    panels: Vec<f32>,
    rows: usize,
    depth: usize,
}

impl Packed {
    /// Packs `[rows, depth]` for an instruction set.
    ///
    /// # Panics
    /// If `depth` is 0 or does not divide the number of values.
    pub fn new(isa: Isa, values: &[f32], depth: usize) -> Self {
        /// Values of a row that are read at once: a line of the cache.
        const LINE: usize = 16;
        assert!(values.len().is_multiple_of(depth));
        let rows = values.len() / depth;
        let padded = rows.next_multiple_of(isa.lanes());
        let width = PANEL * isa.lanes();
        let mut panels = vec![0.0; padded * depth];
        each_chunk(&mut panels, width * depth, 4, |panel, to| {
            let lanes = to.len() / depth;
            let first = panel * width;
            for start in (0..depth).step_by(LINE) {
                let end = depth.min(start + LINE);
                for lane in 0..lanes.min(rows - first) {
                    let from = &values[(first + lane) * depth..][..depth];
                    for at in start..end {
                        to[at * lanes + lane] = from[at];
                    }
                }
            }
        });
        Self { panels, rows, depth }
    }

    /// Writes the inner products of each row of `left` with each of these rows.
    ///
    /// # Shapes
    /// - `left`: `[left rows, depth]`
    /// - `to`: `[left rows, rows]`
    ///
    /// # Panics
    /// If the lengths do not fit, or `isa` is not that of the packing.
    ///
    /// ```
    /// use s2f_kernels::inner::Packed;
    /// use s2f_kernels::isa::Isa;
    ///
    /// let packed = Packed::new(Isa::best(), &[1.0, 2.0, 3.0, 4.0], 2);
    /// let mut products = [0.0; 2];
    /// packed.products(Isa::best(), &[10.0, 1.0], &mut products);
    /// assert_eq!(products, [12.0, 34.0]);
    /// ```
    pub fn products(&self, isa: Isa, left: &[f32], to: &mut [f32]) {
        let Self { panels, rows, depth } = self;
        assert_eq!(panels.len(), rows.next_multiple_of(isa.lanes()) * depth);
        assert_eq!(left.len() * rows, to.len() * depth);
        each_chunk(to, ROWS * rows, 1, |index, to| {
            let left = &left[index * ROWS * depth..][..to.len() / rows * depth];
            isa.run(Products { right: self, left, to });
        });
    }
}

struct Products<'a> {
    right: &'a Packed,
    left: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Packed { panels, rows: columns, depth } = self.right;
        let (columns, depth) = (*columns, *depth);
        let rows = self.left.len() / depth;
        assert!(rows * columns <= self.to.len());
        assert!(columns.next_multiple_of(V::LANES) * depth <= panels.len());
        let left =
            Left { start: self.left.as_ptr(), row: depth, segments: 1, segment: 0, depth, step: 1 };
        for start in (0..columns).step_by(PANEL * V::LANES) {
            let count = columns - start;
            // SAFETY: the assertions bound what is read; `to` has `columns` values for each row;
            // the rest is as the caller promises.
            unsafe {
                let to = self.to.as_mut_ptr().add(start);
                let panel = panels.as_ptr().add(start * depth);
                if count > V::LANES {
                    let right = Right { start: panel, step: PANEL * V::LANES };
                    let count = (count - V::LANES).min(V::LANES);
                    let mut sink = Write { to, row: columns, count };
                    product::panel::<V, PANEL>(rows, left, right, &mut sink);
                } else {
                    let right = Right { start: panel, step: V::LANES };
                    let mut sink = Write { to, row: columns, count };
                    product::panel::<V, 1>(rows, left, right, &mut sink);
                }
            }
        }
    }
}

/// Writes rows.
struct Write {
    to: *mut f32,
    row: usize,
    /// Lanes of the last vector that are written.
    count: usize,
}

impl<V: Vector, const W: usize> Sink<V, W> for Write {
    #[inline(always)]
    unsafe fn begin(&self, _: usize) -> [V; W] {
        // SAFETY: as the caller promises.
        [unsafe { V::splat(0.0) }; W]
    }

    #[inline(always)]
    unsafe fn end(&mut self, row: usize, values: [V; W]) {
        for (vector, value) in values.into_iter().enumerate() {
            // SAFETY: as the caller promises.
            unsafe {
                let to = self.to.add(row * self.row + vector * V::LANES);
                if vector + 1 < W || self.count == V::LANES {
                    value.store(to);
                } else {
                    value.store_first(to, self.count);
                }
            }
        }
    }
}
