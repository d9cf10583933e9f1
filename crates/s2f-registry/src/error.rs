//! What can go wrong in finding or fetching a network.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can go wrong in finding or fetching a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A name that is not in the registry.
    #[error("there is no network called {name}; hint: there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A registry that cannot be used.
    #[error(
        "{origin} is no registry ({reason}); hint: it has the form of crates/s2f-registry/registry.toml"
    )]
    Table {
        /// Where it is from.
        origin: String,
        /// Why not.
        reason: String,
    },
    /// Nobody says where the user's data lie.
    #[error("no folder to keep networks in is known; hint: set S2F_MODELS to one")]
    NoFolder,
    /// A network that was not pulled yet.
    #[error("{name} is not here, there is no {}; hint: speech2face model pull {name}", path.display())]
    Absent {
        /// The network.
        name: String,
        /// The file that is missing.
        path: PathBuf,
    },
    /// A file that is not as published.
    #[error("{name} is damaged, {} {reason}; hint: speech2face model pull {name}", path.display())]
    Damaged {
        /// The network.
        name: String,
        /// The file.
        path: PathBuf,
        /// Size or hash, as it is and as it should be.
        reason: String,
    },
    /// A network that only the user can get.
    #[error("{name} cannot be pulled, you bring its weights yourself; hint: {how}")]
    Yours {
        /// The network.
        name: String,
        /// What to do.
        how: String,
    },
    /// The system refuses: no space, no permission, a vanished folder.
    #[error("cannot {operation} {}; hint: {}", path.display(), way_out(source))]
    Io {
        /// What was tried, an infinitive.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One file was offered for a network of several.
    #[error("{name} has {} files, {} is one; hint: give the folder that holds {}", files.len(), path.display(), files.join(" and "))]
    Several {
        /// The network.
        name: String,
        /// What was offered.
        path: PathBuf,
        /// The names of its files.
        files: Vec<String>,
    },
    /// The server cannot be asked, or answers what is no answer.
    #[error(
        "cannot fetch {url} ({reason}); hint: check the connection, or fetch the file with another computer and give it with --from"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The server answers that it will not send the file.
    #[error("{url} answers with status {status}; hint: {}", status_way_out(*status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A web page came in place of the file.
    #[error(
        "{url} gives a web page in place of the file; hint: the network here may ask you to log in first; open the address in a browser, or fetch the file elsewhere and give it with --from"
    )]
    Page {
        /// The address.
        url: String,
    },
    /// The connection broke, or the server stopped sending.
    #[error(
        "{url} broke off after {here} of {bytes} bytes ({reason}); hint: run the same command again: it goes on where it was"
    )]
    BrokenOff {
        /// The address.
        url: String,
        /// Bytes that are here.
        here: u64,
        /// Bytes of the file.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// A file of another size.
    #[error(
        "{origin} has {found} bytes in place of {bytes}; hint: it is not the published file; fetch that elsewhere and give it with --from"
    )]
    Size {
        /// The address or the file.
        origin: String,
        /// A number, or `more` of which the rest was not read.
        found: String,
        /// Bytes of the published file.
        bytes: u64,
    },
    /// The bytes that came are not the published ones; they were removed again.
    #[error(
        "{origin} is not the published file: its sha256 is {actual} in place of {expected}; hint: nothing was installed; fetch the file elsewhere and give it with --from"
    )]
    Hash {
        /// The address or the file.
        origin: String,
        /// As registered.
        expected: String,
        /// As computed.
        actual: String,
    },
}

impl RegistryError {
    /// Names what was tried on which path, for `map_err`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room and run the same command again: it goes on where it was"
        }
        io::ErrorKind::NotFound => "check the name",
        _ => "mend the permissions, or set S2F_MODELS to a folder that you can write to",
    }
}

fn status_way_out(status: u16) -> &'static str {
    match status {
        500..600 | 408 | 429 => "try again later",
        _ => "fetch the file elsewhere and give it with --from",
    }
}
