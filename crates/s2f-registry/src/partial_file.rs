//! The part of a file that is here already: `FILE.part`, and in `FILE.part.etag` what the server
//! called the version it is a part of.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Comparison, compare};
use crate::{RegistryError, RemoteFile};

/// Bytes that are read and written at a time.
pub(crate) const PIECE_BYTES: usize = 64 << 10;
/// A longer ETag is none: it would go into each request.
const MAX_ETAG_BYTES: u64 = 256;

/// A download that may have begun in an earlier process.
pub(crate) struct Part<'a> {
    file: &'a RemoteFile,
    target: PathBuf,
    path: PathBuf,
    etag_path: PathBuf,
    open: File,
    here: u64,
    is_of_one_answer: bool,
}

impl<'a> Part<'a> {
    /// Opens what an earlier process left in `folder`, or begins.
    pub(crate) fn open(folder: &Path, file: &'a RemoteFile) -> Result<Self, RegistryError> {
        let path = folder.join(format!("{}.part", file.name));
        let etag_path = folder.join(format!("{}.part.etag", file.name));
        let open = || {
            let open = OpenOptions::new().create(true).append(true).open(&path)?;
            let here = open.metadata()?.len();
            Ok((open, here))
        };
        let (open, here) = open().map_err(RegistryError::io("write", &path))?;
        let target = folder.join(&file.name);
        let is_of_one_answer = here == 0;
        let mut part = Self { file, target, path, etag_path, open, here, is_of_one_answer };
        if here > file.bytes {
            part.restart(None)?;
        }
        Ok(part)
    }

    /// Bytes that are here.
    pub(crate) fn here(&self) -> u64 {
        self.here
    }

    /// Whether they are of one answer of the server to this process.
    pub(crate) fn is_of_one_answer(&self) -> bool {
        self.is_of_one_answer
    }

    /// Which version they are of, where the server said so.
    pub(crate) fn etag(&self) -> Option<String> {
        let file = File::open(&self.etag_path).ok()?;
        let mut etag = String::new();
        file.take(MAX_ETAG_BYTES).read_to_string(&mut etag).ok()?;
        is_strong_etag(&etag).then_some(etag)
    }

    /// Begins again, with a version that the server calls `etag`.
    pub(crate) fn restart(&mut self, etag: Option<&str>) -> Result<(), RegistryError> {
        let write = || {
            self.open.set_len(0)?;
            match etag.filter(|etag| is_strong_etag(etag)) {
                Some(etag) => fs::write(&self.etag_path, etag),
                None => remove(&self.etag_path),
            }
        };
        write().map_err(RegistryError::io("write", &self.path))?;
        self.here = 0;
        self.is_of_one_answer = true;
        Ok(())
    }

    /// Goes on with what another answer brings.
    pub(crate) fn go_on(&mut self) {
        self.is_of_one_answer = false;
    }

    /// Adds bytes at the end. The caller sees to it that they are not more than the file has.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.open.write_all(bytes).map_err(RegistryError::io("write", &self.path))?;
        self.here += bytes.len() as u64;
        Ok(())
    }

    /// Gives the part the name of the file if it is the published one, or says how it differs.
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

    /// The same, and nothing stays of another file; `origin` is what the error calls it.
    pub(crate) fn install_or_discard(self, origin: &str) -> Result<(), RegistryError> {
        let (origin, file) = (origin.to_owned(), self.file);
        let error = match self.install()? {
            Comparison::Equal => return Ok(()),
            Comparison::Size(found) => {
                RegistryError::Size { origin, found: found.to_string(), bytes: file.bytes }
            }
            Comparison::Hash(actual) => {
                RegistryError::Hash { origin, expected: file.sha256.clone(), actual }
            }
        };
        self.discard()?;
        Err(error)
    }

    /// Removes what is here.
    pub(crate) fn discard(self) -> Result<(), RegistryError> {
        let Self { path, etag_path, open, .. } = self;
        drop(open);
        remove(&path).and_then(|()| remove(&etag_path)).map_err(RegistryError::io("remove", &path))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether bytes of the same ETag are the same, RFC 9110 section 8.8.3; a weak one (`W/"…"`)
/// promises less, and `If-Range` must not carry it.
fn is_strong_etag(etag: &str) -> bool {
    let fits = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b);
    let inside = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
    etag.len() < MAX_ETAG_BYTES as usize && inside.is_some_and(|text| text.bytes().all(fits))
}
