//! From the parameters of a module to a safetensors file.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use half::f16;
use s2f_core::AtomicFile;
use safetensors::tensor::{Dtype, TensorView};

use super::malformed;
use super::module_path::{ModulePath, transposed};
use crate::weights::WeightsError;

/// The precision in which weights are stored. In memory they are `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All values as `f32`.
    Full,
    /// Matrices and kernels as `f16`, at half the size; vectors (biases, and normalisations, whose
    /// variances can be outside the range of `f16`) as `f32`.
    Half,
}

/// Serialises all float parameters and running statistics of a module as a safetensors file.
///
/// # Errors
/// [`WeightsError::TooLargeForHalf`] for a finite weight beyond ±65504 with [`Precision::Half`];
/// [`WeightsError::Device`] if values cannot be read from a device.
pub fn save<M: Module>(module: &M, precision: Precision) -> Result<Vec<u8>, WeightsError> {
    let mut collector =
        Collector { path: ModulePath::default(), precision, tensors: Ok(Vec::new()) };
    module.visit(&mut collector);
    let tensors = collector.tensors?;
    let views = tensors
        .iter()
        .map(|t| Ok((t.name.as_str(), TensorView::new(t.dtype, t.shape.clone(), &t.bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(malformed)?;
    safetensors::serialize(views, None).map_err(malformed)
}

/// Writes the file of [`save`] atomically: a reader finds the old file or the whole new one.
///
/// # Errors
/// As [`save`], and [`WeightsError::File`].
pub fn save_file<M: Module>(
    module: &M,
    path: &Path,
    precision: Precision,
) -> Result<(), WeightsError> {
    Ok(AtomicFile::write(path, &save(module, precision)?)?)
}

/// One tensor of the file.
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

struct Collector {
    path: ModulePath,
    precision: Precision,
    tensors: Result<Vec<Stored>, WeightsError>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Ok(tensors) = &mut self.tensors else { return };
        match stored(&self.path, param.val(), self.precision) {
            Ok(tensor) => tensors.push(tensor),
            Err(problem) => self.tensors = Err(problem),
        }
    }
}

fn stored<const D: usize>(
    path: &ModulePath,
    value: Tensor<D>,
    precision: Precision,
) -> Result<Stored, WeightsError> {
    let name = path.name();
    let mut shape = value.dims().to_vec();
    let values = value.try_to_data_as::<f32>().map_err(|e| e.to_string());
    let values = values.and_then(|data| data.try_into_vec::<f32>().map_err(|e| e.to_string()));
    let mut values =
        values.map_err(|reason| WeightsError::Device { tensor: name.clone(), reason })?;
    if path.is_transposed() {
        values = transposed(&values, shape[1]);
        shape.swap(0, 1);
    }
    let (dtype, bytes) = match precision {
        Precision::Half if D > 1 => {
            let too_large =
                values.iter().find(|v| v.is_finite() && f16::from_f32(**v).is_infinite());
            if let Some(&value) = too_large {
                return Err(WeightsError::TooLargeForHalf { tensor: name, value });
            }
            (Dtype::F16, values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect())
        }
        _ => (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    Ok(Stored { name, dtype, shape, bytes })
}
