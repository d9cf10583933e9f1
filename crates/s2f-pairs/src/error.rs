//! What can be wrong with pairs.

use std::fmt;
use std::path::PathBuf;

use parquet::errors::ParquetError;
use s2f_core::FileError;

use crate::split::Split;

/// What can be wrong with pairs. Each names the file, the reason and a way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairsError {
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
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
    /// A share of speakers that no split can have.
    #[error("{name} must be {wanted}, not {found}; hint: give 0.1 to hold back a tenth")]
    Share {
        /// Which share.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// Neither a file nor a folder with pairs.
    #[error(
        "{}: no pairs-*.parquet in it; hint: name a folder that `corpus prepare` filled to its end (shards need `corpus merge`), or one file of pairs",
        path.display()
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A file of no bytes.
    #[error("{} has zero bytes; hint: {AGAIN}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Something else under the name.
    #[error(
        "{} is not a Parquet file, whatever its name says; hint: name a file that `corpus prepare` or `corpus merge` wrote",
        path.display()
    )]
    NotParquet {
        /// The file.
        path: PathBuf,
    },
    /// The end is missing.
    #[error("{} is cut off: its last {what} missing; hint: {AGAIN}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is not there, with its verb.
        what: &'static str,
    },
    /// Parquet that cannot be read.
    #[error("{} is damaged ({reason}); hint: {AGAIN}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in the reader's words.
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
    /// A column of another kind, or one that no pairs have.
    #[error(
        "{}: column {column} is {found}, not {expected}; hint: pairs have the columns that `corpus prepare` writes",
        path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The right columns, but not what this program wrote.
    #[error(
        "{} does not say its format; hint: another program wrote it anew, use the file that `corpus prepare` wrote",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another version of the format.
    #[error(
        "{} is in format {found} of pairs, this program reads 1; hint: use a newer program, or run `corpus prepare` anew",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        found: String,
    },
    /// A value that cannot be.
    #[error("{}: {value:?} in column {column}; hint: {AGAIN}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// What stands there.
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
        /// Which length or space met which.
        problem: String,
    },
    /// A length that no voice has.
    #[error("pair {pair_id} in {}: a voice of {seconds} s; hint: {AGAIN}", path.display())]
    Seconds {
        /// The file.
        path: PathBuf,
        /// The pair.
        pair_id: String,
        /// The length, s.
        seconds: f32,
    },
    /// A hash that is not that of the bytes beside it.
    #[error(
        "pair {pair_id} in {}: {column} is not the hash of its bytes; hint: the voice or the face was exchanged, {AGAIN}",
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
        "{} holds features of {first_space}, {} of {second_space}; hint: prepare both with one face encoder",
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
        "{} and {} were prepared with different splits; hint: prepare all shards with the same corpus, shares and seed",
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
        "{}: {} in more than one split: {}; hint: run `corpus prepare` or `corpus split` anew, results on these splits would be worthless",
        path.display(),
        count_of_speakers(*count),
        list(leaks, *count)
    )]
    Leak {
        /// The file or folder.
        path: PathBuf,
        /// The first of them by name.
        leaks: Vec<Leak>,
        /// How many there are.
        count: usize,
    },
    /// What is evaluated was trained on.
    #[error("{what}: {}; hint: results on these pairs would be worthless, {hint}", names.join(", "))]
    TrainedOn {
        /// What is in both.
        what: String,
        /// The first of them by name, and how many more there are.
        names: Vec<String>,
        /// What to do.
        hint: &'static str,
    },
    /// The speakers or their splits are not those that were sealed.
    #[error(
        "{}: speakers were added, removed or moved after the split was made; hint: use the files as `corpus merge` wrote them, or split anew",
        path.display()
    )]
    SplitChanged {
        /// The file or folder.
        path: PathBuf,
    },
    /// The rows are not as many as were sealed.
    #[error(
        "{}: {found} pairs where {expected} were sealed; hint: use the files as `corpus merge` wrote them",
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
        /// What does not fit.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A pair in two places.
    #[error(
        "pair {pair_id} is in {} and in {}; hint: name every part once",
        first.display(),
        second.display()
    )]
    Duplicate {
        /// The pair.
        pair_id: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
    /// A file that changed while it was read.
    #[error("{} was changed while it was being read; hint: start again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

const AGAIN: &str = "take a whole copy of it, or make it anew with `corpus prepare`";

/// A speaker in more than one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Who.
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

/// What the Parquet library says, as this crate says it: what the system refuses stays an error of
/// the system, with its own way out.
pub(crate) fn parquet_error(
    operation: &'static str,
    path: &std::path::Path,
) -> impl Fn(ParquetError) -> PairsError {
    let path = path.to_owned();
    move |error| {
        let reason = match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                // Reading past the end is a matter of the file, not of the system.
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
