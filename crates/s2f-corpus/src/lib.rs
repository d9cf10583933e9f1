//! Corpora of voices and faces, from what their download pages offer to pairs that can be trusted.
//!
//! ```text
//! folder ─layout→ Plan (clips, people) ─prepare→ parts ─merge→ pairs-00000.parquet …, rejected.csv
//! ```
//!
//! [`layout`] reads a [`plan::Plan`] from file names and tables alone. [`prepare`] turns each of
//! its clips into pairs, or into a [`reject::Rejected`] row with its reason; a face is rejected for
//! its size, turn or sharpness in `choose/track.rs`. `s2f-pairs` has the format of the pairs, which
//! is all that training and evaluation know about a corpus. [`synth`] makes a small population with
//! known ground truth.
#![forbid(unsafe_code)]

pub mod layout;
pub mod plan;

pub mod check;
pub mod prepare;
pub mod stats;

pub mod choose;
pub mod media;
pub mod reject;
pub mod remote;
pub mod shard;

pub mod synth;
pub mod unpaired;

mod error;
mod table;
#[cfg(test)]
mod tests;

pub use error::{CorpusError, RemoteError};
