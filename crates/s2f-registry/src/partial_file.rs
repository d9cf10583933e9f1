//! A partial download: `FILE.part`, and in `FILE.part.etag` the server's ETag of the version that
//! it belongs to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::verify::{Comparison, compare};
use crate::{RegistryError, RemoteFile};

/// Bytes that are read and written at a time.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;
/// A longer ETag is ignored, since it would be sent with each request.
const MAX_ETAG_BYTES: u64 = 256;

/// A download that may have been started by an earlier process.
pub(crate) struct PartialFile<'a> {
    file: &'a RemoteFile,
    target: PathBuf,
    path: PathBuf,
    etag_path: PathBuf,
    open: File,
    len: u64,
    is_from_one_response: bool,
}

impl<'a> PartialFile<'a> {
    /// Opens what an earlier process left in `folder`, or creates an empty file.
    pub(crate) fn open(folder: &Path, file: &'a RemoteFile) -> Result<Self, RegistryError> {
        let path = folder.join(format!("{}.part", file.name));
        let etag_path = folder.join(format!("{}.part.etag", file.name));
        let open = || {
            let open = OpenOptions::new().create(true).append(true).open(&path)?;
            let len = open.metadata()?.len();
            Ok((open, len))
        };
        let (open, len) = open().map_err(RegistryError::io("write", &path))?;
        let target = folder.join(&file.name);
        let is_from_one_response = len == 0;
        let mut part = Self { file, target, path, etag_path, open, len, is_from_one_response };
        if len > file.bytes {
            part.restart(None)?;
        }
        Ok(part)
    }

    /// Bytes on disk.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether all bytes come from one response of the server to this process.
    pub(crate) fn is_from_one_response(&self) -> bool {
        self.is_from_one_response
    }

    /// The ETag of the version that the bytes belong to, if the server sent a strong one.
    pub(crate) fn etag(&self) -> Option<String> {
        let file = File::open(&self.etag_path).ok()?;
        let mut etag = String::new();
        file.take(MAX_ETAG_BYTES).read_to_string(&mut etag).ok()?;
        is_strong_etag(&etag).then_some(etag)
    }

    /// Empties the file, for a version with this ETag.
    pub(crate) fn restart(&mut self, etag: Option<&str>) -> Result<(), RegistryError> {
        let write = || {
            self.open.set_len(0)?;
            match etag.filter(|etag| is_strong_etag(etag)) {
                Some(etag) => fs::write(&self.etag_path, etag),
                None => remove(&self.etag_path),
            }
        };
        write().map_err(RegistryError::io("write", &self.path))?;
        self.len = 0;
        self.is_from_one_response = true;
        Ok(())
    }

    /// Keeps the bytes, and appends those of another response.
    pub(crate) fn resume(&mut self) {
        self.is_from_one_response = false;
    }

    /// Appends bytes. The caller makes sure that they are not more than the file has.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.open.write_all(bytes).map_err(RegistryError::io("write", &self.path))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Renames the partial file to its final name if it is the published file, or returns how it
    /// differs.
    pub(crate) fn install(&self) -> Result<Comparison, RegistryError> {
        self.open.sync_all().map_err(RegistryError::io("write", &self.path))?;
        let comparison =
            compare(&self.path, self.file).map_err(RegistryError::io("read", &self.path))?;
        if comparison == Comparison::Equal {
            fs::rename(&self.path, &self.target)
                .and_then(|()| remove(&self.etag_path))
                .map_err(RegistryError::io("write", &self.target))?;
        }
        Ok(comparison)
    }

    /// The same, but a file that differs is removed and an error. `origin` is its name in the
    /// message.
    pub(crate) fn install_or_discard(self, origin: &str) -> Result<(), RegistryError> {
        let (origin, file) = (origin.to_owned(), self.file);
        let error = match self.install()? {
            Comparison::Equal => return Ok(()),
            Comparison::Size(found) => {
                RegistryError::WrongSize { origin, found: found.to_string(), bytes: file.bytes }
            }
            Comparison::Hash(actual) => {
                RegistryError::WrongHash { origin, expected: file.hash.clone(), actual }
            }
        };
        self.discard()?;
        Err(error)
    }

    /// Removes the partial file.
    pub(crate) fn discard(self) -> Result<(), RegistryError> {
        let Self { path, etag_path, open, .. } = self;
        drop(open);
        remove(&path).and_then(|()| remove(&etag_path)).map_err(RegistryError::io("remove", &path))
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether equal ETags mean equal bytes, RFC 9110 section 8.8.3. A weak one (`W/"…"`) promises
/// less, and `If-Range` must not carry it.
fn is_strong_etag(etag: &str) -> bool {
    let is_allowed = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b);
    let inside = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
    etag.len() < MAX_ETAG_BYTES as usize && inside.is_some_and(|text| text.bytes().all(is_allowed))
}
