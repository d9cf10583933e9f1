//! Published networks: where they are published, under which licence, and where verified copies of
//! them are stored on this computer.
//!
//! A [`Registry`] lists the networks. A [`Store`] is the folder that holds them, as
//! `FOLDER/NAME/FILE`, for example
//! `~/.local/share/speech2face/models/yunet/yunet_n_dynamic.onnx`. A [`NetworkSource`] is what a
//! user or a configuration names: a registered network, or a file of their own.
//!
//! Only [`Store::pull`] opens the network. Everything that reads a network finds its file with
//! [`Store::find`] or [`Store::locate`], which compare size and SHA-256 each time.
//!
//! ```
//! use s2f_registry::{NetworkSource, PullOutcome, Registry, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::from_toml(
//!     r#"
//!     [[entry]]
//!     name = "tiny"
//!     title = "A network of three bytes"
//!     purpose = "an example"
//!     home = "https://example.org"
//!     licence = { id = "MIT", text = "https://example.org/licence" }
//!
//!     [[entry.file]]
//!     name = "tiny.bin"
//!     bytes = 3
//!     sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//!     url = "https://example.org/tiny.bin"
//!     "#,
//!     "the example",
//! )?;
//! let folder = tempfile::tempdir()?;
//! let store = Store::new(registry, folder.path());
//! let tiny: NetworkSource = "tiny".parse()?;
//!
//! let message = store.find(&tiny).unwrap_err().to_string();
//! assert!(message.ends_with("; hint: speech2face model pull tiny"));
//!
//! // `Store::pull` would download the file; `Store::install` copies one that is already here.
//! let download = folder.path().join("download");
//! std::fs::write(&download, "abc")?;
//! assert_eq!(store.install("tiny", &download)?, PullOutcome::Installed);
//! assert_eq!(store.find(&tiny)?, folder.path().join("tiny").join("tiny.bin"));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod registry;
mod source;
mod store;

mod error;
mod fetch;
mod partial_file;
mod progress;
mod verify;

pub use error::RegistryError;
pub use fetch::RetryPolicy;
pub use progress::PullProgress;
pub use registry::{Entry, Licence, Origin, Registry, RemoteFile};
pub use source::NetworkSource;
pub use store::{Availability, PullOutcome, Store};
