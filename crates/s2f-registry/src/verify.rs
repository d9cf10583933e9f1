//! Compares a file on disk with the published one: size first, then its hash.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use s2f_core::hash::{GitBlobWriter, HashWriter};

use crate::{FileHash, RemoteFile};

/// How a file on disk compares with the published one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    /// It has another size: this many bytes.
    Size(u64),
    /// It has another hash: this one.
    Hash(String),
}

impl Comparison {
    /// What is wrong, as the end of a sentence about the file.
    pub(crate) fn reason(&self, file: &RemoteFile) -> String {
        match self {
            Self::Equal => "is as published".to_owned(),
            Self::Size(found) => format!("has {found} bytes instead of {}", file.bytes),
            Self::Hash(found) => {
                let (algorithm, expected) = (file.hash.algorithm(), file.hash.digits());
                format!("has the {algorithm} {found} instead of {expected}")
            }
        }
    }
}

/// Compares the file at `path` with the published one. Reads at most one byte more than the
/// published file has.
pub(crate) fn compare(path: &Path, file: &RemoteFile) -> io::Result<Comparison> {
    let open = open_regular_file(path)?;
    let size = open.metadata()?.len();
    if size != file.bytes {
        return Ok(Comparison::Size(size));
    }
    let mut open = open.take(file.bytes + 1);
    let (read, found) = match file.hash {
        FileHash::Sha256(_) => {
            let mut hash = HashWriter::default();
            (io::copy(&mut open, &mut hash)?, hash.finish())
        }
        FileHash::GitBlob(_) => {
            let mut hash = GitBlobWriter::new(file.bytes);
            (io::copy(&mut open, &mut hash)?, hash.finish())
        }
    };
    if read != file.bytes {
        return Ok(Comparison::Size(read)); // it changed while it was read
    }
    Ok(if found == file.hash.digits() { Comparison::Equal } else { Comparison::Hash(found) })
}

/// Opens a regular file; anything else is an error, since opening a pipe could wait for ever.
pub(crate) fn open_regular_file(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    File::open(path)
}
