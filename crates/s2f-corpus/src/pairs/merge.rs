//! From the files of a preparation to a sealed set.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::check::{Speakers, add_speaker, one_face_space, one_split_each};
use super::copy::Copy;
use super::file::PairFile;
use super::meta::{Meta, Seal};
use super::read::pair_files;
use super::row::Batch;
use super::schema::column;
use super::{FaceSpace, PairsError};
use crate::split::hash_of_splits;
use crate::{CorpusError, files, hex};

/// Size that a file of a set is filled up to.
const FILE_BYTES: u64 = 512 << 20;

/// Joins `parts`, in the given order, to `pairs-00000.parquet`, `pairs-00001.parquet` … of about
/// 512 MiB in `folder`, which is made where it is missing. The same parts give the same bytes.
///
/// Rows are copied as they lie, so time and memory are those of copying files. Stopped at any
/// instant, it goes on when called again: a file that is there and holds the same rows is not
/// written again. Files of an earlier set in the folder are replaced. The parts are left alone.
///
/// # Errors
/// [`CorpusError::Pairs`] where a part is damaged, where a pair is in two parts, where parts are
/// of different face spaces or splits, or where a speaker is in two splits; [`CorpusError::Io`]
/// where the system refuses.
pub fn merge(parts: &[PathBuf], folder: &Path) -> Result<(), CorpusError> {
    merge_to(parts, folder, FILE_BYTES)
}

fn merge_to(parts: &[PathBuf], folder: &Path, file_bytes: u64) -> Result<(), CorpusError> {
    std::fs::create_dir_all(folder).map_err(CorpusError::io("make", folder))?;
    files::remove_temporary(folder)?;
    let existing = pair_files(folder)?;
    refuse_foreign(&existing)?;
    refuse_own_parts(parts, folder)?;
    let (targets, splits_sha256, space) = survey(parts, folder, file_bytes)?;
    let mut kept = BTreeSet::new();
    for target in &targets {
        let meta = Meta {
            face_space: space.clone(),
            splits_sha256: splits_sha256.clone(),
            licences: target.licences.clone(),
            seal: Some(target.seal.clone()),
        };
        kept.insert(target.path.clone());
        let is_there = existing.contains(&target.path)
            && PairFile::open(&target.path)
                .is_ok_and(|(file, _)| file.meta == meta && file.groups.iter().eq(target.groups()));
        if is_there {
            continue;
        }
        let mut copy = Copy::begin(&target.path, &meta)?;
        for part in &target.parts {
            copy.append(part, None)?;
        }
        copy.finish()?;
    }
    for path in existing.iter().filter(|path| !kept.contains(*path)) {
        std::fs::remove_file(path).map_err(CorpusError::io("remove", path))?;
    }
    Ok(())
}

/// A file to be written.
struct Target {
    path: PathBuf,
    parts: Vec<PairFile>,
    licences: BTreeSet<String>,
    seal: Seal,
}

impl Target {
    fn groups(&self) -> impl Iterator<Item = &u64> {
        self.parts.iter().flat_map(|part| &part.groups)
    }
}

/// Reads what identifies the rows of all parts, and says which files they will make.
fn survey(
    parts: &[PathBuf],
    folder: &Path,
    file_bytes: u64,
) -> Result<(Vec<Target>, String, FaceSpace), CorpusError> {
    let mut opened = Vec::with_capacity(parts.len());
    let mut sizes = Vec::with_capacity(parts.len());
    for path in parts {
        opened.push(PairFile::open(path)?.0);
        sizes.push(std::fs::metadata(path).map_err(CorpusError::io("read", path))?.len());
    }
    let space = one_face_space(&opened, folder)?;
    let splits_sha256 = one_split_table(&opened)?;

    let mut targets: Vec<Target> = Vec::new();
    let mut bytes = 0;
    for (part, size) in opened.into_iter().zip(sizes) {
        if bytes + size > file_bytes || targets.is_empty() {
            targets.push(Target {
                path: folder.join(format!("pairs-{:05}.parquet", targets.len())),
                parts: Vec::new(),
                licences: BTreeSet::new(),
                seal: Seal {
                    file: targets.len(),
                    files: 0,
                    pairs: 0,
                    speakers_sha256: String::new(),
                    rows_sha256: String::new(),
                },
            });
            bytes = 0;
        }
        bytes += size;
        if let Some(target) = targets.last_mut() {
            target.licences.extend(part.meta.licences.iter().cloned());
            target.parts.push(part);
        }
    }

    let mut rows = Survey { pairs: HashMap::new(), parts: Vec::new(), speakers: Speakers::new() };
    for target in &mut targets {
        let mut hash = Sha256::new();
        for part in &target.parts {
            rows.add(part, &mut hash)?;
        }
        target.seal.rows_sha256 = hex(&hash.finalize());
    }
    let speakers_sha256 = hash_of_splits(&one_split_each(&rows.speakers, folder)?);
    let files = targets.len();
    for target in &mut targets {
        target.seal.files = files;
        target.seal.pairs = rows.pairs.len() as u64;
        target.seal.speakers_sha256.clone_from(&speakers_sha256);
    }
    Ok((targets, splits_sha256, space))
}

/// What all parts hold together.
struct Survey {
    /// Each pair, by half of its name's hash, and the part that it is in. Names themselves would
    /// take several times the memory.
    pairs: HashMap<[u8; 16], u32>,
    parts: Vec<PathBuf>,
    speakers: Speakers,
}

impl Survey {
    fn add(&mut self, part: &PairFile, hash: &mut Sha256) -> Result<(), CorpusError> {
        const COLUMNS: [usize; 5] = [
            column::PAIR_ID,
            column::SPEAKER_ID,
            column::SPLIT,
            column::AUDIO_SHA256,
            column::FACE_SHA256,
        ];
        let number = self.parts.len();
        self.parts.push(part.path.clone());
        let groups = (0..part.groups.len()).collect();
        for batch in part.reopen()?.batches(groups, &COLUMNS, None, 8192, &part.path)? {
            let batch = Batch { file: part, columns: batch? };
            for row in 0..batch.rows() {
                let pair_id = batch.text("pair_id", row)?;
                let speaker = batch.text("speaker_id", row)?;
                let split = batch.split(row)?;
                let [audio, face] =
                    [batch.text("audio_sha256", row)?, batch.text("face_sha256", row)?];
                for text in [pair_id, speaker, split.name(), audio, face] {
                    hash.update((text.len() as u64).to_le_bytes());
                    hash.update(text);
                }
                add_speaker(&mut self.speakers, speaker, split);
                let mut key = [0; 16];
                key.copy_from_slice(&Sha256::digest(pair_id)[..16]);
                if let Some(first) = self.pairs.insert(key, number as u32) {
                    return Err(PairsError::Duplicate {
                        pair_id: pair_id.to_owned(),
                        first: self.parts[first as usize].clone(),
                        second: part.path.clone(),
                    }
                    .into());
                }
            }
        }
        Ok(())
    }
}

fn one_split_table(parts: &[PairFile]) -> Result<String, CorpusError> {
    let Some((first, others)) = parts.split_first() else { return Ok(String::new()) };
    match others.iter().find(|part| part.meta.splits_sha256 != first.meta.splits_sha256) {
        None => Ok(first.meta.splits_sha256.clone()),
        Some(second) => {
            let (first, second) = (first.path.clone(), second.path.clone());
            Err(PairsError::SplitTables { first, second }.into())
        }
    }
}

/// A part in the folder would be replaced by what is made of it.
fn refuse_own_parts(parts: &[PathBuf], folder: &Path) -> Result<(), CorpusError> {
    let real = |path: &Path| path.canonicalize().map_err(CorpusError::io("read", path));
    let folder = real(folder)?;
    for part in parts {
        if real(part)?.parent() == Some(&folder) {
            return Err(PairsError::Set {
                path: part.clone(),
                problem: "it lies in the folder that is to be written".to_owned(),
                hint: "merge into another folder",
            }
            .into());
        }
    }
    Ok(())
}

/// Only files of pairs are replaced, whole or not; anything else under their names is not ours.
fn refuse_foreign(existing: &[PathBuf]) -> Result<(), CorpusError> {
    for path in existing {
        match PairFile::open(path) {
            Err(CorpusError::Pairs(
                error @ (PairsError::NotParquet { .. }
                | PairsError::NoColumn { .. }
                | PairsError::Column { .. }
                | PairsError::Foreign { .. }),
            )) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
