//! Merges the parts of a preparation, from one or several folders, to one set of pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::{AtomicFile, FileError, remove_temporary};
use s2f_pairs::PairSet;
use serde::{Deserialize, Serialize};

use super::folder::{
    ABSENT, JOB, PARTS, REJECTED, SPLITS, SUMMARY, part_pairs, part_rejected, read_job,
    refuse_foreign, same_job,
};
use crate::CorpusError;
use crate::reject::Reason;
use crate::stats::Stats;

/// The totals of a preparation: `summary.json`, which marks the folder as complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrepareSummary {
    /// Clips that names and tables list, including those with missing files.
    pub clips: usize,
    /// Pairs; a long video gives several.
    pub pairs: usize,
    /// Speakers with a pair.
    pub speakers: usize,
    /// Length of all voices, s.
    pub seconds: f64,
    /// Clips and segments that gave no pair, by reason, in the order in which a clip is checked.
    pub rejected: BTreeMap<Reason, usize>,
}

/// Writes `pairs-00000.parquet` …, `rejected.csv`, `splits.csv` and `summary.json` to `out` from
/// the parts in `folders`, one for each place where shards ran. `out` may be one of them; its parts
/// are then removed. Otherwise it is a folder of the same preparation, or empty or missing. It can
/// be interrupted at any time and called again.
///
/// # Errors
/// [`CorpusError::PrepareFolder`] if the folders belong to different preparations or `out` contains
/// something else, [`CorpusError::PartsMissing`] if shards are not done, and [`CorpusError::File`].
/// `out` is not changed if its contents are refused.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<PrepareSummary, CorpusError> {
    let nothing =
        || CorpusError::PrepareFolder { path: out.into(), reason: "no folder was given".into() };
    let (first, others) = folders.split_first().ok_or_else(nothing)?;
    let job = read_job(first)?;
    for folder in others {
        same_job(&job, &read_job(folder)?, folder)?;
    }
    let is_begun = out.join(JOB).exists();
    if is_begun {
        same_job(&job, &read_job(out)?, out)?;
    } else {
        refuse_foreign(out)?;
    }
    let is_input = folders.iter().any(|folder| is_same_folder(folder, out));
    let summary_path = out.join(SUMMARY);
    if summary_path.exists() {
        let summary = read_summary(&summary_path)?;
        if is_input {
            remove_parts(out)?;
        }
        return Ok(summary);
    }

    if let Some(folder) = folders.iter().find(|folder| folder.join(SUMMARY).exists()) {
        let reason = "its parts are already merged".into();
        return Err(CorpusError::PrepareFolder { path: folder.clone(), reason });
    }
    let find = |part: usize| folders.iter().find(|folder| part_pairs(folder, part).exists());
    let mut sources = Vec::with_capacity(job.parts);
    let mut missing = BTreeSet::new();
    for part in 0..job.parts {
        match find(part) {
            Some(folder) => sources.push((folder, part)),
            None => {
                missing.insert(part);
            }
        }
    }
    if !missing.is_empty() {
        return Err(CorpusError::PartsMissing { path: first.clone(), of: job.parts, missing });
    }

    fs::create_dir_all(out).map_err(FileError::at("make", out))?;
    if !is_begun {
        // First of all, so that an interrupted merge can be resumed.
        copy(&first.join(JOB), &out.join(JOB))?;
    }
    let parts: Vec<PathBuf> =
        sources.iter().map(|(folder, part)| part_pairs(folder, *part)).collect();
    s2f_pairs::merge(&parts, out)?;
    let tables = sources.iter().map(|(folder, part)| part_rejected(folder, *part));
    let tables = std::iter::once(first.join(PARTS).join(ABSENT)).chain(tables);
    let rejected = join_rejected(tables, &out.join(REJECTED))?;
    copy(&first.join(PARTS).join(SPLITS), &out.join(SPLITS))?;

    let stats = Stats::of(&PairSet::open(out)?)?;
    let absent = rejected.get(&Reason::MissingFile).copied().unwrap_or(0);
    let summary = PrepareSummary {
        clips: job.clips + absent,
        pairs: stats.pairs,
        speakers: stats.people,
        seconds: stats.seconds,
        rejected,
    };
    remove_temporary(out)?;
    let text = serde_json::to_vec_pretty(&summary).unwrap_or_default();
    AtomicFile::write(&summary_path, &text)?;
    if is_input {
        remove_parts(out)?;
    }
    Ok(summary)
}

/// Joins tables of rejected clips, and counts the reasons.
fn join_rejected(
    tables: impl Iterator<Item = PathBuf>,
    path: &Path,
) -> Result<BTreeMap<Reason, usize>, CorpusError> {
    let mut counts = BTreeMap::new();
    let bad = |source| CorpusError::Table { path: path.to_owned(), source };
    let mut writer = csv::WriterBuilder::new().from_writer(AtomicFile::create(path)?);
    let mut has_header = false;
    for table in tables {
        let bad = |source| CorpusError::Table { path: table.clone(), source };
        let mut reader = csv::Reader::from_path(&table).map_err(bad)?;
        if !has_header {
            writer.write_record(reader.headers().map_err(bad)?).map_err(bad)?;
            has_header = true;
        }
        for record in reader.records() {
            let record = record.map_err(bad)?;
            if let Some(reason) = record.get(4).and_then(Reason::from_name) {
                *counts.entry(reason).or_default() += 1;
            }
            writer.write_record(&record).map_err(bad)?;
        }
    }
    let file = writer.into_inner().map_err(|error| bad(error.into_error().into()))?;
    file.commit()?;
    Ok(counts)
}

fn copy(from: &Path, to: &Path) -> Result<(), CorpusError> {
    let bytes = fs::read(from).map_err(FileError::at("read", from))?;
    Ok(AtomicFile::write(to, &bytes)?)
}

fn read_summary(path: &Path) -> Result<PrepareSummary, CorpusError> {
    let bytes = fs::read(path).map_err(FileError::at("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| CorpusError::PrepareFolder {
        path: path.to_owned(),
        reason: format!("it is damaged ({error})"),
    })
}

/// Whether two paths are of one folder, which exists.
fn is_same_folder(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn remove_parts(out: &Path) -> Result<(), CorpusError> {
    let parts = out.join(PARTS);
    match fs::remove_dir_all(&parts) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::at("remove", &parts)(error).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use s2f_pairs::SplitTable;
    use s2f_testing::pairs;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::prepare::PrepareSettings;
    use crate::prepare::folder::write_rejected;

    /// `prepare.json` of a preparation in two parts.
    fn job(licence: &str) -> Value {
        json!({
            "format": 1,
            "layout": "folder",
            "licence": licence,
            "people": 3,
            "clips": 10,
            "corpus_sha256": "of the corpus",
            "parts": 2,
            "face_space": pairs::SPACE,
            "face_dimension": pairs::DIMENSION,
            "splits_sha256": "of the table",
            "settings": PrepareSettings { clips_per_part: 5, ..PrepareSettings::default() },
        })
    }

    /// A folder in which some of the parts were prepared.
    fn begin(folder: &Path, job: &Value, parts: &[u64]) {
        fs::create_dir_all(folder.join(PARTS)).unwrap();
        fs::write(folder.join(JOB), serde_json::to_vec_pretty(job).unwrap()).unwrap();
        let splits = SplitTable::default().to_csv();
        fs::write(folder.join(PARTS).join(SPLITS), splits).unwrap();
        write_rejected(&folder.join(PARTS).join(ABSENT), &[]).unwrap();
        for &part in parts {
            pairs::write(&part_pairs(folder, part as usize), &pairs::varied(5 * part, 5)).unwrap();
            write_rejected(&part_rejected(folder, part as usize), &[]).unwrap();
        }
    }

    /// Two shards of one preparation: the folders `a` and `b`.
    fn shards() -> (TempDir, Vec<PathBuf>) {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "b"].map(|name| root.path().join(name));
        begin(&folders[0], &job("CC0"), &[0]);
        begin(&folders[1], &job("CC0"), &[1]);
        (root, folders.to_vec())
    }

    /// Files below a folder, with their contents.
    fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(contents(&path));
            } else {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
        found
    }

    #[test]
    fn a_folder_of_another_preparation_or_of_somebody_else_is_refused_and_untouched() {
        let (root, folders) = shards();
        let other = root.path().join("other");
        begin(&other, &job("other"), &[0]);
        let mine = root.path().join("mine");
        fs::create_dir_all(mine.join(PARTS)).unwrap();
        fs::write(mine.join(PARTS).join("letter.txt"), "mine").unwrap();
        for (out, reason) in [(&other, "licence"), (&mine, "it already contains parts")] {
            let before = contents(out);
            let error = merge(&folders, out).unwrap_err();
            assert!(matches!(error, CorpusError::PrepareFolder { .. }), "{error}");
            assert!(error.to_string().contains(reason), "{error}");
            assert_eq!(contents(out), before);
        }
    }

    #[test]
    fn only_the_parts_of_the_output_folder_are_removed_and_only_if_it_is_an_input() {
        let (root, folders) = shards();
        let before = contents(root.path());
        let out = root.path().join("out");
        let summary = merge(&folders, &out).unwrap();
        assert_eq!((summary.clips, summary.pairs), (10, 10));
        assert_eq!(merge(&folders, &out).unwrap(), summary);
        let after = contents(root.path());
        assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));

        // The same folder by another path.
        let a = root.path().join("b").join("..").join("a");
        assert_eq!(merge(&folders, &a).unwrap(), summary);
        assert!(!folders[0].join(PARTS).exists() && folders[1].join(PARTS).exists());
    }

    #[test]
    fn an_interrupted_merge_is_resumed() {
        let (root, folders) = shards();
        let (whole, out) = (root.path().join("whole"), root.path().join("out"));
        let summary = merge(&folders, &whole).unwrap();
        // An earlier run wrote the job and the pairs, and nothing after them.
        fs::create_dir(&out).unwrap();
        for name in [JOB, "pairs-00000.parquet"] {
            fs::copy(whole.join(name), out.join(name)).unwrap();
        }
        assert_eq!(merge(&folders, &out).unwrap(), summary);
        let files = |folder: &Path| contents(folder).into_values().collect::<Vec<_>>();
        assert_eq!(files(&out), files(&whole));
    }
}
