//! Corpora of voices and faces: their layouts on disk, one file a layout.

mod error;
mod table;
pub mod unpaired;

pub use error::CorpusError;

/// Sex of a person as the corpus states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// Stated as female.
    Female,
    /// Stated as male.
    Male,
}
