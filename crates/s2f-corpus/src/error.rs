//! What can go wrong in reading a corpus.

use std::path::PathBuf;

/// What can go wrong in reading a corpus.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A table that cannot be opened or is not comma-separated text.
    #[error("cannot read {}; hint: check the name, and that it is comma-separated text", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Why not.
        source: csv::Error,
    },
    /// A table without a column that is needed.
    #[error("{}: no column {column}; hint: the first line must name the columns", path.display())]
    Column {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A cell that cannot be read.
    #[error("{}, line {line}, column {column}: {value:?} is not {expected}", path.display())]
    Cell {
        /// The table.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
    /// A person of one table who is missing in another.
    #[error("{}: no line for person {person}", path.display())]
    Person {
        /// The table.
        path: PathBuf,
        /// The person.
        person: String,
    },
}
