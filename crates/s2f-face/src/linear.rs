//! Solves small dense systems of linear equations in double precision.

/// Solves `matrix · x = right` by Gaussian elimination with row pivoting. `matrix` is square, row
/// by row, and is overwritten; `right` holds `N` right-hand sides and becomes the solutions.
///
/// Returns `false` if the matrix is singular to working precision or a value is not finite.
pub(crate) fn solve<const N: usize>(matrix: &mut [f64], right: &mut [[f64; N]]) -> bool {
    let size = right.len();
    for step in 0..size {
        let column = |row: usize| matrix[row * size + step].abs();
        let pivot = (step..size).max_by(|&a, &b| column(a).total_cmp(&column(b))).unwrap_or(step);
        let largest = column(pivot);
        if !largest.is_finite() || largest < 1e-12 {
            return false;
        }
        if pivot != step {
            for column in step..size {
                matrix.swap(pivot * size + column, step * size + column);
            }
            right.swap(pivot, step);
        }
        let (above, below) = matrix.split_at_mut((step + 1) * size);
        let pivot_row = &above[step * size..];
        let pivot_right = right[step];
        for (offset, row) in below.chunks_exact_mut(size).enumerate() {
            let factor = row[step] / pivot_row[step];
            for (value, pivot_value) in row[step..].iter_mut().zip(&pivot_row[step..]) {
                *value -= factor * pivot_value;
            }
            let row_right = &mut right[step + 1 + offset];
            for (value, pivot_value) in row_right.iter_mut().zip(pivot_right) {
                *value -= factor * pivot_value;
            }
        }
    }
    for step in (0..size).rev() {
        let mut value = right[step];
        for column in step + 1..size {
            let factor = matrix[step * size + column];
            for (total, known) in value.iter_mut().zip(right[column]) {
                *total -= factor * known;
            }
        }
        right[step] = value.map(|v| v / matrix[step * size + step]);
    }
    right.iter().flatten().all(|value| value.is_finite())
}
