//! Linear systems by Gaussian elimination with partial pivoting.

use crate::isa::Kernel;
use crate::vector::Vector;

/// Solves a system in place. A singular one, or one with values that are not finite, gives zeros.
pub struct Solve<'a> {
    /// Row by row: the matrix, and two right sides.
    pub system: &'a mut [f64],
    /// Rows.
    pub unknowns: usize,
}

impl Kernel for Solve<'_> {
    type Output = Vec<[f32; 2]>;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Vec<[f32; 2]> {
        let Self { system, unknowns } = self;
        let columns = unknowns + 2;
        assert_eq!(system.len(), unknowns * columns);
        for step in 0..unknowns {
            let mut pivot = step;
            for row in step + 1..unknowns {
                if system[row * columns + step].abs() > system[pivot * columns + step].abs() {
                    pivot = row;
                }
            }
            if pivot != step {
                let (above, below) = system.split_at_mut(pivot * columns);
                let row = &mut above[step * columns..][..columns];
                row.swap_with_slice(&mut below[..columns]);
            }
            let (above, below) = system.split_at_mut((step + 1) * columns);
            let row = &above[step * columns..][step..];
            if row[0] == 0.0 || !row[0].is_finite() {
                return vec![[0.0; 2]; unknowns];
            }
            for other in below.chunks_exact_mut(columns) {
                let other = &mut other[step..];
                let factor = other[0] / row[0];
                for (other, value) in other.iter_mut().zip(row) {
                    *other -= factor * value;
                }
            }
        }
        let mut solution = vec![[0.0_f64; 2]; unknowns];
        for row in (0..unknowns).rev() {
            let values = &system[row * columns..][..columns];
            let mut sums = [values[unknowns], values[unknowns + 1]];
            for (value, known) in values[..unknowns].iter().zip(&solution).skip(row + 1) {
                sums = [sums[0] - value * known[0], sums[1] - value * known[1]];
            }
            solution[row] = sums.map(|sum| sum / values[row]);
        }
        solution.into_iter().map(|values| values.map(|value| value as f32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::Isa;

    proptest! {
        #[test]
        fn solutions_fulfil_their_system(
            (unknowns, values) in (1_usize..30).prop_flat_map(|n| {
                (Just(n), prop::collection::vec(-1.0_f64..1.0, n * (n + 2)))
            }),
        ) {
            let columns = unknowns + 2;
            let mut matrix = values.clone();
            // Diagonally dominant, so that it is well conditioned; rows in reverse need pivots.
            for row in 0..unknowns {
                matrix[row * columns + unknowns - 1 - row] += 40.0;
            }
            for isa in Isa::all() {
                let mut system = matrix.clone();
                let found = isa.run(Solve { system: &mut system, unknowns });
                for row in matrix.chunks_exact(columns) {
                    for side in 0..2 {
                        let products = row.iter().zip(&found);
                        let sum: f64 = products.map(|(a, x)| a * f64::from(x[side])).sum();
                        prop_assert!((sum - row[unknowns + side]).abs() < 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn singular_systems_give_zeros() {
        for value in [0.0, f64::NAN, f64::INFINITY] {
            let mut system = vec![value; 2 * 4];
            assert_eq!(Isa::best().run(Solve { system: &mut system, unknowns: 2 }), [[0.0; 2]; 2]);
        }
    }
}
