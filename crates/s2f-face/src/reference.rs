//! Reference values for the tests: NumPy files beside the scripts that made them.

use std::path::{Path, PathBuf};

use npyz::{Deserialize, NpyFile};

/// A file of `reference/face`.
pub(crate) fn reference_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/face").join(name)
}

/// Shape and values of a NumPy file.
pub(crate) fn read_npy<T: Deserialize>(path: &Path) -> (Vec<usize>, Vec<T>) {
    let bytes = std::fs::read(path).unwrap();
    let file = NpyFile::new(&bytes[..]).unwrap();
    let shape = file.shape().iter().map(|&length| length as usize).collect();
    (shape, file.into_vec().unwrap())
}

/// Points of a NumPy file `[n, 2]` of `reference/face`.
pub(crate) fn read_points(name: &str) -> Vec<[f32; 2]> {
    let (_, values) = read_npy::<f32>(&reference_file(name));
    values.as_chunks::<2>().0.to_vec()
}

/// The folder with published models and data sets, or `None`, said aloud, where it is missing.
pub(crate) fn published(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("S2F_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let found = root.join(what);
    if !found.exists() {
        eprintln!("skipped: {} is not there", found.display());
        return None;
    }
    Some(found)
}
