//! Writing files.

use std::path::PathBuf;

use pyo3::prelude::*;
use s2f_core::AtomicFile;

use crate::error::{Kind, raised};

/// Writes a file whole or not at all, in the place of one of this name.
#[pyfunction]
#[pyo3(signature = (path, data, /))]
pub fn write_file(py: Python<'_>, path: PathBuf, data: &[u8]) -> PyResult<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let kind = folder.map_or(Kind::Error, Kind::at);
    py.detach(|| AtomicFile::write(&path, data)).map_err(|error| raised(py, kind, &error))
}
