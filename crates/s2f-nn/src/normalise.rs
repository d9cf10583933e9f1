//! The length of features.

use burn::tensor::Tensor;
use s2f_core::{FaceSpace, Normalisation};

/// Normalises features as their face space requires.
///
/// # Shapes
/// - `feature`, output: `[batch, D]`
pub fn normalise(feature: Tensor<2>, space: &FaceSpace) -> Tensor<2> {
    match space.normalisation {
        Normalisation::None => feature,
        Normalisation::UnitLength => unit_length(feature),
    }
}

/// Each row divided by its Euclidean length; a row of zeros stays zero.
///
/// # Shapes
/// - `feature`, output: `[batch, D]`
///
/// ```
/// use burn::tensor::{Device, Tensor};
///
/// let feature = Tensor::<2>::from_floats([[3.0, 4.0]], &Device::flex());
/// let unit: Vec<f32> = s2f_nn::unit_length(feature).into_data().iter().collect();
/// assert_eq!(unit, [0.6, 0.8]);
/// ```
pub fn unit_length(feature: Tensor<2>) -> Tensor<2> {
    const SHORTEST: f64 = 1e-12;
    let length = feature.clone().square().sum_dim(1).sqrt().clamp_min(SHORTEST); // [batch, 1]
    feature / length
}
