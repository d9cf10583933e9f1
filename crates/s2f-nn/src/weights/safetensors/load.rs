//! From a safetensors file to the parameters of a module.

use std::collections::HashSet;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{AllocationProperty, Bytes, DType, Device, Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::malformed;
use super::module_path::{ModulePath, transposed, transposed_from};
use crate::plain_cpu::is_plain_cpu;
use crate::weights::{WeightsError, map_file};

/// Loads all float parameters and running statistics of a module from a safetensors file.
///
/// Devices, gradient settings and parameter identities stay those of `module`; its own parameters,
/// if not yet initialised, never are. Values may be `f32`, `f16` or `bf16`.
///
/// # Errors
/// [`WeightsError`] for a malformed file, and for any tensor that is missing, unexpected, of
/// another shape or of another type.
///
/// ```
/// use burn::tensor::Device;
/// use s2f_nn::weights::{Precision, load, save};
/// use s2f_nn::VoiceEncoderConfig;
///
/// let device = Device::flex();
/// let config = VoiceEncoderConfig::compact();
/// let bytes = save(&config.init(&device)?, Precision::Full)?;
/// let encoder = load(config.init(&device)?, &bytes)?;
/// # Ok::<(), s2f_nn::weights::WeightsError>(())
/// ```
pub fn load<M: Module>(module: M, bytes: &[u8]) -> Result<M, WeightsError> {
    fill(module, bytes, None)
}

/// [`load`] from bytes that the parameters then share, instead of a copy of them, where they can:
/// those in single precision, on a CPU without gradients.
///
/// # Errors
/// As [`load`].
pub fn load_shared<M: Module>(module: M, bytes: &bytes::Bytes) -> Result<M, WeightsError> {
    fill(module, bytes, Some(bytes))
}

fn fill<M: Module>(
    module: M,
    bytes: &[u8],
    shared: Option<&bytes::Bytes>,
) -> Result<M, WeightsError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
    let mut mapper = Mapper {
        path: ModulePath::default(),
        tensors,
        shared,
        used: HashSet::new(),
        missing: Vec::new(),
        problem: None,
    };
    let module = module.map(&mut mapper);
    mapper.finish()?;
    Ok(module)
}

/// [`load_shared`] from a file, which is mapped into memory. It must not be changed in place while
/// the module exists.
///
/// # Errors
/// As [`load`], with the file's name, and [`WeightsError::File`].
pub fn load_file<M: Module>(module: M, path: &Path) -> Result<M, WeightsError> {
    load_shared(module, &map_file(path)?).map_err(|problem| problem.in_file(path))
}

struct Mapper<'a> {
    path: ModulePath,
    tensors: SafeTensors<'a>,
    /// What the tensors lie in, if parameters may share it.
    shared: Option<&'a bytes::Bytes>,
    used: HashSet<String>,
    missing: Vec<String>,
    /// The first problem with a tensor of the file.
    problem: Option<WeightsError>,
}

impl ModuleMapper for Mapper<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let Ok(view) = self.tensors.tensor(&name) else {
            self.missing.push(name);
            return param;
        };
        let shape = param.lazy_shape().to_vec();
        let is_transposed = self.path.is_transposed();
        let device = param.lazy_device();
        let loaded = check_shape(&name, &view, &shape, is_transposed).and_then(|on_disk| {
            if let Some(bytes) = self.shared.and_then(|shared| shareable(&view, shared, &device)) {
                let bytes = Bytes::from_shared(bytes, AllocationProperty::File);
                let data = TensorData::from_bytes(bytes, on_disk, DType::F32);
                let tensor = Tensor::<D>::from_data(data, &device);
                return Ok(if is_transposed { tensor.swap_dims(0, 1) } else { tensor });
            }
            let values = values(&name, &view, on_disk.last(), is_transposed)?;
            Ok(Tensor::from_data(TensorData::new(values, shape), &device))
        });
        self.used.insert(name);
        match loaded {
            Ok(tensor) => {
                let id = param.id;
                param.transform_for_load(tensor, id)
            }
            Err(problem) => {
                self.problem.get_or_insert(problem);
                param
            }
        }
    }
}

impl Mapper<'_> {
    fn finish(self) -> Result<(), WeightsError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if !self.missing.is_empty() {
            return Err(WeightsError::Missing { tensors: self.missing });
        }
        let mut unexpected: Vec<String> = self
            .tensors
            .names()
            .into_iter()
            .filter(|name| !self.used.contains(*name) && !name.ends_with(".num_batches_tracked"))
            .map(str::to_owned)
            .collect();
        unexpected.sort_unstable();
        if unexpected.is_empty() {
            Ok(())
        } else {
            Err(WeightsError::Unexpected { tensors: unexpected })
        }
    }
}

/// The shape that the tensor has in the file, which has to fit that of a parameter.
fn check_shape(
    name: &str,
    view: &TensorView<'_>,
    expected: &[usize],
    is_transposed: bool,
) -> Result<Vec<usize>, WeightsError> {
    let mut on_disk = expected.to_vec();
    if is_transposed {
        on_disk.swap(0, 1);
    }
    if view.shape() == on_disk {
        return Ok(on_disk);
    }
    Err(WeightsError::Shape {
        tensor: name.to_owned(),
        expected: on_disk,
        actual: view.shape().to_vec(),
    })
}

/// The bytes of a tensor, if a parameter on `device` can use them as they are.
fn shareable(
    view: &TensorView<'_>,
    shared: &bytes::Bytes,
    device: &Device,
) -> Option<bytes::Bytes> {
    let bytes = view.data();
    let fits = cfg!(target_endian = "little")
        && view.dtype() == Dtype::F32
        && !bytes.is_empty()
        && bytes.as_ptr().cast::<f32>().is_aligned()
        && is_plain_cpu(device);
    fits.then(|| shared.slice_ref(bytes))
}

/// The values of a tensor in the file, with its two axes swapped if `is_transposed`; `columns` is
/// the last axis in the file.
fn values(
    name: &str,
    view: &TensorView<'_>,
    columns: Option<&usize>,
    is_transposed: bool,
) -> Result<Vec<f32>, WeightsError> {
    let columns = columns.copied().unwrap_or(1);
    let bytes = view.data();
    let values = match view.dtype() {
        // A transpose is written straight from the file's bytes.
        Dtype::F32 if is_transposed => {
            return Ok(transposed_from(bytes.as_chunks().0, columns, f32::from_le_bytes));
        }
        Dtype::F32 => {
            let values = bytes.as_chunks().0;
            values.par_iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>()
        }
        Dtype::F16 => from_half(bytes),
        // A bf16 is the upper half of an f32.
        Dtype::BF16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
            .collect(),
        other => {
            return Err(WeightsError::DataType {
                tensor: name.to_owned(),
                actual: format!("{other:?}"),
                supported: "F32, F16 or BF16",
            });
        }
    };
    Ok(if is_transposed { transposed(&values, columns) } else { values })
}

/// Little-endian `f16` bytes as `f32`.
fn from_half(bytes: &[u8]) -> Vec<f32> {
    const BLOCK: usize = 1024;
    let mut values = vec![0.0; bytes.len() / 2];
    // The bytes may be unaligned, so each block is first copied to aligned memory; the processor
    // then converts whole slices.
    let mut halves = [f16::ZERO; BLOCK];
    for (values, bytes) in values.chunks_mut(BLOCK).zip(bytes.chunks(2 * BLOCK)) {
        let halves = &mut halves[..values.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
            *half = f16::from_le_bytes(*bytes);
        }
        halves.convert_to_f32_slice(values);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_converted_exactly_at_any_alignment() {
        let bytes: Vec<u8> =
            [7].into_iter().chain((0..=u16::MAX).flat_map(u16::to_le_bytes)).collect();
        for (bits, value) in (0..=u16::MAX).zip(from_half(&bytes[1..])) {
            let expected = f16::from_bits(bits).to_f32();
            assert!(value == expected || (value.is_nan() && expected.is_nan()), "{bits:#06x}");
        }
    }
}
