//! Progress events of a pull.

use std::time::Duration;

use crate::{RegistryError, RemoteFile};

/// A progress event of [`Store::pull`](crate::Store::pull).
#[derive(Debug)]
pub enum PullProgress<'a> {
    /// Another process is fetching the same network; this one waits until it has finished.
    Waiting,
    /// More of a file has arrived.
    Received {
        /// The file.
        file: &'a RemoteFile,
        /// Bytes on disk so far, including those of earlier, interrupted downloads.
        bytes: u64,
    },
    /// An attempt failed and will be repeated.
    Retrying {
        /// Why it failed.
        reason: &'a RegistryError,
        /// Time until the next attempt.
        delay: Duration,
    },
}
