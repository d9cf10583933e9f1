//! What can be wrong with pairs.

use std::fmt;
use std::path::PathBuf;

use parquet::errors::ParquetError;
use s2f_core::{FileError, LockError};

use crate::split::Split;

/// What can be wrong with pairs. Each message names the file, the reason and a hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairsError {
    /// An error of the operating system.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder in which another process writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A table of splits that cannot be read.
    #[error(
        "cannot read {}; hint: a table of splits has the columns speaker_id,split,official",
        path.display()
    )]
    Splits {
        /// The table.
        path: PathBuf,
        /// The reason.
        source: csv::Error,
    },
    /// An impossible share of speakers.
    #[error("{name} must be {wanted}, not {found}; hint: give 0.1 to hold back a tenth")]
    Share {
        /// Which share.
        name: &'static str,
        /// The allowed range.
        wanted: &'static str,
        /// The share.
        found: String,
    },
    /// Neither a file nor a folder with pairs.
    #[error(
        "{}: no pairs-*.parquet in it; \
         hint: name a folder that `corpus prepare` completed (shards need `corpus merge`), or \
         one file of pairs",
        path.display()
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// An empty file.
    #[error("{} has zero bytes; hint: {AGAIN}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of another format.
    #[error(
        "{} is not a Parquet file; hint: name a file that `corpus prepare` or `corpus merge` wrote",
        path.display()
    )]
    NotParquet {
        /// The file.
        path: PathBuf,
    },
    /// The end of the file is missing.
    #[error("{} is cut off: its last {what} missing; hint: {AGAIN}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is missing, with its verb.
        what: &'static str,
    },
    /// Parquet that cannot be read.
    #[error("{} is damaged ({reason}); hint: {AGAIN}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Reason, as the Parquet library gives it.
        reason: String,
    },
    /// A Parquet file without a column.
    #[error(
        "{}: no column {column}; hint: pairs have the columns that `corpus prepare` writes",
        path.display()
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column of another type, or one that pairs do not have.
    #[error(
        "{}: column {column} is {found}, not {expected}; \
         hint: pairs have the columns that `corpus prepare` writes",
        path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The right type.
        expected: String,
    },
    /// A file with the right columns that another program wrote.
    #[error(
        "{} does not say its format; \
         hint: another program rewrote it, use the file that `corpus prepare` wrote",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another version of the format.
    #[error(
        "{} is in format {found} of pairs, this program reads 1; \
         hint: use a newer program, or run `corpus prepare` again",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        found: String,
    },
    /// An impossible value.
    #[error("{}: {value:?} in column {column}; hint: {AGAIN}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The value.
        value: String,
    },
    /// A feature that does not belong to the file's face space.
    #[error(
        "pair {pair_id} in {}: {problem}; hint: all features of a file come from one face encoder",
        path.display()
    )]
    Feature {
        /// The file.
        path: PathBuf,
        /// The pair.
        pair_id: String,
        /// What is wrong.
        problem: String,
    },
    /// A voice of an impossible length, of another length than stated, or that cannot be decoded.
    #[error("pair {pair_id} in {}: {problem}; hint: {AGAIN}", path.display())]
    Voice {
        /// The file or folder.
        path: PathBuf,
        /// The pair.
        pair_id: String,
        /// What is wrong.
        problem: String,
    },
    /// A stored hash that is not that of the stored bytes.
    #[error(
        "pair {pair_id} in {}: {column} is not the hash of its bytes; \
         hint: the voice or the face was replaced, {AGAIN}",
        path.display()
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// The pair.
        pair_id: String,
        /// The column of the hash.
        column: &'static str,
    },
    /// Files of different face spaces.
    #[error(
        "{} holds features of {first_space}, {} of {second_space}; \
         hint: prepare both with one face encoder",
        first.display(),
        second.display()
    )]
    FaceSpaces {
        /// A file.
        first: PathBuf,
        /// Its face space.
        first_space: String,
        /// Another file.
        second: PathBuf,
        /// Its face space.
        second_space: String,
    },
    /// Parts whose splits come from different tables.
    #[error(
        "{} and {} were prepared with different splits; \
         hint: prepare all shards with the same corpus, shares and seed",
        first.display(),
        second.display()
    )]
    SplitTables {
        /// A file.
        first: PathBuf,
        /// Another file.
        second: PathBuf,
    },
    /// Speakers in more than one split.
    #[error(
        "{}: {} in more than one split: {}; \
         hint: run `corpus prepare` or `corpus split` again, results on these splits would be \
         worthless",
        path.display(),
        count_of_speakers(*count),
        list(leaks, *count)
    )]
    Leak {
        /// The file or folder.
        path: PathBuf,
        /// The first few by name.
        leaks: Vec<Leak>,
        /// Their number.
        count: usize,
    },
    /// What is evaluated was trained on.
    #[error("{what}: {}; \
         hint: results on these pairs would be worthless, {hint}", names.join(", "))]
    TrainedOn {
        /// What is in both.
        what: String,
        /// The first of them by name, and how many more there are.
        names: Vec<String>,
        /// What to do.
        hint: &'static str,
    },
    /// Speakers or splits changed after the set was sealed.
    #[error(
        "{}: speakers were added, removed or moved after the split was made; \
         hint: use the files as `corpus merge` wrote them, or run `corpus split`",
        path.display()
    )]
    SplitChanged {
        /// The file or folder.
        path: PathBuf,
    },
    /// The number of rows changed after the set was sealed.
    #[error(
        "{}: {found} pairs where {expected} were sealed; \
         hint: use the files as `corpus merge` wrote them",
        path.display()
    )]
    PairsChanged {
        /// The file or folder.
        path: PathBuf,
        /// Pairs found.
        found: u64,
        /// Pairs sealed.
        expected: u64,
    },
    /// Files of a set that are missing, or too many.
    #[error("{}: {problem}; hint: {hint}", path.display())]
    Set {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A pair that occurs twice.
    #[error(
        "pair {pair_id} is in {} and in {}; hint: list every part once",
        first.display(),
        second.display()
    )]
    Duplicate {
        /// The pair.
        pair_id: String,
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
    /// A file that changed while it was read.
    #[error("{} was changed while it was being read; hint: run the command again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

const AGAIN: &str = "copy it again from where it came, or prepare it again with `corpus prepare`";

/// A speaker in more than one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// The speaker.
    pub speaker_id: String,
    /// The splits.
    pub splits: Vec<Split>,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let splits: Vec<&str> = self.splits.iter().map(|split| split.name()).collect();
        write!(f, "{} ({})", self.speaker_id, splits.join(" and "))
    }
}

fn count_of_speakers(count: usize) -> String {
    if count == 1 { "1 speaker is".into() } else { format!("{count} speakers are") }
}

fn list(leaks: &[Leak], count: usize) -> String {
    let names: Vec<String> = leaks.iter().map(Leak::to_string).collect();
    let rest = if count > leaks.len() { ", …" } else { "" };
    names.join(", ") + rest
}

/// Turns an error of the Parquet library into one of this crate; an error of the operating system
/// stays one, with its own hint.
pub(crate) fn parquet_error(
    operation: &'static str,
    path: &std::path::Path,
) -> impl Fn(ParquetError) -> PairsError {
    let path = path.to_owned();
    move |error| {
        let reason = match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                // Reading past the end is a fault of the file, not of the system.
                Ok(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                    source.to_string()
                }
                Ok(source) => return FileError::at(operation, &path)(*source).into(),
                Err(source) => source.to_string(),
            },
            ParquetError::General(reason) | ParquetError::EOF(reason) => reason,
            other => other.to_string(),
        };
        PairsError::Damaged { path: path.clone(), reason }
    }
}
