//! Corpora and pairs in object storage: `s3://BUCKET/FOLDER`, `gs://…`, `az://…`.
//!
//! Programs such as ffmpeg read files, so a folder on this computer stands for each remote one
//! while it is worked on. For a corpus it lists every file with its size, and contents are there
//! only while a clip needs them ([`ClipFiles`]). For pairs it is where parts are written before
//! they are sent, each as a whole ([`PartStore`]).
//!
//! The client of the storage is in this crate with the feature `object-store`.

#[cfg(feature = "object-store")]
mod mirror;
#[cfg(feature = "object-store")]
mod output;
#[cfg(feature = "object-store")]
mod storage;

use std::path::{Path, PathBuf};
#[cfg(feature = "object-store")]
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::prepare::{ClipFiles, PartStore};
use crate::{CorpusError, RemoteError};

/// A corpus that is read.
pub struct CorpusPlace {
    /// The folder, or the one that stands for it.
    pub folder: PathBuf,
    /// Its files, if it is remote.
    pub files: Option<Box<dyn ClipFiles>>,
}

/// Where pairs are written.
pub struct OutputPlace {
    /// The folder, or the one that stands for it.
    pub folder: PathBuf,
    /// Its parts, if it is remote.
    pub parts: Option<Box<dyn PartStore>>,
}

/// The corpus at a path or an address. A remote one is listed in a folder in `scratch`, and its
/// tables are fetched.
///
/// # Errors
/// [`CorpusError::Remote`] and [`CorpusError::File`].
pub fn corpus(place: &Path, scratch: &Path) -> Result<CorpusPlace, CorpusError> {
    match address(place)? {
        Address::Local(folder) => Ok(CorpusPlace { folder, files: None }),
        #[cfg(feature = "object-store")]
        Address::Remote(url) => {
            let mirror = mirror::Mirror::create(&url, scratch)?;
            Ok(CorpusPlace { folder: mirror.folder().to_owned(), files: Some(Box::new(mirror)) })
        }
        #[cfg(not(feature = "object-store"))]
        Address::Remote(url) => Err(not_built(&url, scratch)),
    }
}

/// The output at a path or an address. Of a remote one, what its preparation is for is fetched to a
/// folder in `scratch`.
///
/// # Errors
/// [`CorpusError::Remote`] and [`CorpusError::File`].
pub fn output(place: &Path, scratch: &Path) -> Result<OutputPlace, CorpusError> {
    match address(place)? {
        Address::Local(folder) => Ok(OutputPlace { folder, parts: None }),
        #[cfg(feature = "object-store")]
        Address::Remote(url) => {
            let output = output::Output::open(&url, scratch)?;
            Ok(OutputPlace { folder: output.folder().to_owned(), parts: Some(Box::new(output)) })
        }
        #[cfg(not(feature = "object-store"))]
        Address::Remote(url) => Err(not_built(&url, scratch)),
    }
}

/// Whether `place` is an address and not a path on this computer.
pub fn is_remote(place: &Path) -> bool {
    matches!(address(place), Ok(Address::Remote(_)))
}

enum Address {
    Local(PathBuf),
    Remote(Url),
}

/// Schemes of object storage.
const SCHEMES: [&str; 6] = ["s3", "s3a", "gs", "az", "abfs", "abfss"];

fn address(place: &Path) -> Result<Address, RemoteError> {
    let text = place.to_string_lossy();
    let Some((scheme, _)) = text.split_once("://") else {
        return Ok(Address::Local(place.to_owned()));
    };
    let wrong = |reason: String| RemoteError::Address { place: text.to_string(), reason };
    let url = Url::parse(&text).map_err(|error| wrong(error.to_string()))?;
    match scheme {
        "file" => {
            let folder = url.to_file_path();
            folder.map(Address::Local).map_err(|()| wrong("it is not on this computer".into()))
        }
        _ if !SCHEMES.contains(&scheme) => Err(wrong(format!("{scheme} is no object storage"))),
        _ if url.host_str().is_none_or(str::is_empty) => Err(wrong("it names no bucket".into())),
        _ => Ok(Address::Remote(url)),
    }
}

#[cfg(feature = "object-store")]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(feature = "object-store"))]
fn not_built(url: &Url, _scratch: &Path) -> CorpusError {
    RemoteError::NotBuilt { place: url.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses() {
        let local = |text: &str| match address(Path::new(text)) {
            Ok(Address::Local(path)) => path.display().to_string(),
            _ => panic!("{text}"),
        };
        assert_eq!(local("a/s3:b"), "a/s3:b");
        assert_eq!(local("file:///a%20b/c"), "/a b/c");
        for remote in ["s3://bucket/a/b", "gs://bucket", "az://container/a"] {
            assert!(is_remote(Path::new(remote)), "{remote}");
        }
        for (wrong, part) in [
            ("ftp://host/a", "ftp is no object storage"),
            ("s3:///a", "names no bucket"),
            ("https://host/a", "https is no object storage"),
        ] {
            let error = address(Path::new(wrong)).err().unwrap().to_string();
            assert!(error.contains(part) && error.contains("; hint: "), "{error}");
        }
    }
}
