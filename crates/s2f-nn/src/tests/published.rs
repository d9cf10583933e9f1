//! Published weights, pictures and reference values, which are not part of the project.

use burn::tensor::{Device, Tensor, TensorData};

/// An array of the test data, of bytes or 32-bit floats; the file has to exist.
pub(crate) fn npy<const D: usize>(path: &str, device: &Device) -> Tensor<D> {
    let file = s2f_testing::data(path).unwrap();
    let (shape, values) = if path.ends_with("_u8.npy") {
        let array = s2f_testing::npy::<u8>(&file);
        (array.shape, array.values.into_iter().map(f32::from).collect())
    } else {
        let array = s2f_testing::npy::<f32>(&file);
        (array.shape, array.values)
    };
    Tensor::from_data(TensorData::new(values, shape), device)
}
