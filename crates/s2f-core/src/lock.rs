//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::FileError;

/// Name of the lock of a folder.
const LOCK: &str = ".lock";

/// A lock that one process holds at a time: until it is dropped or the process ends, even if it
/// crashes.
///
/// Its file stays: if it were removed, two processes could each lock a file of that name. On file
/// systems without locks, such as some network file systems, every process gets the lock.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// A folder that cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process writes in the folder.
    #[error(
        "another process is writing in {}; hint: wait until it ends, or name another folder",
        folder.display()
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

impl FileLock {
    /// Takes the lock of a folder, which must exist.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process holds it.
    pub fn of_folder(folder: &Path) -> Result<Self, LockError> {
        let busy = || LockError::Busy { folder: folder.to_owned() };
        Self::try_take(&folder.join(LOCK))?.ok_or_else(busy)
    }

    /// Whether `path` is the lock of a folder.
    pub fn is_of_folder(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name == LOCK)
    }

    /// Takes the lock of the file at `path`, which is created if it is missing; `None` if another
    /// process holds it.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be created or locked.
    pub fn try_take(path: &Path) -> Result<Option<Self>, FileError> {
        let file = open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if !is_unsupported(&error) => {
                Err(FileError::at("lock", path)(error))
            }
            _ => Ok(Some(Self { _file: file })),
        }
    }

    /// Takes the lock of the file at `path`, and waits for it if another process holds it, after
    /// calling `on_wait`.
    ///
    /// # Errors
    /// As [`FileLock::try_take`].
    pub fn take(path: &Path, on_wait: &mut dyn FnMut()) -> Result<Self, FileError> {
        if let Some(lock) = Self::try_take(path)? {
            return Ok(lock);
        }
        on_wait();
        let file = open(path)?;
        match file.lock() {
            Err(error) if !is_unsupported(&error) => Err(FileError::at("lock", path)(error)),
            _ => Ok(Self { _file: file }),
        }
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    open.map_err(FileError::at("write", path))
}

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_until_the_lock_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FileLock::of_folder(folder.path()).unwrap();
        // Another handle is another process to the operating system.
        let error = FileLock::of_folder(folder.path()).unwrap_err();
        assert!(matches!(error, LockError::Busy { .. }), "{error}");
        drop(lock);
        FileLock::of_folder(folder.path()).unwrap();
    }

    #[test]
    fn waiting_is_announced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK);
        let lock = FileLock::take(&path, &mut || unreachable!()).unwrap();
        let waited = std::thread::scope(|scope| {
            let (send, receive) = std::sync::mpsc::channel();
            let waiting = scope.spawn({
                let path = &path;
                move || FileLock::take(path, &mut || send.send(()).unwrap()).is_ok()
            });
            receive.recv().unwrap();
            drop(lock);
            waiting.join().unwrap()
        });
        assert!(waited);
    }
}
