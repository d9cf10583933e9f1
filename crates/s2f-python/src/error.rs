//! Errors as exceptions: the message and the hint of the error, in a class of `speech2face`.

use std::error::Error;
use std::path::Path;

use pyo3::prelude::*;
use s2f_core::hint;

/// The class of an exception, in `speech2face._errors`.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any error.
    Error,
    /// A file or folder that does not exist; also a `FileNotFoundError`.
    NotFound,
    /// An argument out of its range; also a `ValueError`.
    Value,
}

impl Kind {
    /// [`Kind::NotFound`] for a path at which there is nothing.
    pub fn at(path: &Path) -> Self {
        if path.exists() { Self::Error } else { Self::NotFound }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::NotFound => "NotFoundError",
            Self::Value => "InvalidValueError",
        }
    }
}

/// An error as an exception.
pub fn raised(py: Python<'_>, kind: Kind, error: &(dyn Error + 'static)) -> PyErr {
    // The exception of a Python function that was called.
    if let Some(inner) = error.downcast_ref::<PyErr>() {
        return inner.clone_ref(py);
    }
    let (message, hint) = hint::describe(error);
    exception(py, kind, &message, hint.as_deref()).map_or_else(|problem| problem, PyErr::from_value)
}

/// An argument that is out of its range, and what to do.
pub fn invalid(py: Python<'_>, message: &str, hint: &str) -> PyErr {
    exception(py, Kind::Value, message, Some(hint))
        .map_or_else(|problem| problem, PyErr::from_value)
}

/// An exception that is not raised.
pub fn exception<'py>(
    py: Python<'py>,
    kind: Kind,
    message: &str,
    hint: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("speech2face._errors")?.getattr(kind.class())?.call1((message, hint))
}
