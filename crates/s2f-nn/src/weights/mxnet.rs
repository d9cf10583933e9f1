//! Apache MXNet parameter files (`.params`), version 2 of the NDArray format.
//!
//! Little endian throughout: `u64` 0x112, `u64` 0, `u64` number of arrays; for each array `u32`
//! 0xF993FAC9, `i32` storage type, `u32` number of axes, an `i64` for each axis, `i32` device type,
//! `i32` device number, `i32` type of the values, the values; then `u64` number of names and for
//! each name a `u64` length and its bytes. Names begin with `arg:` for learned parameters and
//! `aux:` for running statistics. Source: `NDArray::Save` in `src/ndarray/ndarray.cc` of MXNet 1.x.

use super::{Arrays, WeightsError};

const FILE: u64 = 0x112;
const ARRAY: u32 = 0xF993_FAC9;
const DENSE: u32 = 0;
const FLOAT32: u32 = 0;

/// The arrays of an MXNet parameter file, by name without the prefix `arg:` or `aux:`.
///
/// Only dense `float32` arrays are read. Memory is allocated only for bytes that are there.
///
/// # Errors
/// [`WeightsError::Malformed`] and [`WeightsError::DataType`].
pub(crate) fn read_mxnet(bytes: &[u8]) -> Result<Arrays, WeightsError> {
    let mut bytes = Reader { bytes };
    if bytes.u64("magic number of the file")? != FILE {
        return Err(malformed("it does not begin with the magic number of an NDArray list"));
    }
    bytes.u64("reserved word")?;
    let count = bytes.u64("number of arrays")?;
    let mut unnamed = Vec::new();
    for _ in 0..count {
        unnamed.push(bytes.array(unnamed.len())?);
    }
    if bytes.u64("number of names")? != count {
        return Err(malformed("the numbers of arrays and of names differ"));
    }
    let mut arrays = Arrays::default();
    for (shape, values) in unnamed {
        let name = bytes.name()?;
        if !arrays.insert(name.to_owned(), shape, values) {
            return Err(malformed(format!("two arrays are called {name}")));
        }
    }
    if bytes.bytes.is_empty() {
        Ok(arrays)
    } else {
        Err(malformed(format!("{} bytes follow the last name", bytes.bytes.len())))
    }
}

fn malformed(reason: impl Into<String>) -> WeightsError {
    WeightsError::Malformed { format: "MXNet parameter", reason: reason.into() }
}

/// The bytes that are left to read.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64, what: &str) -> Result<&'a [u8], WeightsError> {
        let split = usize::try_from(length).ok().and_then(|at| self.bytes.split_at_checked(at));
        let (taken, rest) = split.ok_or_else(|| {
            malformed(format!("{what}: {length} bytes expected, {} left", self.bytes.len()))
        })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn words<const N: usize>(&mut self, what: &str) -> Result<[u8; N], WeightsError> {
        let (word, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or_else(|| malformed(format!("it ends within the {what}")))?;
        self.bytes = rest;
        Ok(*word)
    }

    fn u32(&mut self, what: &str) -> Result<u32, WeightsError> {
        self.words(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, WeightsError> {
        self.words(what).map(u64::from_le_bytes)
    }

    fn array(&mut self, index: usize) -> Result<(Vec<usize>, Vec<f32>), WeightsError> {
        if self.u32("magic number of an array")? != ARRAY {
            return Err(malformed(format!("array {index} does not begin with its magic number")));
        }
        if self.u32("storage type")? != DENSE {
            return Err(malformed(format!("array {index} is sparse")));
        }
        let axes = self.u32("number of axes")?;
        if axes == 0 {
            return Err(malformed(format!("array {index} is empty")));
        }
        let axes = self.take(u64::from(axes) * 8, "axes")?.as_chunks().0;
        let shape = axes.iter().map(|axis| u64::from_le_bytes(*axis)).collect::<Vec<_>>();
        self.take(8, "device")?;
        let value_type = self.u32("type of the values")?;
        if value_type != FLOAT32 {
            return Err(WeightsError::DataType {
                tensor: format!("{index} (counted from 0)"),
                actual: format!("MXNet type {value_type}"),
                supported: "float32 (type 0)",
            });
        }
        let length = shape
            .iter()
            .try_fold(4, |bytes: u64, axis| bytes.checked_mul(*axis))
            .ok_or_else(|| malformed(format!("array {index} is larger than any file")))?;
        let values = self.take(length, "array")?.as_chunks().0;
        let values = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let shape = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>();
        Ok((shape.map_err(|e| malformed(format!("array {index}: {e}")))?, values))
    }

    fn name(&mut self) -> Result<&'a str, WeightsError> {
        let length = self.u64("length of a name")?;
        let name = std::str::from_utf8(self.take(length, "name")?)
            .map_err(|_| malformed("a name is not UTF-8"))?;
        Ok(name.strip_prefix("arg:").or(name.strip_prefix("aux:")).unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Reference;

    /// Written by `reference/nn/foreign_weights.py`.
    const FILE_BYTES: &[u8] = include_bytes!("../../../../reference/nn/foreign_mxnet.params");
    const VALUES: &[u8] = include_bytes!("../../../../reference/nn/foreign_weights.safetensors");

    #[test]
    fn arrays_have_their_names_shapes_and_values() {
        let mut arrays = read_mxnet(FILE_BYTES).unwrap();
        let reference = Reference::new(VALUES);
        for (name, shape) in [("conv_weight", &[3, 2, 1, 2][..]), ("bn_moving_var", &[5])] {
            assert_eq!(arrays.take(name, shape).unwrap(), reference.values(name));
        }
        arrays.finish().unwrap();
    }

    #[test]
    fn misfits_are_named() {
        let taken = |name: &str, shape: &[usize]| {
            read_mxnet(FILE_BYTES).unwrap().take(name, shape).unwrap_err().to_string()
        };
        assert!(taken("conv_weight", &[3, 2]).starts_with("tensor conv_weight has the shape"));
        assert!(taken("conv_bias", &[3]).starts_with("no weights for conv_bias"));
        let left = read_mxnet(FILE_BYTES).unwrap().finish().unwrap_err().to_string();
        assert!(left.starts_with("unexpected tensors bn_moving_var, conv_weight"), "{left}");
    }

    #[test]
    fn every_cut_is_an_error() {
        for end in 0..FILE_BYTES.len() {
            assert!(read_mxnet(&FILE_BYTES[..end]).is_err(), "cut at {end}");
        }
        assert!(read_mxnet(&[FILE_BYTES, b"\0"].concat()).is_err());
    }

    #[test]
    fn a_changed_byte_is_an_error_or_another_value() {
        for at in 0..FILE_BYTES.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = FILE_BYTES.to_vec();
                bytes[at] ^= flip;
                // An error or other values; neither a panic nor memory beyond the file's size.
                let _ = read_mxnet(&bytes);
            }
        }
    }
}
