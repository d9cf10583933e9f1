//! Published networks: where they are published, under which licence, and where verified copies of
//! them are stored on this computer; and models of the [Hugging Face hub](Hub).
//!
//! A [`Registry`] lists the networks. A [`Store`] is the folder that holds them, as
//! `FOLDER/NAME/FILE`, for example
//! `~/.local/share/speech2face/models/yunet/yunet_n_dynamic.onnx`. A [`NetworkSource`] is what a
//! user or a configuration names: a registered network, or a file of their own.
//!
//! Only [`Store::pull`] and [`Hub`] open the network; without the feature `download`, the crate
//! has neither. Everything that reads a network finds its file with [`Store::find`] or
//! [`Store::locate`], which compare size and SHA-256 each time; [`HubCache::find`] does the same
//! for models of the hub.
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

mod hub;
mod registry;
mod source;
mod store;

#[cfg(feature = "download")]
mod client;
mod error;
#[cfg(feature = "download")]
mod fetch;
mod file_hash;
#[cfg_attr(not(feature = "download"), allow(dead_code, reason = "only a download resumes"))]
mod partial_file;
mod progress;
#[cfg(feature = "download")]
mod pull;
mod retry_policy;
mod verify;

pub use error::RegistryError;
pub use file_hash::FileHash;
#[cfg(feature = "download")]
pub use hub::{Hub, PushFile, PushPlan, PushProgress, Pushed, Target};
pub use hub::{HubCache, HubError, HubName, PulledModel};
pub use progress::PullProgress;
pub use registry::{Entry, Licence, Origin, Registry, RemoteFile};
pub use retry_policy::RetryPolicy;
pub use source::NetworkSource;
pub use store::{Availability, PullOutcome, Store};
