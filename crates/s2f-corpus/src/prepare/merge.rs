//! Merges the parts of a preparation, from one or several folders, to one set of pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::{AtomicFile, FileError, remove_temporary};
use s2f_pairs::PairSet;
use serde::{Deserialize, Serialize};

use super::folder::{
    ABSENT, JOB, PARTS, REJECTED, SPLITS, SUMMARY, part_pairs, part_rejected, read_job, same_job,
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
/// are then removed. It can be interrupted at any time and called again.
///
/// # Errors
/// [`CorpusError::PrepareFolder`] if the folders belong to different preparations,
/// [`CorpusError::PartsMissing`] if shards are not done, and [`CorpusError::File`].
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<PrepareSummary, CorpusError> {
    let nothing =
        || CorpusError::PrepareFolder { path: out.into(), reason: "no folder was given".into() };
    let (first, others) = folders.split_first().ok_or_else(nothing)?;
    let job = read_job(first)?;
    for folder in others {
        same_job(&job, &read_job(folder)?, folder)?;
    }
    let summary_path = out.join(SUMMARY);
    if summary_path.exists() {
        same_job(&job, &read_job(out)?, out)?;
        let summary = read_summary(&summary_path)?;
        remove_parts(out)?;
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
    let parts: Vec<PathBuf> =
        sources.iter().map(|(folder, part)| part_pairs(folder, *part)).collect();
    s2f_pairs::merge(&parts, out)?;
    let tables = sources.iter().map(|(folder, part)| part_rejected(folder, *part));
    let tables = std::iter::once(first.join(PARTS).join(ABSENT)).chain(tables);
    let rejected = join_rejected(tables, &out.join(REJECTED))?;
    copy(&first.join(PARTS).join(SPLITS), &out.join(SPLITS))?;
    if first.as_path() != out {
        copy(&first.join(JOB), &out.join(JOB))?;
    }

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
    remove_parts(out)?;
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

fn remove_parts(out: &Path) -> Result<(), CorpusError> {
    let parts = out.join(PARTS);
    match fs::remove_dir_all(&parts) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::at("remove", &parts)(error).into())
        }
        _ => Ok(()),
    }
}
