//! Whole files: written to a temporary name, flushed, renamed; hashed before they are trusted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use s2f_core::hash::{Digest, Sha256};
use serde::Serialize;

use crate::TrainError;

/// End of the name of what is not whole yet.
pub(super) const TEMPORARY: &str = ".tmp";

/// `path` with [`TEMPORARY`] behind it.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

/// Writes a whole file and the folders above it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let temporary = temporary(path);
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        flushed(&temporary, bytes)?;
        rename(&temporary, path)
    };
    write().map_err(TrainError::io("write", path))
}

/// Writes a value as JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|e| TrainError::io("write", path)(e.into()))?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Writes a file and waits until it is on the disk.
pub(super) fn flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames a file or a folder and waits until its new name is on the disk.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        // Some systems cannot flush a folder; there the name comes to the disk in its own time.
        Some(parent) => File::open(parent).and_then(|folder| folder.sync_all()).or(Ok(())),
        None => Ok(()),
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
