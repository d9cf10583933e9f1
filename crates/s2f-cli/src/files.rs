//! Writing files so that a reader finds the old contents or the new, and never a part.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use speech2face::is_own;

/// As much of a file as tells whether this program wrote it.
const HEAD_BYTES: u64 = 256;

/// Writes `bytes` to `path`, in place of a file that this program wrote before and of no other.
///
/// # Errors
/// Names the file and the reason: one is there that this program did not write, or the operating
/// system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.display();
    if !may_replace(path).with_context(|| format!("cannot write {name}"))? {
        bail!(
            "{name} is there already and was not made by speech2face; hint: move it, or write \
             elsewhere with -o"
        );
    }
    replace(path, bytes).with_context(|| format!("cannot write {name}"))
}

/// Whether there is nothing at `path` that could be lost.
fn may_replace(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Ok(false),
        Ok(_) => {}
    }
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(is_own(&head))
}

/// Writes to a temporary name beside `path`, then renames it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_file_name(format!(".speech2face-{}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // The first error is the one to report.
        fs::remove_file(&temporary).ok();
    })
}
