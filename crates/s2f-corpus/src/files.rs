//! Writing files so that a reader finds the old contents or the new, and never a part.

use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::CorpusError;

/// A file that takes its place under `path` only when [`finish`]ed: written beside it under a
/// temporary name until then, and removed when dropped.
pub(crate) fn begin(path: &Path) -> Result<NamedTempFile, CorpusError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".speech2face-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(CorpusError::io("write in", folder))
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
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), CorpusError> {
    let mut file = begin(path)?;
    file.write_all(bytes).map_err(CorpusError::io("write", path))?;
    finish(file, path)
}
