//! Checkpoints of other programs: PyTorch's `.pth` and `.pt`, Keras's `.h5`, and safetensors,
//! distinguished by their contents.
//!
//! A `.pth` file is a pickle, a small program that PyTorch runs to rebuild the saved objects.
//! Nothing in it is run here: `pickle.rs` implements the few calls that rebuild tensors and passes
//! over everything else. Pickles that are longer than any network needs are refused before they are
//! parsed, and a tensor is read only if its shape is that of a parameter. A file can therefore not
//! take much more memory than its network. Safetensors are read whole.

mod bounds;
mod hdf5;
mod import;
mod layout;
mod pickle;
mod resemblyzer;
mod storage;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
pub use import::{Import, Imported};
pub use layout::{Layout, Stored};
use s2f_core::FileError;
use safetensors::tensor::{Dtype, SafeTensors, TensorInfo};

use super::{WeightsError, read_file};

/// VGG-Face has 0.6 GB, an optimizer's state three times the size of its network.
const MAX_FILE_BYTES: u64 = 8 << 30;
/// Enough of a file to recognise its format.
const HEAD_BYTES: u64 = 64;
/// The types that are supported.
const FLOATS: &str = "float64, float32, float16 or bfloat16";

/// An open file of named tensors. Their names and shapes are read, but not yet their values.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    PyTorch { tensors: HashMap<String, pickle::Tensor>, places: storage::Places },
    Hdf5 { tensors: HashMap<String, hdf5::Dataset> },
    Safetensors { bytes: Vec<u8>, start: usize, tensors: HashMap<String, TensorInfo> },
}

/// The type of a tensor's values, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

impl Checkpoint {
    /// Opens a file.
    ///
    /// # Errors
    /// [`WeightsError`] with the file's name: it cannot be read, or is no checkpoint of PyTorch or
    /// Keras and not safetensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let contents = contents(path).map_err(|problem| problem.in_file(path))?;
        Ok(Self { path: path.to_owned(), contents })
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.contents {
            Contents::PyTorch { tensors, .. } => tensors.keys().map(String::as_str).collect(),
            Contents::Hdf5 { tensors } => tensors.keys().map(String::as_str).collect(),
            Contents::Safetensors { tensors, .. } => tensors.keys().map(String::as_str).collect(),
        };
        names.sort_unstable();
        names
    }

    /// The shape of a tensor.
    fn shape(&self, name: &str) -> Result<Vec<usize>, WeightsError> {
        let shape = match &self.contents {
            Contents::PyTorch { tensors, .. } => tensors.get(name).map(|x| x.shape.clone()),
            Contents::Hdf5 { tensors } => tensors.get(name).map(|x| x.shape.clone()),
            Contents::Safetensors { tensors, .. } => tensors.get(name).map(|x| x.shape.clone()),
        };
        shape.ok_or_else(|| WeightsError::Missing { tensors: vec![name.to_owned()] })
    }

    /// Appends the values of the tensor `name`, which has to have the shape `expected`, to `out`:
    /// in single precision, little-endian and row-major.
    fn append(
        &self,
        name: &str,
        expected: &[usize],
        out: &mut Vec<u8>,
    ) -> Result<(), WeightsError> {
        let missing = || WeightsError::Missing { tensors: vec![name.to_owned()] };
        let fits = |shape: &[usize]| {
            if shape == expected {
                return Ok(());
            }
            let (expected, actual) = (expected.to_vec(), shape.to_vec());
            Err(WeightsError::Shape { tensor: name.to_owned(), expected, actual })
        };
        let refused = |actual: String| WeightsError::DataType {
            tensor: name.to_owned(),
            actual,
            supported: FLOATS,
        };
        match &self.contents {
            Contents::PyTorch { tensors, places } => {
                let tensor = tensors.get(name).ok_or_else(missing)?;
                fits(&tensor.shape)?;
                let float = match tensor.kind.as_str() {
                    "Double" => Float::F64,
                    "Float" => Float::F32,
                    "Half" => Float::F16,
                    "BFloat16" => Float::Bf16,
                    other => return Err(refused(other.to_owned())),
                };
                let place = places.get(&tensor.storage).cloned();
                let bytes = self.values(tensor, place.unwrap_or_default(), float)?;
                append(name, float, &bytes, out)
            }
            Contents::Hdf5 { tensors } => {
                let tensor = tensors.get(name).ok_or_else(missing)?;
                fits(&tensor.shape)?;
                let float = tensor.float.clone().map_err(refused)?;
                let count: usize = expected.iter().product();
                let bytes = (count * float.bytes()) as u64;
                let place = tensor.place.filter(|(_, length)| *length == bytes);
                let (start, _) = place.ok_or_else(|| WeightsError::DataType {
                    tensor: name.to_owned(),
                    actual: "compressed, or in pieces".to_owned(),
                    supported: "an HDF5 file without compression",
                })?;
                append(name, float, &self.bytes(start, bytes as usize)?, out)
            }
            Contents::Safetensors { bytes, start, tensors } => {
                let tensor = tensors.get(name).ok_or_else(missing)?;
                fits(&tensor.shape)?;
                let float = match tensor.dtype {
                    Dtype::F64 => Float::F64,
                    Dtype::F32 => Float::F32,
                    Dtype::F16 => Float::F16,
                    Dtype::BF16 => Float::Bf16,
                    other => return Err(refused(format!("{other:?}"))),
                };
                let (from, to) = tensor.data_offsets;
                let bytes = bytes.get(start + from..start + to).unwrap_or_default();
                append(name, float, bytes, out)
            }
        }
    }
}

impl Checkpoint {
    /// Bytes of the file.
    fn bytes(&self, start: u64, length: usize) -> Result<Vec<u8>, WeightsError> {
        let io = |source| WeightsError::File(FileError::at("read", &self.path)(source));
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    /// The bytes of a tensor of PyTorch, row-major.
    fn values(
        &self,
        tensor: &pickle::Tensor,
        place: Range<u64>,
        float: Float,
    ) -> Result<Vec<u8>, WeightsError> {
        let width = float.bytes();
        let short = || malformed(format!("storage {} is too short", tensor.storage));
        // The first and the last value.
        let steps = tensor.shape.iter().zip(&tensor.strides);
        let last = steps.clone().try_fold(0_usize, |last, (length, stride)| {
            last.checked_add(length.saturating_sub(1).checked_mul(*stride)?)
        });
        let bytes = last.and_then(|last| last.checked_add(1)?.checked_mul(width));
        let start =
            tensor.offset.checked_mul(width).and_then(|by| place.start.checked_add(by as u64));
        let (Some(bytes), Some(start)) = (bytes, start) else { return Err(short()) };
        if tensor.shape.contains(&0) {
            return Ok(Vec::new());
        }
        if start.saturating_add(bytes as u64) > place.end {
            return Err(short());
        }
        let stored = self.bytes(start, bytes)?;
        let contiguous = (0..tensor.shape.len()).all(|axis| {
            let inner: usize = tensor.shape[axis + 1..].iter().product();
            tensor.shape[axis] == 1 || tensor.strides[axis] == inner
        });
        if contiguous {
            return Ok(stored);
        }
        let count: usize = tensor.shape.iter().product();
        let mut values = Vec::with_capacity(count * width);
        for index in 0..count {
            let mut rest = index;
            let mut at = 0;
            for (length, stride) in steps.clone().rev() {
                at += rest % length * stride;
                rest /= length;
            }
            values.extend_from_slice(&stored[at * width..][..width]);
        }
        Ok(values)
    }
}

impl Float {
    /// Bytes of a value.
    fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

fn contents(path: &Path) -> Result<Contents, WeightsError> {
    let io = |source| WeightsError::File(FileError::at("read", path)(source));
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(WeightsError::TooBig { bytes: metadata.len(), limit: MAX_FILE_BYTES });
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(io)?;
    // The length of a header of at most 16 MB, then the header, which is JSON.
    if head.get(3..9) == Some(&[0, 0, 0, 0, 0, b'{']) {
        return safetensors(read_file(path)?);
    }
    if head.starts_with(hdf5::SIGNATURE) {
        let tensors = match hdf5::read(file) {
            Ok(tensors) => tensors,
            Err(hdf5::Problem::Io(error)) => return Err(io(error)),
            Err(hdf5::Problem::Contents(reason)) => {
                return Err(WeightsError::Malformed { format: "HDF5", reason });
            }
        };
        return Ok(Contents::Hdf5 { tensors });
    }
    file.rewind().map_err(io)?;
    bounds::check(file, &head).map_err(io)?.map_err(malformed)?;
    let mut file = File::open(path).map_err(io)?;
    let (found, places) = storage::read(&mut file).map_err(io)?.map_err(malformed)?;
    if found.tensors.is_empty() {
        return Err(malformed("it holds no tensors".into()));
    }
    Ok(Contents::PyTorch { tensors: found.tensors, places })
}

fn safetensors(bytes: Vec<u8>) -> Result<Contents, WeightsError> {
    let wrong = |error: ::safetensors::SafeTensorError| WeightsError::Malformed {
        format: "safetensors",
        reason: error.to_string(),
    };
    SafeTensors::deserialize(&bytes).map_err(wrong)?;
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(wrong)?;
    let tensors = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
    let start = size_of::<u64>() + header;
    Ok(Contents::Safetensors { bytes, start, tensors })
}

/// Appends values to `out` in single precision; one that is not finite is an error.
fn append(name: &str, float: Float, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WeightsError> {
    let mut not_finite = None;
    let mut push = |value: f32| {
        if !value.is_finite() {
            not_finite.get_or_insert(value);
        }
        out.extend(value.to_le_bytes());
    };
    match float {
        Float::F64 => {
            bytes.as_chunks().0.iter().for_each(|b| push(f64::from_le_bytes(*b) as f32));
        }
        Float::F32 => bytes.as_chunks().0.iter().for_each(|b| push(f32::from_le_bytes(*b))),
        Float::F16 => bytes.as_chunks().0.iter().for_each(|b| push(f16::from_le_bytes(*b).into())),
        Float::Bf16 => {
            bytes.as_chunks().0.iter().for_each(|b| push(bf16::from_le_bytes(*b).into()));
        }
    }
    match not_finite {
        None => Ok(()),
        Some(value) => Err(WeightsError::NotFinite { tensor: name.to_owned(), value }),
    }
}

fn malformed(reason: String) -> WeightsError {
    WeightsError::Malformed { format: "PyTorch checkpoint", reason }
}
