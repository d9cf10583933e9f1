//! The length of features.

use burn::tensor::Tensor;
use s2f_core::{FaceSpace, Normalisation};

/// Normalises features as their face space requires: the identity has unit length or stays as it
/// is, traits stay as they are.
///
/// # Shapes
/// - `feature`, output: `[batch, D]`
pub fn normalise(feature: Tensor<2>, space: &FaceSpace) -> Tensor<2> {
    match space.normalisation {
        Normalisation::None => feature,
        Normalisation::UnitLength if space.traits.is_empty() => unit_length(feature),
        Normalisation::UnitLength => {
            let (identity, traits) = (space.identity_dimension(), space.traits.len());
            let unit = unit_length(feature.clone().narrow(1, 0, identity));
            Tensor::cat(vec![unit, feature.narrow(1, identity, traits)], 1) // [batch, D]
        }
    }
}

/// Rows that are shorter count as zeros.
pub(crate) const SHORTEST: f64 = 1e-12;

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
    let length = feature.clone().square().sum_dim(1).sqrt().clamp_min(SHORTEST); // [batch, 1]
    feature / length
}

#[cfg(test)]
mod tests {
    use s2f_core::Trait;

    use super::*;
    use crate::tests::cpu;

    #[test]
    fn traits_are_left_as_they_are() {
        let feature = || Tensor::<2>::from_floats([[3.0, 4.0, -1.0], [0.0, 2.0, 9.0]], &cpu());
        let of = |normalisation: Normalisation| {
            let name = "two".into();
            let space = FaceSpace { name, dimension: 2, normalisation, traits: Vec::new() };
            let features = normalise(feature(), &space.with_traits(&[Trait::Age]));
            features.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        assert_eq!(of(Normalisation::UnitLength), [0.6, 0.8, -1.0, 0.0, 1.0, 9.0]);
        assert_eq!(of(Normalisation::None), [3.0, 4.0, -1.0, 0.0, 2.0, 9.0]);
    }
}
