//! A lock per network: one process at a time fetches it, the others wait and then find it
//! installed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{PullProgress, RegistryError};

/// Held until dropped; the system releases it when the process ends, even if it crashes.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of `folder`; waits while another process holds it.
pub(crate) fn take(
    folder: &Path,
    on_progress: &mut dyn FnMut(PullProgress<'_>),
) -> Result<Lock, RegistryError> {
    // The file is never removed: otherwise two processes could each lock a file of that name.
    let path = folder.join(".lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(RegistryError::io("write", &path))?;
    let locked = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            on_progress(PullProgress::Waiting);
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    locked.or_else(ignore_unsupported).map_err(RegistryError::io("lock", &path))?;
    Ok(Lock { _file: file })
}

/// Some network file systems have no locks. Two processes may then write into the same partial
/// download; its hash is then wrong, it is not installed, and one of them has to run again.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::Unsupported { Ok(()) } else { Err(error) }
}
