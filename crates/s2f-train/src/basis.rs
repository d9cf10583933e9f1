//! Principal components: the linear basis that explains most of the variance of a set of textures.

use burn::tensor::{Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};

/// Mean and components of a set of examples.
pub(crate) struct Basis {
    /// `[values]`.
    pub(crate) mean: Tensor<1>,
    /// `[components, values]`, largest first, each of the length of one standard deviation.
    pub(crate) components: Tensor<2>,
    /// Share of the variance that the components explain, 0 to 1.
    pub(crate) explained: f64,
}

impl Basis {
    /// The first `count` principal components of `examples` `[n, values]`, or n − 1 if there are
    /// fewer. By the eigenvectors of the n × n matrix of inner products (Sirovich
    /// and Kirby 1987), since n is far smaller than the number of values.
    pub(crate) fn principal(examples: Tensor<2>, count: usize) -> Self {
        let device = examples.device();
        let [n, _] = examples.dims();
        let mean = examples.clone().mean_dim(0); // [1, values]
        let centred = examples - mean.clone(); // [n, values]
        let products = centred.clone().matmul(centred.clone().transpose()); // [n, n]
        let products: Vec<f64> = products.into_data().iter().collect();
        let eigen = SymmetricEigen::new(DMatrix::from_row_slice(n, n, &products));

        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        // Subtracting the mean removes one dimension.
        order.truncate(count.min(n.saturating_sub(1)));
        let total: f64 = eigen.eigenvalues.iter().sum();
        let explained = order.iter().map(|&k| eigen.eigenvalues[k]).sum::<f64>() / total;

        // Xᵀu has length √λ; a standard deviation is √(λ / n).
        let weights: Vec<f32> = order
            .iter()
            .flat_map(|&k| {
                eigen
                    .eigenvectors
                    .column(k)
                    .iter()
                    .map(|u| (u / (n as f64).sqrt()) as f32)
                    .collect::<Vec<_>>()
            })
            .collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [order.len(), n]), &device);
        Self { mean: mean.squeeze_dim(0), components: weights.matmul(centred), explained }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn finds_the_axes_of_a_known_cloud() {
        // Around (1, 2, 3): ±3 along x, ±1 along y, nothing along z.
        let examples = Tensor::<2>::from_floats(
            [[4., 2., 3.], [-2., 2., 3.], [1., 3., 3.], [1., 1., 3.]],
            &Device::flex(),
        );
        let basis = Basis::principal(examples, 2);
        let components: Vec<f32> = basis.components.abs().into_data().iter().collect();
        // Closed form: standard deviations √(18/4) and √(2/4).
        let expected = [4.5_f32.sqrt(), 0., 0., 0., 0.5_f32.sqrt(), 0.];
        for (found, expected) in components.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{components:?}");
        }
        assert!((basis.explained - 1.0).abs() < 1e-9);
        let mean: Vec<f32> = basis.mean.into_data().iter().collect();
        assert_eq!(mean, [1., 2., 3.]);
    }
}
