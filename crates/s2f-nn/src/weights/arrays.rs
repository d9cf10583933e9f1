//! Named arrays of a foreign file, and a network that takes its weights from them.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use super::WeightsError;

/// The arrays of a file, in single precision.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    arrays: BTreeMap<String, Array>,
}

#[derive(Debug)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Arrays {
    /// Adds an array of row-major `values`; returns `false` if the name is taken.
    pub(crate) fn insert(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) -> bool {
        self.arrays.insert(name, Array { shape, values }).is_none()
    }

    /// Removes the array `name`, which has to have the shape `shape`, and returns its values,
    /// row-major.
    ///
    /// # Errors
    /// [`WeightsError::Missing`] or [`WeightsError::Shape`].
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
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

    /// Removes the array `name` and makes it the value of `parameter`, whose shape, device and
    /// gradient setting stay.
    ///
    /// # Errors
    /// As [`Arrays::take`].
    pub(crate) fn fill<const D: usize>(
        &mut self,
        name: &str,
        parameter: &mut Param<Tensor<D>>,
    ) -> Result<(), WeightsError> {
        let values = self.take(name, &parameter.lazy_shape().to_vec())?;
        set_values(parameter, values);
        Ok(())
    }

    /// Lets `fill` set all weights of `network`.
    ///
    /// # Errors
    /// Those of `fill`, and [`WeightsError::Unexpected`] if arrays are left.
    pub(crate) fn into_network<N>(
        mut self,
        mut network: N,
        fill: impl FnOnce(&mut N, &mut Self) -> Result<(), WeightsError>,
    ) -> Result<N, WeightsError> {
        fill(&mut network, &mut self)?;
        self.finish().map(|()| network)
    }

    /// Checks that no array is left.
    ///
    /// # Errors
    /// [`WeightsError::Unexpected`].
    pub(crate) fn finish(self) -> Result<(), WeightsError> {
        if self.arrays.is_empty() {
            Ok(())
        } else {
            Err(WeightsError::Unexpected { tensors: self.arrays.into_keys().collect() })
        }
    }
}

/// Sets the values of a parameter, row-major; shape, device, gradient setting and identity stay.
///
/// # Panics
/// If the number of values is not that of the parameter.
pub(crate) fn set_values<const D: usize>(parameter: &mut Param<Tensor<D>>, values: Vec<f32>) {
    let data = TensorData::new(values, parameter.lazy_shape());
    let tensor = Tensor::from_data(data, &parameter.lazy_device());
    set_tensor(parameter, tensor);
}

/// Sets the value of a parameter, which is on its device and has its shape; gradient setting and
/// identity stay.
pub(crate) fn set_tensor<const D: usize>(parameter: &mut Param<Tensor<D>>, tensor: Tensor<D>) {
    *parameter = parameter.clone().transform_for_load(tensor, parameter.id);
}
