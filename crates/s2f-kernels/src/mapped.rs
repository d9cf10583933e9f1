//! Files in memory without a copy.

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::Mmap;

/// The contents of a file, read by the operating system when they are first used.
///
/// The file must not be changed in place or shortened while the bytes are in use: the program would
/// compute with other values, or end. To replace it, write another file and rename that.
///
/// # Errors
/// Those of the operating system.
///
/// ```
/// let path = std::env::temp_dir().join(format!("s2f-mapped-{}", std::process::id()));
/// std::fs::write(&path, b"weights")?;
/// let bytes = s2f_kernels::mapped::map(&std::fs::File::open(&path)?)?;
/// std::fs::remove_file(&path)?; // the contents stay until the bytes are dropped
/// assert_eq!(bytes, b"weights".as_slice());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the mapping is only read. That the file does not change meanwhile is a condition of
    // this function: everything that this program writes is renamed into place, never overwritten.
    // What is read is checked like any other input, and every value of its bytes is a valid float.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}
