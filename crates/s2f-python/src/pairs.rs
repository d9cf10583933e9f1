//! Sets of pairs.

use std::ffi::CStr;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use s2f_pairs::{self as pairs, PairsError, Split};

use crate::error::{Kind, invalid, raised};
use crate::threads;

/// The name of a capsule with a stream, from Arrow's PyCapsule interface.
const STREAM: &CStr = c"arrow_array_stream";

/// A set of pairs that passed all checks.
#[pyclass(frozen, module = "speech2face._native")]
pub struct PairSet(pub pairs::PairSet);

#[pymethods]
impl PairSet {
    #[new]
    #[pyo3(signature = (path, /))]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        open(py, path).map(Self)
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.pairs()).unwrap_or(usize::MAX)
    }

    /// Name of the face space of the features.
    #[getter]
    fn face_space(&self) -> String {
        self.0.face_space().name.clone()
    }

    /// Number of dimensions of a feature.
    #[getter]
    fn dimension(&self) -> usize {
        self.0.face_space().dimension
    }

    /// Licences of the pairs.
    #[getter]
    fn licences(&self) -> Vec<String> {
        self.0.licences().into_iter().map(str::to_owned).collect()
    }

    /// Every speaker and their split.
    fn speakers(&self) -> Vec<(String, &'static str)> {
        let speakers = self.0.speakers().iter();
        speakers.map(|(name, split)| (name.clone(), split.name())).collect()
    }

    /// Names of the columns.
    #[staticmethod]
    fn columns() -> Vec<String> {
        pairs::PairSet::columns()
    }

    /// A capsule with a stream of the rows, which are read when it is.
    #[pyo3(signature = (split, columns, /))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        split: Option<&str>,
        columns: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let split = split.map(|name| self::split(py, name)).transpose()?;
        let stream = self.0.arrow_stream(split, columns.as_deref());
        let stream = stream.map_err(|error| raised(py, Kind::Value, &error))?;
        PyCapsule::new_with_value(py, stream, STREAM)
    }
}

/// Opens a set of pairs.
pub fn open(py: Python<'_>, path: PathBuf) -> PyResult<pairs::PairSet> {
    let opened = threads::compute(py, || pairs::PairSet::open(&path))?;
    opened.map_err(|error: PairsError| raised(py, Kind::at(&path), &error))
}

/// The split of a name.
pub fn split(py: Python<'_>, name: &str) -> PyResult<Split> {
    Split::from_name(name).ok_or_else(|| {
        let names = Split::ALL.map(Split::name).join(", ");
        invalid(py, &format!("there is no split called {name:?}"), &format!("use one of {names}"))
    })
}
