//! What can go wrong in reading a corpus.

use std::collections::BTreeSet;
use std::path::PathBuf;

use s2f_core::FileError;
use s2f_pairs::PairsError;

use crate::shard::Shard;

/// What can go wrong in reading a corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A table that cannot be opened or is not comma-separated text.
    #[error("cannot read {}; hint: check the name, and that it is text with commas or tabs between the columns", path.display())]
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
    /// A folder in which no layout is recognised.
    #[error("{}: not laid out like any known corpus; hint: one of these must lie in it\n{layouts}", path.display())]
    UnknownLayout {
        /// The folder.
        path: PathBuf,
        /// The layouts and what each needs, a line each.
        layouts: String,
    },
    /// A folder in which several corpora lie side by side.
    #[error("{}: holds more than one corpus; hint: say which with --layout: {layouts}", path.display())]
    SeveralLayouts {
        /// The folder.
        path: PathBuf,
        /// Names of the layouts.
        layouts: String,
    },
    /// A table in which no line can be read.
    #[error("{}: no line can be read, the first is {line}: {problem}; hint: {expected}", path.display())]
    NoLines {
        /// The table.
        path: PathBuf,
        /// The first bad line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
        /// What a line should be.
        expected: &'static str,
    },
    /// Two clips that would have the same name.
    #[error("two clips are called {pair_id}; hint: rename one of their files")]
    Twice {
        /// The name.
        pair_id: String,
    },
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder of a preparation that cannot go on, or be merged.
    #[error("{}: {reason}; hint: give another folder, or the corpus and settings that this one was begun with", path.display())]
    Job {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A setting that no preparation can have.
    #[error(
        "{name} must be {wanted}, not {found}; hint: `--help` names the option and its default"
    )]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A corpus of which no clip can become a pair.
    #[error("{}: no clip has both sound and a face; hint: `corpus check` says what is missing{}", path.display(), if *unpaired { "; voices and faces of different people are for `train` as they are" } else { "" })]
    NothingToPrepare {
        /// The corpus.
        path: PathBuf,
        /// Whether it is of voices and faces of different people.
        unpaired: bool,
    },
    /// Another process does the same shard in the same folder.
    #[error("{}: another process is doing shard {shard} there; hint: wait for it, or share the work out with --shard I/N", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// The shard.
        shard: Shard,
    },
    /// Parts that no given folder holds.
    #[error("{}: {} of {of} parts are missing, the first is {}; hint: run `corpus prepare` again for the shards that did not end, and name the folders of all shards", path.display(), missing.len(), missing.first().copied().unwrap_or_default())]
    PartsMissing {
        /// The first folder.
        path: PathBuf,
        /// Parts in all.
        of: usize,
        /// The numbers of those that are missing.
        missing: BTreeSet<usize>,
    },
    /// A voice that cannot be encoded.
    #[error(transparent)]
    Flac(#[from] s2f_audio::FlacError),
    /// Pairs that cannot be read or trusted.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// A detector or an encoder of faces that cannot work.
    #[error(transparent)]
    Face(#[from] s2f_face::FaceError),
    /// An ffmpeg that does not run.
    #[error("cannot run {}: {problem}; hint: install ffmpeg (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg), or name it in S2F_FFMPEG", program.display())]
    Ffmpeg {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A population that cannot be made.
    #[error("cannot make a population: {reason}; hint: see `corpus synth --help`")]
    Synth {
        /// Why not.
        reason: String,
    },
    /// A face that a model cannot draw.
    #[error("cannot draw a face: {source}; hint: check the model with `model verify`")]
    Draw {
        /// What the model said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A speech detector that is not the one that is known.
    #[error("{}: not the speech detector: {reason}; hint: take silero_vad_16k_op15.onnx of snakers4/silero-vad", path.display())]
    SpeechModel {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
