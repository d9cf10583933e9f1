//! Weights in and out: the project's own safetensors files and the formats that published
//! face networks come in.
//!
//! No reader trusts its bytes: sizes are checked before memory is allocated, and a tensor that is
//! missing, surplus or of another shape is an error that names it.

mod arrays;
mod checkpoint;
mod error;
mod mxnet;
mod names;
pub mod onnx;
mod safetensors;

use std::fs::{self, File};
use std::path::Path;

pub(crate) use arrays::{Arrays, set_tensor, set_values};
pub use checkpoint::{Checkpoint, Import, Imported, Layout, Stored};
pub use error::WeightsError;
pub(crate) use mxnet::read_mxnet;
pub use names::KeyMap;
use s2f_core::FileError;
pub(crate) use safetensors::transposed;
pub use safetensors::{Precision, is_named, load, load_file, load_shared, save, save_file};

/// The contents of a file, mapped into memory.
fn map_file(path: &Path) -> Result<bytes::Bytes, WeightsError> {
    let map = || s2f_kernels::mapped::map(&File::open(path)?);
    Ok(map().map_err(FileError::at("read", path))?)
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, WeightsError> {
    Ok(fs::read(path).map_err(FileError::at("read", path))?)
}
