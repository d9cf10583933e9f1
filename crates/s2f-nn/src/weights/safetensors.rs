//! Safetensors files with the names and layouts of PyTorch.
//!
//! A file written here loads into the PyTorch network of the same structure with
//! `load_state_dict(safetensors.torch.load_file(path), strict=False)`, and the other way round:
//! matrices of linear layers are stored as `[output, input]`, and what Burn calls `gamma` and
//! `beta` of a normalisation is stored as `weight` and `bias`. PyTorch's counters
//! `num_batches_tracked` are neither written nor required.
//!
//! `burn-store` reads and writes such files too; it is not used because it copies embedded bytes,
//! leaves `f16` tensors in `f16`, and reports problems as text.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{WeightsError, read_file};

/// How precisely weights are stored. In memory they are `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All numbers as `f32`.
    Full,
    /// Matrices and kernels as `f16`, at half the size; vectors (biases and normalisations, whose
    /// variances can lie outside the range of `f16`) as `f32`.
    Half,
}

/// The safetensors file of a module: all its float parameters and running statistics.
///
/// # Errors
/// [`WeightsError::TooLargeForHalf`] for a finite weight beyond ±65504 at [`Precision::Half`];
/// [`WeightsError::Device`] where a device does not hand out its numbers.
pub fn save<M: Module>(module: &M, precision: Precision) -> Result<Vec<u8>, WeightsError> {
    let mut collector = Collector { place: Place::default(), precision, tensors: Ok(Vec::new()) };
    module.visit(&mut collector);
    let tensors = collector.tensors?;
    let views = tensors
        .iter()
        .map(|t| Ok((t.name.as_str(), TensorView::new(t.dtype, t.shape.clone(), &t.bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(malformed)?;
    safetensors::serialize(views, None).map_err(malformed)
}

/// Writes [`save`]'s file to a temporary name beside `path`, then renames it.
///
/// # Errors
/// As [`save`], and [`WeightsError::Io`].
pub fn save_file<M: Module>(
    module: &M,
    path: &Path,
    precision: Precision,
) -> Result<(), WeightsError> {
    let bytes = save(module, precision)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        // What was written is of no use; that it cannot be removed either adds nothing.
        let _ = fs::remove_file(&temporary);
        WeightsError::Io { operation: "write", path: path.to_owned(), source }
    })
}

/// The module with all its float parameters and running statistics taken from a safetensors file.
///
/// Devices, gradient settings and parameter identities stay those of `module`, whose own numbers
/// are never computed where they were still to be drawn. Numbers may be `f32`, `f16` or `bf16`.
///
/// # Errors
/// [`WeightsError`] for a malformed file, and for any tensor that is missing, surplus, of another
/// shape or of another number type.
pub fn load<M: Module>(module: M, bytes: &[u8]) -> Result<M, WeightsError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
    let mut loader = Loader {
        place: Place::default(),
        tensors,
        used: HashSet::new(),
        missing: Vec::new(),
        problem: None,
    };
    let module = module.map(&mut loader);
    loader.finish()?;
    Ok(module)
}

/// [`load`] from a file.
///
/// # Errors
/// As [`load`], with the file's name, and [`WeightsError::Io`].
pub fn load_file<M: Module>(module: M, path: &Path) -> Result<M, WeightsError> {
    load(module, &read_file(path)?).map_err(|problem| problem.in_file(path))
}

fn malformed(error: safetensors::SafeTensorError) -> WeightsError {
    WeightsError::Malformed { format: "safetensors", reason: error.to_string() }
}

/// Where a walk through a module stands: field names or indices, each with what it is a part of.
#[derive(Default)]
struct Place(Vec<(String, String)>);

impl Place {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), container.to_owned()));
    }

    fn leave(&mut self) {
        self.0.pop();
    }

    /// The name that PyTorch gives to the parameter at this place. The variant of an enum, which
    /// has no counterpart there, is no part of it.
    fn name(&self) -> String {
        let steps = self.0.iter().filter(|(_, container)| !container.starts_with("Enum:"));
        let names = steps.map(|(name, container)| match name.as_str() {
            "gamma" if container.ends_with("Norm") => "weight",
            "beta" if container.ends_with("Norm") => "bias",
            other => other,
        });
        names.collect::<Vec<_>>().join(".")
    }

    /// Whether PyTorch stores the parameter at this place with its two axes swapped.
    fn is_swapped(&self) -> bool {
        let here = self.0.last().map(|(name, container)| (name.as_str(), container.as_str()));
        here == Some(("weight", "Struct:Linear"))
    }
}

/// One tensor as it will stand in the file.
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

struct Collector {
    place: Place,
    precision: Precision,
    tensors: Result<Vec<Stored>, WeightsError>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.place.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Ok(tensors) = &mut self.tensors else { return };
        match stored(&self.place, param.val(), self.precision) {
            Ok(tensor) => tensors.push(tensor),
            Err(problem) => self.tensors = Err(problem),
        }
    }
}

fn stored<const D: usize>(
    place: &Place,
    value: Tensor<D>,
    precision: Precision,
) -> Result<Stored, WeightsError> {
    let name = place.name();
    let mut shape = value.dims().to_vec();
    let values = value.try_to_data_as::<f32>().map_err(|e| e.to_string());
    let values = values.and_then(|data| data.try_into_vec::<f32>().map_err(|e| e.to_string()));
    let mut values =
        values.map_err(|reason| WeightsError::Device { tensor: name.clone(), reason })?;
    if place.is_swapped() {
        values = swapped(&values, shape[1]);
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

struct Loader<'a> {
    place: Place,
    tensors: SafeTensors<'a>,
    used: HashSet<String>,
    missing: Vec<String>,
    /// The first problem with a tensor that is there.
    problem: Option<WeightsError>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.place.leave();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.place.name();
        let Ok(view) = self.tensors.tensor(&name) else {
            self.missing.push(name);
            return param;
        };
        let shape = param.lazy_shape().to_vec();
        let loaded = values(&name, &view, &shape, self.place.is_swapped());
        self.used.insert(name);
        match loaded {
            Ok(values) => {
                let id = param.id;
                let device = param.lazy_device();
                let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
                param.transform_for_load(tensor, id)
            }
            Err(problem) => {
                self.problem.get_or_insert(problem);
                param
            }
        }
    }
}

impl Loader<'_> {
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

/// The numbers of a tensor in the file, in the layout of a parameter of shape `expected`.
fn values(
    name: &str,
    view: &TensorView<'_>,
    expected: &[usize],
    is_swapped: bool,
) -> Result<Vec<f32>, WeightsError> {
    let mut on_disk = expected.to_vec();
    if is_swapped {
        on_disk.swap(0, 1);
    }
    if view.shape() != on_disk {
        return Err(WeightsError::Shape {
            tensor: name.to_owned(),
            expected: on_disk,
            actual: view.shape().to_vec(),
        });
    }
    let bytes = view.data();
    let values = match view.dtype() {
        Dtype::F32 => {
            bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>()
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
            return Err(WeightsError::NumberType {
                tensor: name.to_owned(),
                actual: format!("{other:?}"),
                supported: "F32, F16 or BF16",
            });
        }
    };
    Ok(if is_swapped { swapped(&values, on_disk[1]) } else { values })
}

/// Little-endian `f16` bytes as `f32`.
fn from_half(bytes: &[u8]) -> Vec<f32> {
    const BLOCK: usize = 1024;
    let mut values = vec![0.0; bytes.len() / 2];
    // The bytes may lie at any address, so each block is first copied to where f16 may stand;
    // whole slices then go through the processor's own conversion.
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

/// A row-major matrix with `columns` columns, its axes swapped.
pub(crate) fn swapped(values: &[f32], columns: usize) -> Vec<f32> {
    if columns == 0 {
        return Vec::new();
    }
    // Square tiles, so that both the rows read and the rows written stay in the cache.
    const TILE: usize = 16;
    let rows = values.len() / columns;
    let mut out = vec![0.0; rows * columns];
    for row0 in (0..rows).step_by(TILE) {
        for column0 in (0..columns).step_by(TILE) {
            for row in row0..rows.min(row0 + TILE) {
                for column in column0..columns.min(column0 + TILE) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// Written by `reference/nn/weights.py`: the state of the PyTorch twin of [`Net`], an input
    /// and the output that PyTorch computes in evaluation mode.
    const STATE: &[u8] = include_bytes!("../../../../reference/nn/weights_state.safetensors");
    const VALUES: &[u8] = include_bytes!("../../../../reference/nn/weights_values.safetensors");

    /// One layer of each kind whose names or layouts differ between Burn and PyTorch, one of them in
    /// an enum.
    #[derive(Module, Debug)]
    struct Net {
        convs: Vec<Conv2d>,
        norm: Norm,
        up: ConvTranspose2d,
        linear: Linear,
    }

    #[derive(Module, Debug)]
    enum Norm {
        Batch(BatchNorm),
    }

    impl Net {
        fn init(hidden: usize, device: &Device) -> Self {
            Self {
                convs: vec![
                    Conv2dConfig::new([2, 4], [3, 3]).init(device),
                    Conv2dConfig::new([4, 4], [1, 1]).with_groups(2).with_bias(false).init(device),
                ],
                norm: Norm::Batch(BatchNormConfig::new(4).init(device)),
                up: ConvTranspose2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).init(device),
                linear: LinearConfig::new(48, hidden).init(device),
            }
        }

        fn forward(&self, x: Tensor<4>) -> Tensor<2> {
            let x = self.convs.iter().fold(x, |x, conv| conv.forward(x)); // [n, 4, 2, 2]
            let Norm::Batch(norm) = &self.norm;
            let x = self.up.forward(norm.forward(x)); // [n, 3, 4, 4]
            self.linear.forward(x.flatten(1, 3)) // [n, hidden]
        }
    }

    fn reference(name: &str) -> TensorData {
        let file = SafeTensors::deserialize(VALUES).unwrap();
        let view = file.tensor(name).unwrap();
        let shape = view.shape().to_vec();
        TensorData::new(values(name, &view, &shape, false).unwrap(), shape)
    }

    fn output(net: &Net, device: &Device) -> TensorData {
        net.forward(Tensor::from_data(reference("input"), device)).into_data()
    }

    #[test]
    fn a_pytorch_file_gives_pytorchs_output() {
        let device = Device::default();
        let net = load(Net::init(5, &device), STATE).unwrap();
        // Sums of at most 48 products of numbers around 1, in single precision.
        output(&net, &device)
            .assert_approx_eq::<f32>(&reference("output"), Tolerance::absolute(1e-5));
    }

    #[test]
    fn full_precision_survives_the_round_trip() {
        let device = Device::default();
        let net = load(Net::init(5, &device), STATE).unwrap();
        let bytes = save(&net, Precision::Full).unwrap();
        let again = load(Net::init(5, &device), &bytes).unwrap();
        output(&again, &device).assert_eq(&output(&net, &device), true);
        assert_eq!(save(&again, Precision::Full).unwrap(), bytes);

        let ours = SafeTensors::deserialize(&bytes).unwrap();
        let theirs = SafeTensors::deserialize(STATE).unwrap();
        for (name, tensor) in ours.iter() {
            assert_eq!(tensor.data(), theirs.tensor(name).unwrap().data(), "{name}");
        }
        assert_eq!(ours.len() + 1, theirs.len()); // theirs has a counter of batches
    }

    #[test]
    fn half_precision_halves_matrices_and_keeps_vectors() {
        let device = Device::default();
        let net = load(Net::init(5, &device), STATE).unwrap();
        let bytes = save(&net, Precision::Half).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for (name, tensor) in file.iter() {
            let expected = if tensor.shape().len() > 1 { Dtype::F16 } else { Dtype::F32 };
            assert_eq!(tensor.dtype(), expected, "{name}");
        }
        let again = load(Net::init(5, &device), &bytes).unwrap();
        // Eleven significant bits in each weight.
        output(&again, &device)
            .assert_approx_eq::<f32>(&output(&net, &device), Tolerance::absolute(5e-3));
        assert_eq!(save(&again, Precision::Half).unwrap(), bytes);
    }

    #[test]
    fn half_precision_refuses_what_it_cannot_hold() {
        let device = Device::default();
        let mut net = Net::init(5, &device);
        net.linear.weight = net.linear.weight.map(|w| w.mul_scalar(0.0).add_scalar(7e4));
        let problem = save(&net, Precision::Half).unwrap_err();
        assert!(
            matches!(&problem, WeightsError::TooLargeForHalf { tensor, .. } if tensor == "linear.weight"),
            "{problem}"
        );
        save(&net, Precision::Full).unwrap();
    }

    #[test]
    fn gradients_and_identities_are_the_modules() {
        let device = Device::default().autodiff();
        let net = Net::init(5, &device);
        let id = net.linear.weight.id;
        let net = load(net, STATE).unwrap();
        assert_eq!(net.linear.weight.id, id);
        assert!(net.linear.weight.is_require_grad());
        let Norm::Batch(norm) = &net.norm;
        assert!(!norm.running_mean.value().is_require_grad());
        let frozen = load(Net::init(5, &device).freeze(), STATE).unwrap();
        assert!(!frozen.linear.weight.is_require_grad());
    }

    /// The state with some tensors taken out, and with others put in.
    fn edited(without: &str, with: Option<(&str, Dtype)>) -> Vec<u8> {
        let file = SafeTensors::deserialize(STATE).unwrap();
        let mut tensors: Vec<_> = file.iter().filter(|(name, _)| *name != without).collect();
        if let Some((name, dtype)) = with {
            tensors.push((name, TensorView::new(dtype, vec![4], &[0; 16]).unwrap()));
        }
        safetensors::serialize(tensors, None).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let check = |hidden: usize, bytes: &[u8], message: &str| {
            let problem = load(Net::init(hidden, &Device::default()), bytes).unwrap_err();
            assert!(problem.to_string().starts_with(message), "{problem}");
        };
        let none = "no such tensor";
        check(5, &edited("norm.weight", None), "no weights for norm.weight;");
        check(5, &edited("norm.running_var", None), "no weights for norm.running_var;");
        check(5, &edited(none, Some(("extra", Dtype::F32))), "no place for extra in the network;");
        check(6, STATE, "tensor linear.weight has the shape [5, 48], the network needs [6, 48];");
        check(
            5,
            &edited("norm.weight", Some(("norm.weight", Dtype::I32))),
            "tensor norm.weight holds I32 numbers;",
        );
        check(5, b"", "not a complete safetensors file:");
        check(5, &STATE[..STATE.len() - 1], "not a complete safetensors file:");
        check(5, &[0xff; 64], "not a complete safetensors file:");
    }

    #[test]
    fn files_are_named_in_errors_and_replaced_whole() {
        let device = Device::default();
        let folder = std::env::temp_dir().join(format!("s2f-weights-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.safetensors");
        let net = load(Net::init(5, &device), STATE).unwrap();

        let problem = load_file(Net::init(5, &device), &path).unwrap_err();
        assert!(problem.to_string().ends_with("model.safetensors"), "{problem}");
        save_file(&net, &path, Precision::Full).unwrap();
        save_file(&net, &path, Precision::Half).unwrap();
        load_file(Net::init(5, &device), &path).unwrap();
        let problem = load_file(Net::init(6, &device), &path).unwrap_err().to_string();
        assert!(problem.contains("model.safetensors: tensor linear.weight"), "{problem}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // A folder cannot be replaced by a file: nothing is left beside it.
        assert!(save_file(&net, &folder, Precision::Full).is_err());
        assert!(!folder.with_extension("tmp").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_half_is_read_exactly_wherever_it_lies() {
        let bytes: Vec<u8> =
            [7].into_iter().chain((0..=u16::MAX).flat_map(u16::to_le_bytes)).collect();
        for (bits, value) in (0..=u16::MAX).zip(from_half(&bytes[1..])) {
            let expected = f16::from_bits(bits).to_f32();
            assert!(value == expected || (value.is_nan() && expected.is_nan()), "{bits:#06x}");
        }
    }

    #[test]
    fn swapping_axes_covers_the_edges_of_tiles() {
        for (rows, columns) in [(1, 1), (3, 0), (0, 3), (1, 40), (16, 16), (17, 33)] {
            let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let out = swapped(&values, columns);
            assert_eq!(out.len(), values.len());
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(out[column * rows + row], values[row * columns + column]);
                }
            }
        }
    }
}
