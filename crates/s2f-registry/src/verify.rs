//! SHA-256 of files, read no further than they should be long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::RemoteFile;

/// How a file on disk compares with the published one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Size(u64),
    Hash(String),
}

impl Comparison {
    /// What is wrong, as the end of a sentence on the file.
    pub(crate) fn reason(&self, file: &RemoteFile) -> String {
        match self {
            Self::Equal => "is as published".to_owned(),
            Self::Size(found) => format!("has {found} bytes in place of {}", file.bytes),
            Self::Hash(found) => format!("has the sha256 {found} in place of {}", file.sha256),
        }
    }
}

/// Compares the file at `path` with the published one.
pub(crate) fn compare(path: &Path, file: &RemoteFile) -> io::Result<Comparison> {
    let mut open = open_file(path)?;
    let size = open.metadata()?.len();
    if size != file.bytes {
        return Ok(Comparison::Size(size));
    }
    let mut hasher = Sha256::new();
    let read = io::copy(&mut (&mut open).take(file.bytes + 1), &mut hasher)?;
    if read != file.bytes {
        return Ok(Comparison::Size(read)); // it changed meanwhile
    }
    let found = format!("{:x}", hasher.finalize());
    Ok(if found == file.sha256 { Comparison::Equal } else { Comparison::Hash(found) })
}

/// Opens a file that is a file: opening a pipe would wait for ever.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    File::open(path)
}
