//! The folder of a preparation: what it is for, which parts are done, which shards are running.

use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::csv_cell::guarded;
use s2f_core::hash::{Digest, Sha256, hex};
use s2f_core::{AtomicFile, FileError, FileLock, is_temporary};
use s2f_face::FaceEncoder;
use s2f_pairs::{PairFileInfo, SplitTable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PrepareSettings;
use crate::CorpusError;
use crate::plan::{Person, Plan};
use crate::reject::{Reason, Rejected};
use crate::shard::Shard;

/// Version of the folder's format.
const FORMAT: u32 = 1;

/// What a folder is for: `prepare.json`. It contains no paths, so it is the same on every machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrepareJob {
    format: u32,
    pub(super) layout: String,
    pub(super) licence: String,
    pub(super) people: usize,
    pub(super) clips: usize,
    /// Hash of the plan, without the place of the corpus.
    corpus_sha256: String,
    pub(super) parts: usize,
    face_space: String,
    face_dimension: usize,
    splits_sha256: String,
    settings: PrepareSettings,
}

/// The folder of a preparation.
pub(super) struct PrepareFolder {
    folder: PathBuf,
    job: PrepareJob,
    info: PairFileInfo,
}

/// Names in the folder.
pub(crate) const JOB: &str = "prepare.json";
pub(crate) const PARTS: &str = "parts";
pub(super) const SPLITS: &str = "splits.csv";
pub(super) const REJECTED: &str = "rejected.csv";
pub(crate) const SUMMARY: &str = "summary.json";
/// In the folder of parts: the rejected rows of clips whose files are missing; every shard writes
/// the same.
pub(super) const ABSENT: &str = "absent.rejected.csv";

impl PrepareFolder {
    /// Creates the folder, or opens one that was begun with the same corpus and settings.
    pub(super) fn open(
        plan: &Plan,
        settings: &PrepareSettings,
        encoder: &dyn FaceEncoder,
        splits: &SplitTable,
        out: &Path,
    ) -> Result<Self, CorpusError> {
        let job = PrepareJob {
            format: FORMAT,
            layout: plan.layout.name.to_owned(),
            licence: plan.licence.clone(),
            people: plan.people.len(),
            clips: plan.clips.len(),
            corpus_sha256: corpus_hash(plan),
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

    /// Prevents a second process from doing the same shard.
    pub(super) fn lock(&self, shard: Shard) -> Result<FileLock, CorpusError> {
        let name = format!("shard-{}.lock", shard.to_string().replace('/', "-of-"));
        let path = self.folder.join(PARTS).join(name);
        let busy = || CorpusError::Busy { path: self.folder.clone(), shard };
        FileLock::try_take(&path)?.ok_or_else(busy)
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

/// The name of a part's pairs in the folder.
pub(crate) fn part_of(part: usize) -> String {
    format!("{PARTS}/{part:05}.parquet")
}

pub(super) fn part_pairs(folder: &Path, part: usize) -> PathBuf {
    folder.join(part_of(part))
}

pub(super) fn part_rejected(folder: &Path, part: usize) -> PathBuf {
    folder.join(PARTS).join(format!("{part:05}.rejected.csv"))
}

/// Reads `prepare.json`.
pub(super) fn read_job(folder: &Path) -> Result<PrepareJob, CorpusError> {
    let path = folder.join(JOB);
    let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
    serde_json::from_slice(&bytes).map_err(|error| CorpusError::PrepareFolder {
        path: folder.to_owned(),
        reason: format!("its {JOB} is damaged or of another version ({error})"),
    })
}

/// Checks that a folder is for the given job; the error names the differences.
pub(super) fn same_job(
    begun: &PrepareJob,
    asked: &PrepareJob,
    folder: &Path,
) -> Result<(), CorpusError> {
    if begun == asked {
        return Ok(());
    }
    let mut differences = Vec::new();
    if let (Ok(begun), Ok(asked)) = (serde_json::to_value(begun), serde_json::to_value(asked)) {
        list_differences("", &begun, &asked, &mut differences);
    }
    Err(CorpusError::PrepareFolder {
        path: folder.to_owned(),
        reason: format!("it was begun with other settings: {}", differences.join(", ")),
    })
}

fn list_differences(name: &str, begun: &Value, asked: &Value, found: &mut Vec<String>) {
    match (begun, asked) {
        (Value::Object(begun), Value::Object(asked)) => {
            for (key, value) in begun {
                list_differences(key, value, asked.get(key).unwrap_or(&Value::Null), found);
            }
            for (key, value) in asked.iter().filter(|(key, _)| !begun.contains_key(*key)) {
                list_differences(key, &Value::Null, value, found);
            }
        }
        _ if begun != asked && name.ends_with("sha256") => found.push(format!("another {name}")),
        _ if begun != asked => found.push(format!("{name} {begun}, now {asked}")),
        _ => {}
    }
}

/// Refuses a folder that contains something else.
pub(super) fn refuse_foreign(out: &Path) -> Result<(), CorpusError> {
    let mut entries = match fs::read_dir(out) {
        Ok(entries) => entries.flatten(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::at("read", out)(error).into()),
    };
    // An interrupted run may leave temporary files.
    match entries.find(|entry| !is_temporary(&entry.file_name())) {
        None => Ok(()),
        Some(entry) => Err(CorpusError::PrepareFolder {
            path: out.to_owned(),
            reason: format!("it already contains {}", entry.file_name().to_string_lossy()),
        }),
    }
}

/// Writes the table of rejected clips.
pub(super) fn write_rejected(path: &Path, rows: &[Rejected]) -> Result<(), CorpusError> {
    let table = |source| CorpusError::Table { path: path.to_owned(), source };
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(REJECTED_COLUMNS).map_err(table)?;
    for Rejected { pair_id, speaker_id, source, file, reason, detail } in rows {
        let cells: [&str; 6] = [pair_id, speaker_id, source, file, reason.name(), detail];
        writer.write_record(cells.map(|cell| guarded(cell).into_owned())).map_err(table)?;
    }
    let bytes = writer.into_inner().map_err(|error| table(error.into_error().into()))?;
    Ok(AtomicFile::write(path, &bytes)?)
}

/// The columns of `rejected.csv`.
pub const REJECTED_COLUMNS: [&str; 6] =
    ["pair_id", "speaker_id", "source", "file", "reason", "detail"];

/// A hash of the plan, without the place of the corpus. What is hashed is part of [`FORMAT`].
fn corpus_hash(plan: &Plan) -> String {
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
    for (speaker_id, Person { sex, age, language }) in &plan.people {
        add(format!(
            "({speaker_id:?}, Person {{ gender: {sex:?}, age: {age:?}, language: {language:?} }})"
        ));
    }
    add(plan.licence.clone());
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;
    use s2f_pairs::Split;

    use super::*;
    use crate::layout::LAYOUTS;
    use crate::plan::{Absent, Clip, FaceSource, Media};

    /// Folders that were begun with an older version can be resumed, since the hash depends neither
    /// on names in the code that may change nor on where the corpus is. Computed with Python's
    /// hashlib from the texts that `corpus_hash` adds, each after its length in 8 bytes.
    #[test]
    fn the_hash_of_a_corpus_does_not_change() {
        let media = |file: &str, end_s| Media { file: file.into(), start_s: 0.0, end_s };
        let plan = |root: &str| Plan {
            layout: LAYOUTS[0].properties,
            root: root.into(),
            clips: vec![Clip {
                pair_id: "a.1".into(),
                speaker_id: "a".into(),
                source: "1".into(),
                sound: media(&format!("{root}/1.wav"), Some(6.5)),
                face: FaceSource::Video { media: media(&format!("{root}/1.mp4"), None), at: None },
                split: Some(Split::Test),
            }],
            absent: vec![Absent {
                pair_id: "b".into(),
                speaker_id: "b".into(),
                source: String::new(),
                missing: "no video".into(),
            }],
            people: [(
                "a".to_owned(),
                Person { sex: Some(Sex::Female), age: Some(31.0), language: None },
            )]
            .into(),
            unpaired: None,
            licence: "CC0".into(),
        };
        let expected = "53d3bb8cabdf0de7e5c10dd284e0eadfffd3f40937b0b917f56ab7c00dfbd346";
        for root in ["/data/corpus", "/elsewhere"] {
            assert_eq!(corpus_hash(&plan(root)), expected, "{root}");
        }
    }
}
