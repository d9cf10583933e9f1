//! What can go wrong when a corpus is read or prepared.

use std::collections::BTreeSet;
use std::path::PathBuf;

use s2f_core::FileError;
use s2f_pairs::PairsError;

use crate::shard::Shard;

/// What can go wrong when a corpus is read or prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A remote folder that cannot be used.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A table that cannot be opened or is not comma-separated text.
    #[error(
        "cannot read {}; hint: check the path, and that it is text with commas or tabs between \
         the columns",
        path.display()
    )]
    Table {
        /// The table.
        path: PathBuf,
        /// The cause.
        source: csv::Error,
    },
    /// A table without a required column.
    #[error("{}: no column {column}; hint: the first line must name the columns", path.display())]
    Column {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A cell with an invalid value.
    #[error(
        "{}, line {line}, column {column}: {value:?} is not {expected}; hint: correct that cell",
        path.display()
    )]
    Cell {
        /// The table.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// The column.
        column: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Two lines of a table that say different things about one id.
    #[error(
        "{}: lines {} and {} say different things about {column} {id}; hint: correct one of them",
        path.display(),
        lines[0],
        lines[1]
    )]
    Contradiction {
        /// The table.
        path: PathBuf,
        /// The column with the id.
        column: String,
        /// The id.
        id: String,
        /// The two lines in the file, from 1.
        lines: [u64; 2],
    },
    /// A person in one table who is missing in another.
    #[error(
        "{}: no line for person {person}; hint: every person of people.csv needs one",
        path.display()
    )]
    Person {
        /// The table.
        path: PathBuf,
        /// The person.
        person: String,
    },
    /// A folder whose layout is not recognised.
    #[error(
        "{}: not the layout of any known corpus; hint: it must contain one of these\n{layouts}",
        path.display()
    )]
    UnknownLayout {
        /// The folder.
        path: PathBuf,
        /// The layouts and what each needs, one per line.
        layouts: String,
    },
    /// A folder that contains several corpora.
    #[error(
        "{}: contains more than one corpus; hint: choose one with --layout: {layouts}",
        path.display()
    )]
    SeveralLayouts {
        /// The folder.
        path: PathBuf,
        /// Names of the layouts.
        layouts: String,
    },
    /// A folder that is not in the layout that was asked for.
    #[error("{}: {missing}, so this is not {title}; hint: it must contain {needs}", path.display())]
    OtherLayout {
        /// The folder.
        path: PathBuf,
        /// The layout, as in text.
        title: &'static str,
        /// What is missing.
        missing: &'static str,
        /// What a folder in this layout contains.
        needs: &'static str,
    },
    /// A table without a valid line.
    #[error("{}: no valid line, the first is {line}: {problem}; hint: {expected}", path.display())]
    NoValidLine {
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
    #[error("two clips are named {pair_id}; hint: rename one of their files")]
    DuplicateClip {
        /// The name.
        pair_id: String,
    },
    /// An operation that the operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder of a preparation that cannot be resumed or merged.
    #[error(
        "{}: {reason}; hint: use another folder, or the same corpus and settings as before",
        path.display()
    )]
    PrepareFolder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A setting that is out of range.
    #[error("{name} must be {expected}, not {value}; hint: see `corpus prepare --help`")]
    Setting {
        /// The setting.
        name: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The value given.
        value: String,
    },
    /// A corpus without a clip that can become a pair.
    #[error(
        "{}: no clip has both sound and a face; hint: `corpus check` lists what is missing{}",
        path.display(),
        if *unpaired { UNPAIRED_HINT } else { "" }
    )]
    NothingToPrepare {
        /// The corpus.
        path: PathBuf,
        /// Whether its voices and faces belong to different people.
        unpaired: bool,
    },
    /// Another process does the same shard in the same folder.
    #[error(
        "{}: another process is already processing shard {shard}; hint: wait for it, or split \
         the work with --shard I/N",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
        /// The shard.
        shard: Shard,
    },
    /// [`PrepareTools::cancel`](crate::prepare::PrepareTools::cancel) became true.
    #[error("the preparation was cancelled; hint: the same call resumes it")]
    Cancelled,
    /// Parts that are in none of the given folders.
    #[error(
        "{}: {} of {of} parts are missing, the first is {}; hint: run `corpus prepare` again for \
         the shards that did not finish, and name the folders of all shards",
        path.display(),
        missing.len(),
        missing.first().copied().unwrap_or_default()
    )]
    PartsMissing {
        /// The first folder.
        path: PathBuf,
        /// Number of parts.
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
    /// A face detector or face encoder that does not work.
    #[error(transparent)]
    Face(#[from] s2f_face::FaceError),
    /// An ffmpeg that does not run.
    #[error(transparent)]
    Ffmpeg(#[from] s2f_audio::ffmpeg::FfmpegError),
    /// A speech detector that does not run.
    #[error(transparent)]
    Speech(#[from] s2f_audio::SpeechError),
}

const UNPAIRED_HINT: &str = "; voices and faces of different people are read by `train` directly";

/// A remote folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The storage refuses something, or is not reached.
    #[error(
        "{place}: {reason}; hint: check the address and the variables of the storage, such as \
         AWS_ACCESS_KEY_ID, AWS_REGION and AWS_ENDPOINT"
    )]
    Storage {
        /// The address.
        place: String,
        /// What the storage says.
        reason: String,
    },
    /// An address that cannot be read or written.
    #[error("{place}: {reason}; hint: use s3://BUCKET/FOLDER, gs://… or az://…, or a folder")]
    Address {
        /// The address.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The program cannot speak to object storage.
    #[error(
        "{place}: this program was built without object storage; hint: build it with \
         `--features object-store`, or copy the folder to this computer"
    )]
    NotBuilt {
        /// The address.
        place: String,
    },
}
