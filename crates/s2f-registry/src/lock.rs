//! One process at a time fetches a network; the others wait and then find it there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{Event, RegistryError};

/// Held until dropped; the system lets go when the process dies.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of `folder`, and waits for it.
pub(crate) fn take(
    folder: &Path,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Lock, RegistryError> {
    // The file stays: removing it would let two processes hold locks on two files of one name.
    let path = folder.join(".lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(RegistryError::io("write", &path))?;
    let locked = match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            on_event(Event::Waiting);
            file.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    locked.or_else(unsupported_is_fine).map_err(RegistryError::io("lock", &path))?;
    Ok(Lock { _file: file })
}

/// Some network file systems know no locks. Two processes may then write into one another's
/// download: its hash is wrong, it is not installed, and one of them has to be run again.
fn unsupported_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::Unsupported { Ok(()) } else { Err(error) }
}
