//! Values that other programs computed, in NumPy's format.

use std::path::Path;

use npyz::{Deserialize, NpyFile};

/// An array of a `.npy` file.
pub struct Npy<T> {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<T>,
}

/// Reads a `.npy` file with elements of type `T`.
///
/// # Panics
/// If there is no such file, or if it has elements of another type.
pub fn npy<T: Deserialize>(path: &Path) -> Npy<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = NpyFile::new(&bytes[..]).unwrap();
    let shape = file.shape().iter().map(|&length| length as usize).collect();
    Npy { shape, values: file.into_vec().unwrap() }
}
