//! Files of a run folder. A whole file is written by [`AtomicFile`]; a checkpoint is a folder,
//! which appears as a whole too: its files are flushed under a temporary name, then the folder is
//! renamed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use s2f_core::{AtomicFile, FileError};
use serde::Serialize;

/// Suffix of a folder that is not complete yet, and of the temporary files of earlier versions.
const TEMPORARY: &str = ".tmp";

/// The temporary name of a folder.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

/// Whether a file or folder was being written when a run was interrupted.
pub(super) fn is_temporary(path: &Path) -> bool {
    path.extension() == Some(OsStr::new(&TEMPORARY[1..]))
}

/// Writes a whole file and creates the folders above it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(FileError::at("make", parent))?;
    }
    AtomicFile::write(path, bytes)
}

/// Writes a value as JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let text = serde_json::to_string_pretty(value);
    let mut text = text.map_err(|error| FileError::at("write", path)(error.into()))?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Writes a file of a folder that is not complete yet, and waits until it is on the disk.
pub(super) fn write_flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames a folder and waits until its new name is on the disk.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        // Some systems cannot flush a folder; there the name reaches the disk later.
        Some(parent) => File::open(parent).and_then(|folder| folder.sync_all()).or(Ok(())),
        None => Ok(()),
    }
}

/// Removes a file or a folder if it exists.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a checkpoint in one step: as long as it has its name, it is complete.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut discarded = path.as_os_str().to_owned();
    discarded.push(".gone");
    discarded.push(TEMPORARY);
    let discarded = PathBuf::from(discarded);
    remove(&discarded)?;
    fs::rename(path, &discarded)?;
    remove(&discarded)
}

/// Names and paths of what is in a folder; nothing if there is no folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, FileError> {
    let read = || match fs::read_dir(folder) {
        Ok(found) => found
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
            })
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    read().map_err(FileError::at("read", folder))
}
