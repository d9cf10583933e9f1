//! Joins the files of a preparation to a sealed set.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use s2f_core::hash::{Digest, Sha256, hex};
use s2f_core::{FaceSpace, FileError, FileLock};

use crate::PairsError;
use crate::check::{Speakers, add_speaker, one_face_space, one_split_each};
use crate::copy::Copy;
use crate::file::PairFile;
use crate::meta::{Meta, Seal};
use crate::read::pair_files;
use crate::row::Batch;
use crate::schema::column;
use crate::split_table::hash_of_splits;

/// Maximum size of a file of a set, bytes.
const FILE_BYTES: u64 = 512 << 20;

/// Joins `parts`, in the given order, to `pairs-00000.parquet`, `pairs-00001.parquet` … of about
/// 512 MiB in `folder`, which is created if missing. The same parts give the same bytes.
///
/// Rows are copied without decoding, so time and memory are those of copying files. It can be
/// interrupted at any time and called again: a file that is there and holds the same rows is not
/// rewritten. Files of an earlier set in the folder are replaced. The parts are not changed.
///
/// # Errors
/// [`PairsError`] if a part is damaged, if a pair is in two parts, if parts are of different face
/// spaces or splits, or if a speaker is in two splits; [`PairsError::File`] if the system refuses.
pub fn merge(parts: &[PathBuf], folder: &Path) -> Result<(), PairsError> {
    merge_to(parts, folder, FILE_BYTES)
}

pub(crate) fn merge_to(
    parts: &[PathBuf],
    folder: &Path,
    file_bytes: u64,
) -> Result<(), PairsError> {
    std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    let _lock = FileLock::of_folder(folder)?;
    s2f_core::remove_temporary(folder)?;
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
        std::fs::remove_file(path).map_err(FileError::at("remove", path))?;
    }
    Ok(())
}

/// A file that will be written.
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

/// Reads what identifies the rows of all parts, and plans the files.
fn survey(
    parts: &[PathBuf],
    folder: &Path,
    file_bytes: u64,
) -> Result<(Vec<Target>, String, FaceSpace), PairsError> {
    let mut opened = Vec::with_capacity(parts.len());
    let mut sizes = Vec::with_capacity(parts.len());
    for path in parts {
        opened.push(PairFile::open(path)?.0);
        sizes.push(std::fs::metadata(path).map_err(FileError::at("read", path))?.len());
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

/// The contents of all parts.
struct Survey {
    /// The part of each pair, by half of the hash of its name. Names themselves would take several
    /// times the memory.
    pairs: HashMap<[u8; 16], u32>,
    parts: Vec<PathBuf>,
    speakers: Speakers,
}

impl Survey {
    fn add(&mut self, part: &PairFile, hash: &mut Sha256) -> Result<(), PairsError> {
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
                for text in [pair_id, speaker, audio, face] {
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
                    });
                }
            }
        }
        Ok(())
    }
}

fn one_split_table(parts: &[PairFile]) -> Result<String, PairsError> {
    let Some((first, others)) = parts.split_first() else { return Ok(String::new()) };
    match others.iter().find(|part| part.meta.splits_sha256 != first.meta.splits_sha256) {
        None => Ok(first.meta.splits_sha256.clone()),
        Some(second) => {
            let (first, second) = (first.path.clone(), second.path.clone());
            Err(PairsError::SplitTables { first, second })
        }
    }
}

/// Refuses parts in the output folder, which would be replaced.
fn refuse_own_parts(parts: &[PathBuf], folder: &Path) -> Result<(), PairsError> {
    let real = |path: &Path| path.canonicalize().map_err(FileError::at("read", path));
    let folder = real(folder)?;
    for part in parts {
        if real(part)?.parent() == Some(&folder) {
            return Err(PairsError::Set {
                path: part.clone(),
                problem: "it is in the output folder".to_owned(),
                hint: "merge into another folder",
            });
        }
    }
    Ok(())
}

/// Refuses other programs' files with the names of pairs. Damaged files of pairs are replaced.
fn refuse_foreign(existing: &[PathBuf]) -> Result<(), PairsError> {
    for path in existing {
        if let Err(
            error @ (PairsError::NotParquet { .. }
            | PairsError::NoColumn { .. }
            | PairsError::Column { .. }
            | PairsError::Foreign { .. }),
        ) = PairFile::open(path)
        {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::split::Split;
    use crate::{Pair, PairSet, Payload, samples};

    /// Names and bytes of all files of a folder.
    fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    /// Room for about two of the samples' parts.
    fn room(parts: &[PathBuf]) -> u64 {
        2 * parts.iter().map(|part| fs::metadata(part).unwrap().len()).max().unwrap()
    }

    #[test]
    fn rows_keep_their_order_and_bytes_are_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let parts = samples::parts(folder.path(), 7);
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for target in [&first, &second] {
            merge_to(&parts, target, room(&parts)).unwrap();
        }
        assert_eq!(contents(&first), contents(&second));
        assert!(contents(&first).len() > 2);
        let set = PairSet::open(&first).unwrap();
        let rows: Vec<Pair> = set.rows(Payload::ALL, None).map(Result::unwrap).collect();
        assert_eq!(rows, samples::pairs(0, 35));
        assert_eq!(set.groups(), [5; 7]);
    }

    #[test]
    fn small_parts_make_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = samples::parts(folder.path(), 3);
        // A part all of whose clips were rejected.
        let empty = folder.path().join("empty.parquet");
        samples::write(&empty, &[]).unwrap();
        parts.insert(1, empty);
        let set = folder.path().join("set");
        merge(&parts, &set).unwrap();
        assert_eq!(contents(&set).len(), 1);
        assert_eq!(PairSet::open(&set).unwrap().pairs(), 15);
    }

    #[test]
    fn a_killed_merge_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let parts = samples::parts(folder.path(), 9);
        let set = folder.path().join("set");
        merge_to(&parts, &set, room(&parts)).unwrap();
        let whole = contents(&set);
        assert!(whole.len() >= 4);

        let written = |name: &str| fs::metadata(set.join(name)).unwrap().modified().unwrap();
        let before = written(&whole[0].0);
        fs::remove_file(set.join(&whole[1].0)).unwrap();
        fs::remove_file(set.join(&whole[3].0)).unwrap();
        // Half of a copy, as other file systems leave it, and a file that was being written.
        fs::write(set.join(&whole[2].0), &whole[2].1[..500]).unwrap();
        fs::write(set.join(".speech2face-Ab12.tmp"), "PAR1 and so on").unwrap();
        assert!(PairSet::open(&set).is_err());
        merge_to(&parts, &set, room(&parts)).unwrap();
        assert_eq!(contents(&set), whole);
        assert_eq!(written(&whole[0].0), before, "what was complete is not written again");
    }

    #[test]
    fn an_earlier_set_is_replaced_and_foreign_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let parts = samples::parts(folder.path(), 6);
        let set = folder.path().join("set");
        merge_to(&parts, &set, 1).unwrap();
        merge_to(&parts[..2], &set, 1).unwrap();
        assert_eq!(contents(&set).len(), 2);
        assert_eq!(PairSet::open(&set).unwrap().pairs(), 10);

        fs::write(set.join("pairs-mine.parquet"), "do not touch").unwrap();
        let message = merge_to(&parts, &set, 1).unwrap_err().to_string();
        assert!(message.contains("pairs-mine.parquet"), "{message}");
        assert!(set.join("pairs-mine.parquet").exists());
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set");
        let parts = samples::parts(folder.path(), 2);
        let check = |name: &str, write: &dyn Fn(&Path), words: &[&str]| {
            let path = folder.path().join(name);
            write(&path);
            let all = [parts.clone(), vec![path]].concat();
            let message = merge(&all, &set).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        check(
            "again.parquet",
            &|path| samples::write(path, &samples::pairs(6, 1)).unwrap(),
            &["pair train._00006 is in", "part-98.parquet", "again.parquet"],
        );
        let leak = samples::pair(70, "train.", Split::Test);
        check(
            "leak.parquet",
            &|path| samples::write(path, std::slice::from_ref(&leak)).unwrap(),
            &["train. (train and test)"],
        );
        let of = |info: crate::PairFileInfo| {
            move |path: &Path| {
                crate::PairWriter::create(path, &info).unwrap().finish().unwrap();
            }
        };
        let info = samples::info();
        check(
            "space.parquet",
            &of(crate::PairFileInfo { face_space: "vgg-face".into(), ..info.clone() }),
            &["mobileface", "vgg-face", "space.parquet"],
        );
        check(
            "split.parquet",
            &of(crate::PairFileInfo { splits_sha256: "other".into(), ..info }),
            &["different splits", "split.parquet"],
        );
        check("cut.parquet", &|path| fs::write(path, "PAR1 cut off").unwrap(), &["cut.parquet"]);
        assert_eq!(contents(&set).len(), 0);

        let inside = set.join("inside.parquet");
        samples::write(&inside, &samples::pairs(0, 1)).unwrap();
        let message = merge(&[inside], &set).unwrap_err().to_string();
        assert!(message.contains("in the output folder"), "{message}");
        assert!(merge(&[], &set).is_err());
    }
}
