//! Named arrays out of a foreign file, taken one by one by the network they are for.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use super::WeightsError;

/// The arrays of a file, in single precision.
#[derive(Debug, Default)]
pub struct Arrays {
    arrays: BTreeMap<String, Array>,
}

#[derive(Debug)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Arrays {
    /// Adds an array whose `values` are row-major; gives back `false` if the name is taken.
    pub(super) fn insert(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) -> bool {
        self.arrays.insert(name, Array { shape, values }).is_none()
    }

    /// Takes out the row-major values of the array `name`.
    ///
    /// # Errors
    /// [`WeightsError::Missing`], or [`WeightsError::Shape`] where its shape is not `shape`.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let array = self
            .arrays
            .remove(name)
            .ok_or_else(|| WeightsError::Missing { tensors: vec![name.to_owned()] })?;
        if array.shape == shape {
            Ok(array.values)
        } else {
            Err(WeightsError::Shape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                actual: array.shape,
            })
        }
    }

    /// Takes out the array `name` and makes it the value of `parameter`, whose shape, device and
    /// gradient setting stay.
    ///
    /// # Errors
    /// As [`Arrays::take`].
    pub fn fill<const D: usize>(
        &mut self,
        name: &str,
        parameter: &mut Param<Tensor<D>>,
    ) -> Result<(), WeightsError> {
        let values = self.take(name, &parameter.lazy_shape().to_vec())?;
        set(parameter, values);
        Ok(())
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// [`WeightsError::Unexpected`] if arrays are left.
    pub fn finish(self) -> Result<(), WeightsError> {
        if self.arrays.is_empty() {
            Ok(())
        } else {
            Err(WeightsError::Unexpected { tensors: self.arrays.into_keys().collect() })
        }
    }
}

/// Gives a parameter other values, row-major; shape, device, gradient setting and identity stay.
///
/// # Panics
/// If the number of values is not that of the parameter.
pub(crate) fn set<const D: usize>(parameter: &mut Param<Tensor<D>>, values: Vec<f32>) {
    let data = TensorData::new(values, parameter.lazy_shape());
    let tensor = Tensor::from_data(data, &parameter.lazy_device());
    *parameter = parameter.clone().transform_for_load(tensor, parameter.id);
}
