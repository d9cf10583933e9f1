//! Corpora of voices and faces, from what their download pages give to pairs that can be trusted.
//!
//! ```text
//! folder ─layout→ Plan (clips, people) ─prepare→ parts ─merge→ pairs-00000.parquet … + rejected.csv
//!        ─PairSet→ training, evaluation
//! ```
//!
//! A [`plan::Plan`] is read from names and tables alone. [`prepare`] turns each of its clips into
//! pairs or into a [`reject::Rejected`] with its reason. [`pairs`] is the format in between and
//! the only thing that training and evaluation know of a corpus.

pub mod check;
pub mod choose;
pub mod layout;
pub mod media;
pub mod plan;
pub mod prepare;
pub mod reject;
pub mod shard;
pub mod speech;
pub mod stats;
pub mod synth;

mod error;
mod table;
pub mod unpaired;

pub use error::CorpusError;
