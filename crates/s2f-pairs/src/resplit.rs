//! New splits for an existing set.

use std::collections::BTreeMap;
use std::path::Path;

use s2f_core::{AtomicFile, FileLock};

use crate::PairsError;
use crate::check::{check_seal, check_whole, one_face_space, one_split_each, speakers};
use crate::copy::Copy;
use crate::meta::{Meta, Seal};
use crate::read::open_files;
use crate::split::Split;
use crate::split_table::{Shares, SplitTable, hash_of_splits};

/// Assigns the speakers of the set in `folder` to new splits, and writes `splits.csv` and the
/// column `split` of every file; everything else is copied without decoding. Splits that the corpus
/// itself prescribes are taken from `splits.csv` and kept.
///
/// Each file is replaced atomically. If it is interrupted, [`crate::PairSet::open`] refuses the set
/// until the same call has completed.
///
/// # Errors
/// [`PairsError`] if a file is damaged or face spaces are mixed; [`PairsError::Splits`] if
/// `splits.csv` is damaged; [`PairsError::File`] if the system refuses.
pub fn resplit(folder: &Path, shares: &Shares, seed: u64) -> Result<(), PairsError> {
    shares.check()?;
    let set = open_files(folder)?;
    let _lock = folder.is_dir().then(|| FileLock::of_folder(folder)).transpose()?;
    s2f_core::remove_temporary(folder)?;
    check_whole(&set, folder)?;
    let space = one_face_space(&set, folder)?;
    let csv = folder.join(SPLITS_CSV);
    let before = if csv.exists() { SplitTable::read(&csv)? } else { SplitTable::default() };
    let present = speakers(&set)?;
    let all = present.keys().map(String::as_str).chain(before.speakers());
    let table = SplitTable::assign(
        all.map(|speaker| (speaker.to_owned(), before.official(speaker))),
        shares,
        seed,
    );

    let splits: BTreeMap<String, Split> =
        present.keys().map(|speaker| (speaker.clone(), table.split_of(speaker))).collect();
    let speakers_sha256 = hash_of_splits(&splits);
    let pairs = set.iter().map(|file| file.pairs()).sum();
    let is_done = one_split_each(&present, folder).is_ok_and(|now| now == splits)
        && check_seal(&set, &splits, folder).is_ok()
        && set
            .iter()
            .all(|file| file.meta.seal.is_some() && file.meta.splits_sha256 == table.hash());
    if !is_done {
        for (number, file) in set.iter().enumerate() {
            let rows_sha256 = file.meta.seal.as_ref().map(|seal| seal.rows_sha256.clone());
            let meta = Meta {
                face_space: space.clone(),
                splits_sha256: table.hash(),
                licences: file.meta.licences.clone(),
                seal: Some(Seal {
                    file: number,
                    files: set.len(),
                    pairs,
                    speakers_sha256: speakers_sha256.clone(),
                    rows_sha256: rows_sha256.unwrap_or_default(),
                }),
            };
            let mut copy = Copy::begin(&file.path, &meta)?;
            copy.append(file, Some(&splits))?;
            copy.finish()?;
        }
    }
    Ok(AtomicFile::write(&csv, table.to_csv().as_bytes())?)
}

/// The table of splits next to a set.
const SPLITS_CSV: &str = "splits.csv";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Pair, PairSet, Payload, merge, samples};

    /// A sealed set of four files and twenty speakers, all in training.
    fn set(folder: &Path) -> std::path::PathBuf {
        let parts: Vec<_> = (0..4)
            .map(|part| {
                let path = folder.join(format!("{part}.parquet"));
                let speaker = |number: u64| format!("speaker{:02}", number % 20);
                let pairs: Vec<Pair> = (10 * part..10 * part + 10)
                    .map(|number| samples::pair(number, &speaker(number), Split::Train))
                    .collect();
                samples::write(&path, &pairs).unwrap();
                path
            })
            .collect();
        let set = folder.join("set");
        merge::merge_to(&parts, &set, 1).unwrap();
        set
    }

    fn rows(set: &Path) -> Vec<Pair> {
        PairSet::open(set).unwrap().rows(Payload::ALL, None).map(Result::unwrap).collect()
    }

    const SHARES: Shares = Shares { validation: 0.2, test: 0.1 };

    #[test]
    fn only_the_split_changes() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        let before = rows(&set);
        resplit(&set, &SHARES, 1).unwrap();
        let after = rows(&set);
        let speakers = PairSet::open(&set).unwrap().speakers().clone();
        let count = |split| speakers.values().filter(|&&other| other == split).count();
        assert_eq!(Split::ALL.map(count), [14, 4, 2]);
        let table = SplitTable::read(&set.join(SPLITS_CSV)).unwrap();
        for (mut expected, after) in before.into_iter().zip(after) {
            expected.info.split = table.split_of(&expected.info.speaker_id);
            assert_eq!(after, expected);
        }
    }

    #[test]
    fn a_killed_resplit_is_refused_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        let file = |number: usize| set.join(format!("pairs-{number:05}.parquet"));
        let bytes = || [0, 1, 2, 3].map(|number| fs::read(file(number)).unwrap());
        let old = bytes();
        resplit(&set, &SHARES, 1).unwrap();
        let new = bytes();
        for killed_after in 1..4 {
            for (number, bytes) in old.iter().enumerate().skip(killed_after) {
                fs::write(file(number), bytes).unwrap();
            }
            fs::write(set.join(".speech2face-x.tmp"), "half").unwrap();
            let message = PairSet::open(&set).unwrap_err().to_string();
            assert!(
                message.contains("more than one split") || message.contains("different splits"),
                "{message}"
            );
            resplit(&set, &SHARES, 1).unwrap();
            assert_eq!(bytes(), new);
            assert!(!set.join(".speech2face-x.tmp").exists());
        }
    }

    #[test]
    fn official_splits_stay() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        let official = |number: usize| if number < 5 { Split::Test } else { Split::Train };
        let speakers = (0..20).map(|n| (format!("speaker{n:02}"), Some(official(n))));
        let table = SplitTable::assign(speakers, &SHARES, 0);
        fs::write(set.join(SPLITS_CSV), table.to_csv()).unwrap();
        for seed in 0..3 {
            resplit(&set, &SHARES, seed).unwrap();
            for (number, (_, split)) in PairSet::open(&set).unwrap().speakers().iter().enumerate() {
                assert_eq!(*split == Split::Test, number < 5);
            }
        }
    }

    #[test]
    fn a_set_that_lacks_a_file_is_not_split() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        fs::remove_file(set.join("pairs-00001.parquet")).unwrap();
        let message = resplit(&set, &SHARES, 1).unwrap_err().to_string();
        assert!(message.contains("3 of 4 files"), "{message}");
    }
}
