//! Atomic files: written under a temporary name, flushed, then renamed, so that a reader finds the
//! whole file or none.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

const PREFIX: &str = ".speech2face-";
const SUFFIX: &str = ".tmp";

/// An error of the operating system: no space, no permission, a missing file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}; hint: {}", path.display(), hint(source))]
pub struct FileError {
    /// What failed, as an infinitive: `read`, `write in`.
    pub operation: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

impl FileError {
    /// Adds the operation and the path to an error of the operating system, for `map_err`.
    pub fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { operation, path: path.to_owned(), source }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and run the same command again"
        }
        io::ErrorKind::NotFound => "check the name, and that the disk is mounted",
        io::ErrorKind::PermissionDenied => "change the permissions and run the same command again",
        io::ErrorKind::FileTooLarge => "check that it is the right file",
        io::ErrorKind::IsADirectory => "name a file in this folder",
        io::ErrorKind::InvalidData => "check that it is the right file, saved as UTF-8",
        io::ErrorKind::ReadOnlyFilesystem => "name a folder on a disk that can be written to",
        _ => "run the same command again",
    }
}

/// Reads a whole text file of at most `max_bytes`: of a device without an end, such as
/// `/dev/zero`, or of the wrong file, no more is read.
///
/// # Errors
/// [`FileError`], also for a longer file and for text that is not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> Result<String, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            let reason = format!("it has more than {max_bytes} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
        String::from_utf8(bytes).map_err(not_text)
    };
    read().map_err(FileError::at("read", path))
}

/// What is wrong with a text at byte `start`, with the number of that line: for errors of parsers,
/// whose own messages take several lines.
pub fn at_line(text: &str, start: Option<usize>, message: &str) -> String {
    match start.and_then(|start| text.get(..start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message.to_owned(),
    }
}

/// A file that gets its name on [`commit`](Self::commit). Until then it has a temporary name in the
/// same folder, and dropping it removes it.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will be called `target`.
    ///
    /// # Errors
    /// [`FileError`] if no file can be created in its folder.
    pub fn create(target: &Path) -> Result<Self, FileError> {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // Temporary files are private elsewhere; these become files like any other.
        #[cfg(unix)]
        let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(without_temporary_name);
        let file = file.map_err(FileError::at("write in", folder))?;
        Ok(Self { file, target: target.to_owned() })
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// [`FileError`]; the file at `target` is then as it was.
    pub fn write(target: &Path, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = Self::create(target)?;
        file.write_all(bytes).map_err(FileError::at("write", target))?;
        file.commit()
    }

    /// Flushes the file to the disk and gives it its name, replacing an existing file.
    ///
    /// # Errors
    /// [`FileError`]; the file at the target is then as it was.
    pub fn commit(self) -> Result<(), FileError> {
        let Self { file, target } = self;
        let commit = || {
            file.as_file().sync_all()?;
            file.persist(&target).map(drop).map_err(|error| error.error)
        };
        commit().map_err(FileError::at("write", &target))
    }

    /// The open file.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Its path until it is committed, for another program to write to.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }
}

/// The error of the operating system: `tempfile` adds the temporary name to it.
fn without_temporary_name(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source());
    let code = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    code.map_or(error, io::Error::from_raw_os_error)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not the wrapper's, which adds the temporary name to errors.
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// Whether a file name is that of an [`AtomicFile`] that was never committed.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

/// Removes the temporary files that interrupted processes left in `folder`. Call it only if no
/// other process writes there.
///
/// # Errors
/// [`FileError`].
pub fn remove_temporary(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
        let entry = entry.map_err(FileError::at("read", folder))?;
        if is_temporary(&entry.file_name()) {
            let path = entry.path();
            fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn text_is_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "seed = 1").unwrap();
        assert_eq!(read_text(&path, 8).unwrap(), "seed = 1");
        let message = |error: FileError| format!("{error}: {}", error.source);
        let long = message(read_text(&path, 7).unwrap_err());
        assert!(long.ends_with("it has more than 7 bytes"), "{long}");
        fs::write(&path, b"\xff\xfe").unwrap();
        let binary = message(read_text(&path, 8).unwrap_err());
        assert!(binary.ends_with("it is not text in UTF-8"), "{binary}");
        #[cfg(unix)]
        assert!(read_text(Path::new("/dev/zero"), 1 << 16).is_err());
    }

    #[test]
    fn a_line_is_named_where_it_is_known() {
        let text = "a = 1\nb = \nc = 3\n";
        assert_eq!(at_line(text, Some(6), "no value"), "line 2: no value");
        assert_eq!(at_line(text, None, "no value"), "no value");
        assert_eq!(at_line(text, Some(99), "no value"), "no value");
    }

    #[test]
    fn a_file_has_its_name_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.txt");
        AtomicFile::write(&target, b"old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()).len(), 2);
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.txt"]);
        drop(AtomicFile::create(&target).unwrap());
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn only_temporary_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".speech2face-x.tmp", "a.tmp", ".speech2face-x", "b"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_temporary(folder.path()).unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".speech2face-x", "a.tmp", "b"]);
    }

    #[test]
    fn errors_name_the_path_and_end_in_a_hint() {
        let error = AtomicFile::write(Path::new("no/such/folder/a"), b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write in no/such/folder; hint: check the name, and that the disk is mounted"
        );
    }
}
