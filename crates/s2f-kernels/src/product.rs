//! The matrix product that all convolutions end in: C = A·B, or C += A·B, for one panel of columns.

use crate::vector::Vector;

/// Vectors in a full panel of columns.
pub const PANEL: usize = 2;

/// Where the elements of A are: row i, segment s and depth k at
/// `start + i·row + s·segment + k·step`. Several segments let a convolution read its input in
/// place.
#[derive(Clone, Copy)]
pub struct Left {
    pub start: *const f32,
    pub row: usize,
    pub segments: usize,
    pub segment: usize,
    pub depth: usize,
    pub step: usize,
}

/// Where the columns of B are: depth k, over all segments, at `start + k·step`.
#[derive(Clone, Copy)]
pub struct Right {
    pub start: *const f32,
    pub step: usize,
}

/// What takes the rows of a product, from top to bottom, in groups of up to `V::ROWS`.
pub trait Sink<V: Vector, const W: usize> {
    /// The values to which the products are added.
    ///
    /// # Safety
    /// As for [`panel`]; `row < rows`.
    unsafe fn begin(&self, row: usize) -> [V; W];

    /// Takes a finished row.
    ///
    /// # Safety
    /// As for [`panel`]; `row < rows`.
    unsafe fn end(&mut self, row: usize, values: [V; W]);
}

/// Writes C, or adds to it: row i at `start + i·row`, whole vectors.
#[derive(Clone, Copy)]
pub struct Store {
    pub start: *mut f32,
    pub row: usize,
    pub add: bool,
}

impl<V: Vector, const W: usize> Sink<V, W> for Store {
    #[inline(always)]
    unsafe fn begin(&self, row: usize) -> [V; W] {
        // SAFETY: the caller promises `W` vectors at each row of C.
        unsafe {
            let mut values = [V::splat(0.0); W];
            if self.add {
                let from = self.start.add(row * self.row);
                for (vector, value) in values.iter_mut().enumerate() {
                    *value = V::load(from.add(vector * V::LANES));
                }
            }
            values
        }
    }

    #[inline(always)]
    unsafe fn end(&mut self, row: usize, values: [V; W]) {
        // SAFETY: the caller promises `W` vectors at each row of C.
        unsafe {
            let to = self.start.add(row * self.row);
            for (vector, value) in values.into_iter().enumerate() {
                value.store(to.add(vector * V::LANES));
            }
        }
    }
}

/// The product for `rows` rows of A and one panel of `W` vectors of columns. Each element is a sum
/// in the order of segments and depth, whatever `rows` is.
///
/// # Safety
/// The processor has the instruction set of `V`. All elements of A and `W` vectors at each depth of
/// B can be read, and what the sink needs for `rows` rows is there.
#[inline(always)]
pub unsafe fn panel<V: Vector, const W: usize>(
    rows: usize,
    left: Left,
    right: Right,
    sink: &mut impl Sink<V, W>,
) {
    // Groups of nearly equal size: a short one would leave the multipliers waiting for each other.
    let groups = rows.div_ceil(V::ROWS);
    let mut row = 0;
    for group in 0..groups {
        let end = rows * (group + 1) / groups;
        // SAFETY: `row..end` lies in `0..rows`, and the rest is as the caller promises.
        unsafe {
            match end - row {
                1 => tile::<V, 1, W>(row, left, right, sink),
                2 => tile::<V, 2, W>(row, left, right, sink),
                3 => tile::<V, 3, W>(row, left, right, sink),
                4 => tile::<V, 4, W>(row, left, right, sink),
                5 if V::ROWS >= 5 => tile::<V, 5, W>(row, left, right, sink),
                6 if V::ROWS >= 6 => tile::<V, 6, W>(row, left, right, sink),
                7 if V::ROWS >= 7 => tile::<V, 7, W>(row, left, right, sink),
                8 if V::ROWS >= 8 => tile::<V, 8, W>(row, left, right, sink),
                9 if V::ROWS >= 9 => tile::<V, 9, W>(row, left, right, sink),
                10 if V::ROWS >= 10 => tile::<V, 10, W>(row, left, right, sink),
                11 if V::ROWS >= 11 => tile::<V, 11, W>(row, left, right, sink),
                12 if V::ROWS >= 12 => tile::<V, 12, W>(row, left, right, sink),
                13 if V::ROWS >= 13 => tile::<V, 13, W>(row, left, right, sink),
                _ => tile::<V, 14, W>(row, left, right, sink),
            }
        }
        row = end;
    }
}

/// `R` rows, held in registers.
///
/// # Safety
/// As for [`panel`], for the rows `row..row + R`.
#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const W: usize>(
    row: usize,
    left: Left,
    right: Right,
    sink: &mut impl Sink<V, W>,
) {
    // SAFETY: every address is one of those that the caller promises.
    unsafe {
        let mut sums = [[V::splat(0.0); W]; R];
        for (index, sums) in sums.iter_mut().enumerate() {
            *sums = sink.begin(row + index);
        }
        let mut b = right.start;
        for segment in 0..left.segments {
            let mut a = left.start.add(row * left.row + segment * left.segment);
            for _ in 0..left.depth {
                let mut columns = [V::splat(0.0); W];
                for (vector, column) in columns.iter_mut().enumerate() {
                    *column = V::load(b.add(vector * V::LANES));
                }
                for (index, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*a.add(index * left.row));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = value.mul_add(column, *sum);
                    }
                }
                a = a.add(left.step);
                b = b.add(right.step);
            }
        }
        for (index, sums) in sums.iter().enumerate() {
            sink.end(row + index, *sums);
        }
    }
}
