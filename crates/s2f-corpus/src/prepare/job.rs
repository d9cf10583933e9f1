//! The folder of a preparation: what was begun, which parts are done, who is at work.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use s2f_core::hash::hex;
use s2f_core::hash::{Digest, Sha256};
use s2f_core::{AtomicFile, FileError, is_temporary};
use s2f_face::FaceEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Settings;
use crate::CorpusError;
use crate::plan::Plan;
use crate::reject::{Reason, Rejected};
use crate::shard::Shard;
use s2f_pairs::PairFileInfo;
use s2f_pairs::SplitTable;

/// Version of the folder's format.
const FORMAT: u32 = 1;

/// What was begun: the same on every machine, without paths. `prepare.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    format: u32,
    pub(super) layout: String,
    pub(super) licence: String,
    pub(super) people: usize,
    pub(super) clips: usize,
    /// Hash of all that the names and tables of the corpus say.
    corpus_sha256: String,
    pub(super) parts: usize,
    face_space: String,
    face_dimension: usize,
    splits_sha256: String,
    settings: Settings,
}

/// The folder of a preparation.
pub(super) struct JobFolder {
    folder: PathBuf,
    job: Job,
    info: PairFileInfo,
}

/// Names in the folder.
pub(super) const JOB: &str = "prepare.json";
pub(super) const PARTS: &str = "parts";
pub(super) const SPLITS: &str = "splits.csv";
pub(super) const REJECTED: &str = "rejected.csv";
pub(super) const SUMMARY: &str = "summary.json";
/// Of the parts: the clips that lack a file, which every shard knows.
pub(super) const ABSENT: &str = "absent.rejected.csv";

impl JobFolder {
    /// Makes the folder, or takes one that was begun for the same job.
    pub(super) fn open(
        plan: &Plan,
        settings: &Settings,
        encoder: &dyn FaceEncoder,
        splits: &SplitTable,
        out: &Path,
    ) -> Result<Self, CorpusError> {
        let job = Job {
            format: FORMAT,
            layout: plan.layout.name().to_owned(),
            licence: plan.licence.clone(),
            people: plan.people.len(),
            clips: plan.clips.len(),
            corpus_sha256: hash(plan),
            parts: plan.clips.len().div_ceil(settings.clips_per_part),
            face_space: encoder.face_space().name.clone(),
            face_dimension: encoder.face_space().dimension,
            splits_sha256: splits.hash(),
            settings: settings.clone(),
        };
        let info = PairFileInfo {
            face_space: job.face_space.clone(),
            face_dimension: job.face_dimension,
            splits_sha256: job.splits_sha256.clone(),
        };
        let found = Self { folder: out.to_owned(), job, info };
        let parts = found.folder.join(PARTS);
        if found.folder.join(JOB).exists() {
            same_job(&read_job(&found.folder)?, &found.job, &found.folder)?;
        } else {
            refuse_foreign(out)?;
            fs::create_dir_all(out).map_err(FileError::at("make", out))?;
            let text = serde_json::to_vec_pretty(&found.job).unwrap_or_default();
            AtomicFile::write(&out.join(JOB), &text)?;
        }
        if !found.is_finished() {
            fs::create_dir_all(&parts).map_err(FileError::at("make", &parts))?;
            AtomicFile::write(&parts.join(SPLITS), splits.to_csv().as_bytes())?;
            let absent = plan.absent.iter().map(|absent| Rejected {
                pair_id: absent.pair_id.clone(),
                speaker_id: absent.speaker_id.clone(),
                source: absent.source.clone(),
                file: String::new(),
                reason: Reason::MissingFile,
                detail: absent.missing.clone(),
            });
            write_rejected(&parts.join(ABSENT), &absent.collect::<Vec<_>>())?;
        }
        Ok(found)
    }

    /// Keeps a second process from doing the same shard, until the file is closed.
    pub(super) fn lock(&self, shard: Shard) -> Result<File, CorpusError> {
        let name = format!("shard-{}.lock", shard.to_string().replace('/', "-of-"));
        let path = self.folder.join(PARTS).join(name);
        let file = File::create(&path).map_err(FileError::at("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(CorpusError::Busy { path: self.folder.clone(), shard })
            }
            Err(TryLockError::Error(error)) => Err(FileError::at("lock", &path)(error).into()),
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.folder.join(SUMMARY).exists()
    }

    /// Whether a part is complete.
    pub(super) fn has(&self, part: usize) -> bool {
        self.pairs(part).exists()
    }

    pub(super) fn pairs(&self, part: usize) -> PathBuf {
        part_pairs(&self.folder, part)
    }

    pub(super) fn rejected(&self, part: usize) -> PathBuf {
        part_rejected(&self.folder, part)
    }

    pub(super) fn pair_info(&self) -> &PairFileInfo {
        &self.info
    }
}

pub(super) fn part_pairs(folder: &Path, part: usize) -> PathBuf {
    folder.join(PARTS).join(format!("{part:05}.parquet"))
}

pub(super) fn part_rejected(folder: &Path, part: usize) -> PathBuf {
    folder.join(PARTS).join(format!("{part:05}.rejected.csv"))
}

/// What a folder was begun for.
pub(super) fn read_job(folder: &Path) -> Result<Job, CorpusError> {
    let path = folder.join(JOB);
    let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
    serde_json::from_slice(&bytes).map_err(|error| CorpusError::Job {
        path: folder.to_owned(),
        reason: format!("its {JOB} is damaged or of another version ({error})"),
    })
}

/// An error that names what differs.
pub(super) fn same_job(begun: &Job, asked: &Job, folder: &Path) -> Result<(), CorpusError> {
    if begun == asked {
        return Ok(());
    }
    let mut differences = Vec::new();
    if let (Ok(begun), Ok(asked)) = (serde_json::to_value(begun), serde_json::to_value(asked)) {
        list_differences("", &begun, &asked, &mut differences);
    }
    Err(CorpusError::Job {
        path: folder.to_owned(),
        reason: format!("it was begun for something else: {}", differences.join(", ")),
    })
}

fn list_differences(name: &str, begun: &Value, asked: &Value, found: &mut Vec<String>) {
    match (begun, asked) {
        (Value::Object(begun), Value::Object(asked)) => {
            for (key, value) in begun {
                list_differences(key, value, asked.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if begun != asked && name.ends_with("sha256") => found.push(format!("another {name}")),
        _ if begun != asked => found.push(format!("{name} {begun}, now {asked}")),
        _ => {}
    }
}

/// A folder that holds something else is left alone.
fn refuse_foreign(out: &Path) -> Result<(), CorpusError> {
    let mut entries = match fs::read_dir(out) {
        Ok(entries) => entries.flatten(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::at("read", out)(error).into()),
    };
    // What a killed run may leave before it wrote its first file.
    match entries.find(|entry| !is_temporary(&entry.file_name())) {
        None => Ok(()),
        Some(entry) => Err(CorpusError::Job {
            path: out.to_owned(),
            reason: format!("it holds {} already", entry.file_name().to_string_lossy()),
        }),
    }
}

/// Writes the table of rejected clips.
pub(super) fn write_rejected(path: &Path, rows: &[Rejected]) -> Result<(), CorpusError> {
    let table = |source| CorpusError::Table { path: path.to_owned(), source };
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(REJECTED_COLUMNS).map_err(table)?;
    for row in rows {
        writer.serialize(row).map_err(table)?;
    }
    let bytes = writer.into_inner().map_err(|error| table(error.into_error().into()))?;
    Ok(AtomicFile::write(path, &bytes)?)
}

/// The columns of `rejected.csv`.
const REJECTED_COLUMNS: [&str; 6] = ["pair_id", "speaker_id", "source", "file", "reason", "detail"];

/// A hash of everything that names and tables say, without the place of the corpus.
fn hash(plan: &Plan) -> String {
    let mut hash = Sha256::new();
    let root = plan.root.to_string_lossy().into_owned();
    let mut add = |text: String| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    for clip in &plan.clips {
        add(format!("{clip:?}").replace(&root, ""));
    }
    for absent in &plan.absent {
        add(format!("{absent:?}"));
    }
    for person in &plan.people {
        add(format!("{person:?}"));
    }
    add(plan.licence.clone());
    hex(&hash.finalize())
}
