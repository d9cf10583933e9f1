//! Writing files so that a reader finds the old contents or the new, and never a part.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::CorpusError;

const PREFIX: &str = ".speech2face-";
const SUFFIX: &str = ".tmp";

/// A file that takes its place under `path` only when [`finish`]ed: written beside it under a
/// temporary name until then, and removed when dropped.
pub(crate) fn begin(path: &Path) -> Result<NamedTempFile, CorpusError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Temporary files are private elsewhere; these become files like any other.
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(CorpusError::io("write in", folder))
}

/// Flushes the file and puts it under its name.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> Result<(), CorpusError> {
    let write = CorpusError::io("write", path);
    if let Err(error) = file.as_file().sync_all() {
        return Err(write(error));
    }
    file.persist(path).map(|_| ()).map_err(|error| write(error.error))
}

/// Writes a whole file.
///
/// # Errors
/// [`CorpusError::Io`] with the path and what the system said.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CorpusError> {
    let mut file = begin(path)?;
    file.write_all(bytes).map_err(CorpusError::io("write", path))?;
    finish(file, path)
}

/// Whether a file is one that was never finished.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

/// Removes what killed processes left in `folder`. Only where no other process writes there.
///
/// # Errors
/// [`CorpusError::Io`] with the path and what the system said.
pub fn remove_temporary(folder: &Path) -> Result<(), CorpusError> {
    for entry in fs::read_dir(folder).map_err(CorpusError::io("read", folder))? {
        let entry = entry.map_err(CorpusError::io("read", folder))?;
        if is_temporary(&entry.file_name()) {
            let path = entry.path();
            fs::remove_file(&path).map_err(CorpusError::io("remove", &path))?;
        }
    }
    Ok(())
}
