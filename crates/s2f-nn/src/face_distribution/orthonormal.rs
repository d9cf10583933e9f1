//! Orthonormal rows of a batch of matrices, differentiably.

use burn::tensor::Tensor;

/// Orthonormalises rows in their order by the modified Gram-Schmidt process (Golub & Van Loan,
/// "Matrix Computations", section 5.2.8). The result spans the same space; the first row keeps its
/// direction. Rows should be far from linearly dependent.
///
/// # Shapes
/// - `rows`: `[matrices, rows, columns]`, at least one row and at most as many as columns
/// - output: the same
pub(super) fn orthonormal_rows(rows: Tensor<3>) -> Tensor<3> {
    const SHORTEST: f64 = 1e-12;
    let [_, count, _] = rows.dims();
    let mut units = Vec::with_capacity(count);
    let mut rest = rows; // [matrices, rows that are left, columns]
    for left in (0..count).rev() {
        let row = rest.clone().narrow(1, 0, 1); // [matrices, 1, columns]
        let length = row.clone().square().sum_dim(2).sqrt().clamp_min(SHORTEST);
        let unit = row / length;
        if left > 0 {
            rest = rest.narrow(1, 1, left);
            let along = rest.clone().matmul(unit.clone().transpose()); // [matrices, left, 1]
            rest = rest - along.matmul(unit.clone());
        }
        units.push(unit);
    }
    Tensor::cat(units, 1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::tests::{cpu, largest_difference};

    fn random(device: &Device, shape: [usize; 3]) -> Tensor<3> {
        device.seed(4);
        Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
    }

    #[test]
    fn rows_are_orthonormal_and_span_the_same_space() {
        for shape in [[3, 1, 4], [2, 5, 5], [8, 32, 256], [2, 64, 256]] {
            let rows = random(&cpu(), shape);
            let unit = orthonormal_rows(rows.clone());
            let products = unit.clone().matmul(unit.clone().transpose());
            let identity = Tensor::<2>::eye(shape[1], &cpu()).unsqueeze::<3>();
            // Sums of up to 256 products in f32.
            assert!(
                largest_difference(products, identity.expand([shape[0], shape[1], shape[1]]))
                    < 1e-5
            );
            let projected = rows.clone().matmul(unit.clone().transpose()).matmul(unit);
            assert!(largest_difference(projected, rows) < 1e-4, "{shape:?}");
        }
    }
}
