//! Published networks that corpora and measures need: where they lie, their licences, fetched and
//! verified.
//!
//! ```no_run
//! # fn main() -> Result<(), s2f_registry::RegistryError> {
//! let store = s2f_registry::Store::from_environment()?;
//! store.pull("yunet", &mut |_event| {})?; // the only call that opens the network
//! let files = store.locate("yunet")?; // each whole, by its SHA-256
//! # Ok(())
//! # }
//! ```
//!
//! A [`Registry`] says what there is, a [`Store`] is the folder in which it lies:
//! `FOLDER/NAME/FILE`, for example `~/.local/share/speech2face/models/yunet/yunet_n_dynamic.onnx`.

mod registry;
mod store;

mod digest;
mod error;
mod fetch;
mod lock;
mod part;

pub use error::RegistryError;
pub use fetch::{Event, Patience};
pub use registry::{Entry, Licence, Origin, Registry, RemoteFile};
pub use store::{Pulled, State, Store};
