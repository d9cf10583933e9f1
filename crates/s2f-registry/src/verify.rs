//! Compares a file on disk with the published one: size first, then SHA-256.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use s2f_core::hash::HashWriter;

use crate::RemoteFile;

/// How a file on disk compares with the published one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    /// It has another size: this many bytes.
    Size(u64),
    /// It has another SHA-256: this one.
    Hash(String),
}

impl Comparison {
    /// What is wrong, as the end of a sentence about the file.
    pub(crate) fn reason(&self, file: &RemoteFile) -> String {
        match self {
            Self::Equal => "is as published".to_owned(),
            Self::Size(found) => format!("has {found} bytes instead of {}", file.bytes),
            Self::Hash(found) => format!("has the sha256 {found} instead of {}", file.sha256),
        }
    }
}

/// Compares the file at `path` with the published one. Reads at most one byte more than the
/// published file has.
pub(crate) fn compare(path: &Path, file: &RemoteFile) -> io::Result<Comparison> {
    let mut open = open_regular_file(path)?;
    let size = open.metadata()?.len();
    if size != file.bytes {
        return Ok(Comparison::Size(size));
    }
    let mut hash = HashWriter::default();
    let read = io::copy(&mut (&mut open).take(file.bytes + 1), &mut hash)?;
    if read != file.bytes {
        return Ok(Comparison::Size(read)); // it changed while it was read
    }
    let found = hash.finish();
    Ok(if found == file.sha256 { Comparison::Equal } else { Comparison::Hash(found) })
}

/// Opens a regular file; anything else is an error, since opening a pipe could wait for ever.
pub(crate) fn open_regular_file(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}
