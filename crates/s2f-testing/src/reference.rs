//! Values that other programs computed, in NumPy's format.

use std::path::Path;

use npyz::{Deserialize, NpyFile, Order};

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
pub fn npy<T: Deserialize + Clone>(path: &Path) -> Npy<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = NpyFile::new(&bytes[..]).unwrap();
    let shape: Vec<usize> = file.shape().iter().map(|&length| length as usize).collect();
    let order = file.order();
    let values: Vec<T> = file.into_vec().unwrap();
    match (order, &shape[..]) {
        (Order::C, _) | (_, [] | [_]) => Npy { shape, values },
        (Order::Fortran, &[rows, columns]) => {
            let place = |at: usize| at % columns * rows + at / columns;
            let values = (0..values.len()).map(|at| values[place(at)].clone()).collect();
            Npy { shape, values }
        }
        (Order::Fortran, _) => panic!("{}: more than two axes, by columns", path.display()),
    }
}
