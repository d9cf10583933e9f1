//! Weights in and out: the project's own safetensors files and the formats that published
//! face networks come in.
//!
//! Every reader takes bytes it does not trust: sizes are checked before memory is asked for, and
//! what is missing, surplus or of another shape is an error that names the tensor.

mod arrays;
mod error;
mod face_api;
mod mxnet;
mod names;
pub mod onnx;
mod pytorch;
mod safetensors;

use std::fs;
use std::path::Path;

pub use arrays::Arrays;
pub(crate) use arrays::set;
pub use error::WeightsError;
pub use face_api::read_face_api;
pub use mxnet::read_mxnet;
pub use names::KeyMap;
pub use pytorch::{Checkpoint, Import, Imported};
pub(crate) use safetensors::swapped;
pub use safetensors::{Precision, load, load_file, save, save_file};

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, WeightsError> {
    fs::read(path).map_err(|source| WeightsError::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    })
}
