//! Pairs of a voice and a face in Parquet: what training and evaluation read of a corpus.
//!
//! A set of pairs is one file or a folder of `pairs-00000.parquet`, `pairs-00001.parquet` …, one
//! row a pair, in the columns of [`Pair`]. They are read only through [`PairSet::open`], which
//! refuses files that are damaged, that mix face spaces, or whose splits share a speaker.
//! [`PairWriter`] writes a file, [`merge`] joins files to a sealed set, [`SplitTable`] assigns
//! speakers to splits, [`leaks`] compares what is evaluated with what was trained on.
#![forbid(unsafe_code)]

mod arrow;
pub mod leaks;
mod merge;
mod pair;
mod read;
mod resplit;
mod split;
mod split_table;
mod strict_file;
mod verify;
mod write;

mod check;
mod copy;
mod dictionary;
mod error;
mod file;
mod meta;
mod row;
#[cfg(test)]
mod samples;
mod schema;
mod valid;

pub use arrow::ArrowStream;
pub use error::{Leak, PairsError};
pub use merge::merge;
pub use meta::{KEY_FORMAT, PairFileInfo};
pub use pair::{Pair, PairInfo};
pub use read::{PairSet, Payload, Rows};
pub use resplit::resplit;
pub use schema::{ColumnKind, columns};
pub use split::Split;
pub use split_table::{Shares, SplitTable};
pub use write::PairWriter;
