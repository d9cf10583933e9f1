//! Published weights, pictures and reference values, which are not part of the project.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};

/// A file of the test data, which lie in `$S2F_SHARED` or in `shared` beside the checkout; `None`,
/// with a warning, if missing.
pub(crate) fn published(path: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("S2F_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no test data at {}", path.display());
    None
}

/// A `.npy` file (NumPy's format, version 1) of bytes or 32-bit floats of the test data.
pub(crate) fn npy<const D: usize>(path: &str, device: &Device) -> Tensor<D> {
    let bytes = std::fs::read(published(path).unwrap()).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"), "{path}");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (header, body) = (std::str::from_utf8(&bytes[10..end]).unwrap(), &bytes[end..]);
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape = axes.map(|axis| axis.parse().unwrap()).collect::<Vec<usize>>();
    let values: Vec<f32> = if header.contains("'descr': '|u1'") {
        body.iter().map(|&byte| f32::from(byte)).collect()
    } else {
        assert!(header.contains("'descr': '<f4'"), "{header}");
        body.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    };
    Tensor::from_data(TensorData::new(values, shape), device)
}
