//! Models on the [Hugging Face hub](https://huggingface.co/docs/hub), or on a server that speaks
//! its HTTP interface.
//!
//! A [`HubName`] is what a user types: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION`. A [`HubCache`]
//! holds the models that were pulled, and verifies them each time one is found; it never opens the
//! network. With the feature `download`, [`Hub`] pulls models into the cache and pushes model
//! folders.

mod cache;
mod error;
mod name;
mod repository;

#[cfg(feature = "download")]
mod access;
#[cfg(feature = "download")]
mod lfs;
#[cfg(feature = "download")]
mod listing;
#[cfg(feature = "download")]
mod plan;
#[cfg(feature = "download")]
mod pull;
#[cfg(feature = "download")]
mod push;
#[cfg(feature = "download")]
mod request;

#[cfg(feature = "download")]
pub use access::Hub;
pub use cache::{HubCache, PulledModel};
pub use error::HubError;
pub use name::HubName;
#[cfg(feature = "download")]
pub use plan::{PushFile, PushPlan, Target};
#[cfg(feature = "download")]
pub use push::{PushProgress, Pushed};
