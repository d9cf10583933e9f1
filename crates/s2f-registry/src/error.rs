//! Errors of finding, fetching and installing networks.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::FileHash;

/// An error of finding, fetching or installing a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name is not in the registry.
    #[error("there is no network called {name}; hint: registered are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The registered names, separated by commas.
        known: String,
    },
    /// A [`NetworkSource`](crate::NetworkSource) is a name that is not in the registry.
    #[error(
        "there is no network called {name}; hint: registered are {known}; for a file of your own, \
         give its path (./{name})"
    )]
    UnknownSource {
        /// The name.
        name: String,
        /// The registered names, separated by commas.
        known: String,
    },
    /// The table of a registry cannot be used.
    #[error(
        "{origin} is not a valid registry ({reason}); hint: see \
         crates/s2f-registry/registry.toml for the format"
    )]
    InvalidTable {
        /// Where the table comes from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No folder for the user's data is known.
    #[error("there is no folder for networks; hint: set SPEECH2FACE_MODELS to a folder")]
    NoFolder,
    /// The network has not been pulled yet.
    #[error(
        "{name} is not installed, {} does not exist; hint: speech2face model pull {name}",
        path.display()
    )]
    Missing {
        /// The network.
        name: String,
        /// The file that is missing.
        path: PathBuf,
    },
    /// Several networks that are needed together have not been pulled yet.
    #[error(
        "these networks are not installed: {}; hint: speech2face model pull {}",
        names.join(", "),
        names.join(" ")
    )]
    SeveralMissing {
        /// The networks.
        names: Vec<String>,
    },
    /// A file differs from the published one.
    #[error("{name} is damaged, {} {reason}; hint: speech2face model pull {name}", path.display())]
    Damaged {
        /// The network.
        name: String,
        /// The file.
        path: PathBuf,
        /// The size or hash found and the one expected.
        reason: String,
    },
    /// The network cannot be downloaded; the user has to supply its file.
    #[error("{name} cannot be pulled, you have to supply its weights; hint: {instructions}")]
    UserSupplied {
        /// The network.
        name: String,
        /// How to get the file.
        instructions: String,
    },
    /// A file that the user supplies cannot be used.
    #[error(
        "cannot use {} as a network; hint: give the path of an existing file, or the name of a \
         registered network (speech2face model list)",
        path.display()
    )]
    UnusableFile {
        /// The file.
        path: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
    /// The system refuses an operation: no space, no permission, a folder that vanished.
    #[error("cannot {operation} {}; hint: {}", path.display(), io_hint(source))]
    Io {
        /// What was tried, a verb such as `read`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
    /// A single file was given for a network of several files.
    #[error(
        "{name} consists of {} files, {} is only one; hint: give the folder that holds {}",
        files.len(),
        path.display(),
        files.join(" and ")
    )]
    SingleFile {
        /// The network.
        name: String,
        /// The file that was given.
        path: PathBuf,
        /// The names of its files.
        files: Vec<String>,
    },
    /// The server does not answer, or its answer is not valid HTTP.
    #[error(
        "cannot fetch {url} ({reason}); hint: check the connection, or fetch the file on another \
         computer and pass it with --from"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The server answers with a status other than success.
    #[error("{url} answers with status {status}; hint: {}", status_hint(*status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server sends a web page instead of the file.
    #[error(
        "{url} returns a web page instead of the file; hint: this network may require you to log \
         in first; open the address in a browser, or fetch the file elsewhere and pass it with \
         --from"
    )]
    WebPage {
        /// The address.
        url: String,
    },
    /// The connection broke, or the server stopped sending.
    #[error(
        "the download of {url} stopped after {received} of {bytes} bytes ({reason}); hint: run the \
         same command again to resume it"
    )]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes on disk.
        received: u64,
        /// Bytes of the file.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// The file has another size than the published one.
    #[error(
        "{origin} has {found} bytes instead of {bytes}; hint: it is not the published file; fetch \
         that one elsewhere and pass it with --from"
    )]
    WrongSize {
        /// The address or the file.
        origin: String,
        /// Number of bytes, or `more` if the rest was not read.
        found: String,
        /// Bytes of the published file.
        bytes: u64,
    },
    /// The bytes are not the published ones; they were removed.
    #[error(
        "{origin} is not the published file: its {} is {actual} instead of {}; hint: nothing was \
         installed; fetch the file elsewhere and pass it with --from",
        expected.algorithm(),
        expected.digits()
    )]
    WrongHash {
        /// The address or the file.
        origin: String,
        /// The published hash.
        expected: FileHash,
        /// The computed hash.
        actual: String,
    },
}

impl RegistryError {
    /// Adds the operation and the path to an error of the system, for `map_err`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and run the same command again to resume"
        }
        io::ErrorKind::NotFound => "check the path",
        _ => "check the permissions, or set SPEECH2FACE_MODELS to a folder that you can write to",
    }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        500..600 | 408 | 429 => "try again later",
        _ => "fetch the file elsewhere and pass it with --from",
    }
}
