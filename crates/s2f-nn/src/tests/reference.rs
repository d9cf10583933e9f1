//! Reference values that the scripts in `reference/` wrote, and comparisons with them.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, serialize};

/// One file of reference values.
pub(crate) struct Reference(SafeTensors<'static>);

impl Reference {
    pub(crate) fn new(bytes: &'static [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    /// A tensor of 32-bit floats.
    pub(crate) fn floats<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let shape = self.0.tensor(name).unwrap().shape().to_vec();
        let data = TensorData::new(self.values(name), shape);
        Tensor::from_data(data, device)
    }

    /// The values of a tensor of 32-bit floats, row-major.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        let view = self.0.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    }

    /// A tensor of 64-bit integers, flat.
    pub(crate) fn integers(&self, name: &str) -> Vec<i64> {
        let view = self.0.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64, "{name}");
        view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// The weights stored under `prefix`, as a weights file of their own.
    pub(crate) fn weights(&self, prefix: &str) -> Vec<u8> {
        let tensors = self.0.tensors();
        let own = tensors
            .iter()
            .filter_map(|(name, view)| Some((name.strip_prefix(prefix)?.to_owned(), view.clone())));
        serialize(own, None).unwrap()
    }
}

/// The largest difference between two tensors.
pub(crate) fn largest_difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    (a - b).abs().max().into_scalar::<f32>()
}
