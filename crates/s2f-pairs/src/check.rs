//! Whether files belong together: one face space, one split a speaker, one sealed set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use s2f_core::FaceSpace;

use crate::error::{Leak, PairsError};
use crate::file::PairFile;
use crate::meta::common;
use crate::row::Batch;
use crate::schema::column;
use crate::split::Split;
use crate::split_table::hash_of_splits;

/// Maximum number of leaking speakers in a message.
const NAMED: usize = 5;

/// The splits in which each speaker has pairs.
pub(crate) type Speakers = BTreeMap<String, BTreeSet<Split>>;

/// Reads who is in which split.
pub(crate) fn speakers(files: &[PairFile]) -> Result<Speakers, PairsError> {
    let mut speakers = Speakers::new();
    for file in files {
        let columns = [column::SPEAKER_ID, column::SPLIT];
        let groups = (0..file.groups.len()).collect();
        for batch in file.reopen()?.batches(groups, &columns, None, 8192, &file.path)? {
            let batch = Batch { file, columns: batch? };
            for row in 0..batch.rows() {
                add_speaker(&mut speakers, batch.text("speaker_id", row)?, batch.split(row)?);
            }
        }
    }
    Ok(speakers)
}

pub(crate) fn add_speaker(speakers: &mut Speakers, speaker: &str, split: Split) {
    match speakers.get_mut(speaker) {
        Some(splits) => {
            splits.insert(split);
        }
        None => {
            speakers.insert(speaker.to_owned(), BTreeSet::from([split]));
        }
    }
}

/// The split of each speaker; an error that names those with several.
pub(crate) fn one_split_each(
    speakers: &Speakers,
    path: &Path,
) -> Result<BTreeMap<String, Split>, PairsError> {
    let several = || speakers.iter().filter(|(_, splits)| splits.len() > 1);
    let count = several().count();
    if count > 0 {
        let leaks = several().take(NAMED).map(|(speaker, splits)| Leak {
            speaker_id: speaker.clone(),
            splits: splits.iter().copied().collect(),
        });
        let path = path.to_owned();
        return Err(PairsError::Leak { path, leaks: leaks.collect(), count });
    }
    let only = |(speaker, splits): (&String, &BTreeSet<Split>)| {
        splits.first().map(|&split| (speaker.clone(), split))
    };
    Ok(speakers.iter().filter_map(only).collect())
}

/// The one face space of all files.
pub(crate) fn one_face_space(files: &[PairFile], path: &Path) -> Result<FaceSpace, PairsError> {
    let none = || PairsError::NoFiles { path: path.to_owned() };
    let (first, others) = files.split_first().ok_or_else(none)?;
    let mut space = first.meta.face_space.clone();
    for file in others {
        let other = &file.meta.face_space;
        let is_same = other.traits == space.traits;
        if !is_same || (&other.name, other.dimension) != (&space.name, space.dimension) {
            let say =
                |space: &FaceSpace| format!("{} ({} dimensions)", space.name, space.dimension);
            return Err(PairsError::FaceSpaces {
                first: first.path.clone(),
                first_space: say(&space),
                second: file.path.clone(),
                second_space: say(other),
            });
        }
        space.normalisation = common(space.normalisation, other.normalisation);
    }
    Ok(space)
}

/// All files of a set must be there, sealed together, with the speakers that were sealed.
///
/// Files without a seal (the parts of a preparation, or a single file) may be together in a
/// folder, but not with sealed ones.
pub(crate) fn check_seal(
    files: &[PairFile],
    splits: &BTreeMap<String, Split>,
    path: &Path,
) -> Result<(), PairsError> {
    let Some(seal) = files.iter().find_map(|file| file.meta.seal.as_ref()) else { return Ok(()) };
    let is_of_set = |file: &&PairFile| {
        file.meta.seal.as_ref().is_some_and(|other| {
            (other.pairs, &other.speakers_sha256) == (seal.pairs, &seal.speakers_sha256)
        })
    };
    if let Some(file) = files.iter().find(|file| !is_of_set(file)) {
        return Err(PairsError::Set {
            path: file.path.clone(),
            problem: "this file and others beside it are of different splits or sets".to_owned(),
            hint: "if `corpus merge` or `corpus split` was interrupted, run it again; otherwise \
                   remove what does not belong",
        });
    }
    check_whole(files, path)?;
    if hash_of_splits(splits) != seal.speakers_sha256 {
        return Err(PairsError::SplitChanged { path: path.to_owned() });
    }
    Ok(())
}

/// Sealed files must be complete and in order, with the number of pairs that was sealed.
pub(crate) fn check_whole(files: &[PairFile], path: &Path) -> Result<(), PairsError> {
    let wrong = |path: &Path, problem: String| {
        let (path, hint) = (path.to_owned(), "name the folder with all its files");
        PairsError::Set { path, problem, hint }
    };
    let found: u64 = files.iter().map(PairFile::pairs).sum();
    for (number, file) in files.iter().enumerate() {
        let Some(seal) = &file.meta.seal else { continue };
        if files.len() != seal.files {
            let problem = format!("{} of {} files of the set", files.len(), seal.files);
            return Err(wrong(path, problem));
        }
        if seal.file != number {
            let problem = format!("file {} of the set in place {number}", seal.file);
            return Err(wrong(&file.path, problem));
        }
        if found != seal.pairs {
            let (path, expected) = (path.to_owned(), seal.pairs);
            return Err(PairsError::PairsChanged { path, found, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Pair, PairSet, merge, samples};

    fn refusal(path: &Path) -> String {
        PairSet::open(path).unwrap_err().to_string()
    }

    /// A sealed set of three files.
    fn sealed(folder: &Path) {
        let parts = samples::parts(folder, 3);
        merge::merge_to(&parts, &folder.join("set"), 1).unwrap();
    }

    #[test]
    fn a_speaker_in_two_splits_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs-00000.parquet");
        let mut pairs = samples::pairs(0, 30);
        pairs[7].info.split = Split::Train;
        samples::write(&path, &pairs).unwrap();
        let message = refusal(&path);
        assert!(message.contains("1 speaker is in more than one split"), "{message}");
        assert!(message.contains("válid (train and validation)"), "{message}");
    }

    #[test]
    fn of_many_leaking_speakers_the_first_are_named_and_all_counted() {
        let folder = tempfile::tempdir().unwrap();
        let both = |speaker: u64| {
            [Split::Train, Split::Test].map(|split| {
                samples::pair(2 * speaker + split as u64, &format!("speaker{speaker:02}"), split)
            })
        };
        let pairs: Vec<Pair> = (0..20).flat_map(both).collect();
        // In different files too.
        let (first, second) = pairs.split_at(21);
        samples::write(&folder.path().join("pairs-00000.parquet"), first).unwrap();
        samples::write(&folder.path().join("pairs-00001.parquet"), second).unwrap();
        let message = refusal(folder.path());
        assert!(message.contains("20 speakers are"), "{message}");
        assert!(message.contains("speaker00 (train and test), "), "{message}");
        assert!(message.contains("speaker04 (train and test), …"), "{message}");
        assert!(!message.contains("speaker05"), "{message}");
    }

    #[test]
    fn face_spaces_are_not_mixed() {
        let folder = tempfile::tempdir().unwrap();
        samples::write(&folder.path().join("pairs-00000.parquet"), &samples::pairs(0, 3)).unwrap();
        let info = crate::PairFileInfo {
            face_space: "vgg-face".into(),
            face_dimension: 4096,
            ..samples::info()
        };
        let second = folder.path().join("pairs-00001.parquet");
        crate::PairWriter::create(&second, &info).unwrap().finish().unwrap();
        let message = refusal(folder.path());
        for word in
            ["mobileface (8 dimensions)", "vgg-face (4096 dimensions)", "pairs-00001.parquet"]
        {
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn a_sealed_set_is_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set");
        sealed(folder.path());
        assert_eq!(PairSet::open(&set).unwrap().pairs(), 15);

        let last = set.join("pairs-00002.parquet");
        let message = refusal(&last);
        assert!(message.contains("1 of 3 files"), "{message}");
        let kept = fs::read(&last).unwrap();
        fs::remove_file(&last).unwrap();
        let message = refusal(&set);
        assert!(message.contains("2 of 3 files"), "{message}");
        fs::copy(set.join("pairs-00001.parquet"), &last).unwrap();
        let message = refusal(&set);
        assert!(message.contains("file 1 of the set in place 2"), "{message}");
        samples::write(&last, &samples::pairs(10, 5)).unwrap();
        let message = refusal(&set);
        assert!(message.contains("different splits or sets"), "{message}");
        fs::write(&last, kept).unwrap();
        PairSet::open(&set).unwrap();
    }

    #[test]
    fn rows_that_were_changed_after_sealing_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set");
        sealed(folder.path());
        let last = set.join("pairs-00002.parquet");
        let (file, _) = PairFile::open(&last).unwrap();
        let change = |pairs: &[Pair]| {
            let other = folder.path().join("other.parquet");
            samples::write(&other, pairs).unwrap();
            let (other, _) = PairFile::open(&other).unwrap();
            let mut copy = crate::copy::Copy::begin(&last, &file.meta).unwrap();
            copy.append(&other, None).unwrap();
            copy.finish().unwrap();
            refusal(&set)
        };
        let message = change(&samples::pairs(10, 4));
        assert!(message.contains("14 pairs where 15 were sealed"), "{message}");
        let mut pairs = samples::pairs(10, 5);
        pairs[0].info.speaker_id = "stranger".into();
        let message = change(&pairs);
        assert!(message.contains("speakers were added, removed or moved"), "{message}");
    }
}
