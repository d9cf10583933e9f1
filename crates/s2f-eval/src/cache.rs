//! A cache of slow computations, in parts next to the report: an interrupted evaluation
//! resumes, and a repeated one is quick.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::{AtomicFile, FileError, hash, remove_temporary};
use s2f_metrics::Vectors;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::EvalError;

/// Pairs in a part: an interruption loses at most one part.
const PAIRS_PER_PART: usize = 64;

/// Rows of values by name, one row per pair.
pub(crate) type Columns = BTreeMap<String, Vectors>;

/// A folder of parts.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens a cache in `folder`, which is created if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self, EvalError> {
        fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
        remove_temporary(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The columns of all `rows`; `compute` is called for rows that are not in the
    /// cache. `key` must contain everything that they depend on; without one, nothing is cached.
    /// `done` is called with the number of rows so far.
    pub(crate) fn columns(
        &self,
        name: &str,
        key: Option<&str>,
        rows: usize,
        mut compute: impl FnMut(&[usize]) -> Result<Columns, EvalError>,
        done: &mut dyn FnMut(usize),
    ) -> Result<Columns, EvalError> {
        let indices: Vec<usize> = (0..rows).collect();
        let mut all: BTreeMap<String, Vec<&[f32]>> = BTreeMap::new();
        let mut parts = Vec::new();
        let mut so_far = 0;
        for (part, rows) in indices.chunks(PAIRS_PER_PART).enumerate() {
            let file = key.map(|key| {
                let name = format!("{name}-{}-{part:05}.safetensors", short(key));
                (self.folder.join(name), key)
            });
            let cached = file.as_ref().and_then(|(path, key)| read(path, key, rows.len()));
            let columns = match cached {
                Some(columns) => columns,
                None => {
                    let columns = compute(rows)?;
                    if let Some((path, key)) = &file {
                        write(path, key, &columns)?;
                    }
                    columns
                }
            };
            parts.push(columns);
            so_far += rows.len();
            done(so_far);
        }
        for (name, vectors) in parts.iter().flatten() {
            all.entry(name.clone()).or_default().extend(vectors.rows());
        }
        if all.values().any(|column| column.len() != rows) {
            let folder = self.folder.display();
            return Err(EvalError::Cache { folder: folder.to_string() });
        }
        Ok(all.into_iter().map(|(name, rows)| (name, Vectors::from_rows(rows))).collect())
    }
}

/// Start of the hash of a key, for file names; the whole key is in the file.
fn short(key: &str) -> String {
    hash::sha256(key.as_bytes())[..12].to_owned()
}

/// A part, if it is complete and has this key; otherwise it is computed again.
fn read(path: &Path, key: &str, rows: usize) -> Option<Columns> {
    let bytes = fs::read(path).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
    if metadata.metadata().as_ref()?.get("key")? != key {
        return None;
    }
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let mut columns = Columns::new();
    for (name, view) in tensors.tensors() {
        let &[count, dimension] = view.shape() else { return None };
        if view.dtype() != Dtype::F32 || count != rows {
            return None;
        }
        let numbers = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        columns.insert(name, Vectors::new(numbers.collect(), dimension));
    }
    Some(columns)
}

fn write(path: &Path, key: &str, columns: &Columns) -> Result<(), EvalError> {
    let bytes: Vec<(&String, [usize; 2], Vec<u8>)> = columns
        .iter()
        .map(|(name, rows)| {
            let bytes = rows.values().iter().flat_map(|number| number.to_le_bytes()).collect();
            (name, [rows.len(), rows.dimension()], bytes)
        })
        .collect();
    let failed = |reason: String| {
        FileError::at("write", path)(std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
    };
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| failed(error.to_string()))?;
    let metadata = Some([("key".to_owned(), key.to_owned())].into());
    let file = serialize(views, metadata).map_err(|error| failed(error.to_string()))?;
    Ok(AtomicFile::write(path, &file)?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn cached_parts_are_not_computed_again_but_damaged_ones_are() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let computed = Cell::new(0);
        let columns = |key: Option<&str>| {
            computed.set(0);
            let compute = |rows: &[usize]| {
                computed.set(computed.get() + rows.len());
                let numbers = rows.iter().flat_map(|&row| [row as f32, f32::NAN]).collect();
                Ok(Columns::from([("a".to_owned(), Vectors::new(numbers, 2))]))
            };
            let mut last = 0;
            let columns = cache.columns("x", key, 150, compute, &mut |done| last = done).unwrap();
            assert_eq!((columns["a"].len(), columns["a"].row(149)[0], last), (150, 149.0, 150));
            computed.get()
        };
        let (one, two) = (Some("one"), Some("two"));
        assert_eq!([columns(one), columns(one), columns(two)], [150, 0, 150]);
        // Without a key, nothing is read or written.
        assert_eq!([columns(None), columns(None)], [150, 150]);
        let mut parts: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        parts.sort();
        let bytes = fs::read(&parts[0]).unwrap();
        fs::write(&parts[0], &bytes[..bytes.len() - 3]).unwrap();
        fs::remove_file(&parts[1]).unwrap();
        assert_eq!(columns(one) + columns(two), 128);
    }
}
