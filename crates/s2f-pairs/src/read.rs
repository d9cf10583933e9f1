//! Reading sets of pairs.

use s2f_core::FileError;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::FaceSpace;

use crate::file::{Batches, PairFile};
use crate::row::Batch;
use crate::schema::column;
use crate::split::Split;
use crate::{Pair, PairInfo, PairsError, check};

/// Rows in memory at a time, with voices or faces and without.
const HEAVY_ROWS: usize = 32;
const LIGHT_ROWS: usize = 1024;

/// Pairs that may be trusted: whole, of one face space, and with no speaker in two splits.
#[derive(Debug, Clone)]
pub struct PairSet {
    path: PathBuf,
    files: Vec<PairFile>,
    face_space: FaceSpace,
    speakers: BTreeMap<String, Split>,
}

/// What is read of a row beside what [`PairInfo`] holds and the face's points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// [`Pair::audio`]; empty where not asked for.
    pub audio: bool,
    /// [`Pair::face`]; empty where not asked for.
    pub face: bool,
    /// [`Pair::feature`]; empty where not asked for.
    pub feature: bool,
}

impl Payload {
    /// The whole row.
    pub const ALL: Self = Self { audio: true, face: true, feature: true };
}

impl PairSet {
    /// Opens a folder of `pairs-*.parquet` or one such file. Reads who is in which split and
    /// nothing else of the rows.
    ///
    /// # Errors
    /// [`PairsError`] where a file is damaged or foreign, where a file of the set is
    /// missing, where face spaces are mixed, where a speaker is in two splits, or where the
    /// speakers are not those that were sealed; [`PairsError::File`] where the system refuses.
    pub fn open(path: &Path) -> Result<Self, PairsError> {
        let files = open_files(path)?;
        let face_space = check::one_face_space(&files, path)?;
        let speakers = check::one_split_each(&check::speakers(&files)?, path)?;
        check::check_seal(&files, &speakers, path)?;
        Ok(Self { path: path.to_owned(), files, face_space, speakers })
    }

    /// What was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The face space of every feature.
    pub fn face_space(&self) -> &FaceSpace {
        &self.face_space
    }

    /// Pairs in the set.
    pub fn pairs(&self) -> u64 {
        self.files.iter().map(PairFile::pairs).sum()
    }

    /// Every speaker and the split of all his or her pairs.
    pub fn speakers(&self) -> &BTreeMap<String, Split> {
        &self.speakers
    }

    /// Hash of [`Self::speakers`], as [`crate::split::SplitTable::hash`] computes it: two sets
    /// with the same hash measure on the same people.
    pub fn speakers_sha256(&self) -> String {
        crate::split::hash_of_splits(&self.speakers)
    }

    /// Licences of the pairs, in alphabetical order.
    pub fn licences(&self) -> Vec<&str> {
        let all = self.files.iter().flat_map(|file| &file.meta.licences);
        let mut all: Vec<&str> = all.map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Rows in each row group: what [`Self::group`] reads at a time, about 32 MiB at most.
    pub fn groups(&self) -> Vec<u64> {
        self.files.iter().flat_map(|file| file.groups.iter().copied()).collect()
    }

    /// The rows, of one split or of all, in their order. Memory is bounded by some rows.
    pub fn rows(&self, payload: Payload, split: Option<Split>) -> Rows<'_, Pair> {
        self.read(0..usize::MAX, payload, split)
    }

    /// The rows of row group `group`, counted through all files; none beyond the last.
    pub fn group(&self, group: usize, payload: Payload, split: Option<Split>) -> Rows<'_, Pair> {
        self.read(group..group.saturating_add(1), payload, split)
    }

    /// What is said of each pair, of one split or of all, in the order of the rows.
    pub fn infos(&self, split: Option<Split>) -> Rows<'_, PairInfo> {
        let rows = |batch: &Batch<'_>, row| batch.info(row);
        self.rows_with(0..usize::MAX, info_columns(), split, LIGHT_ROWS, rows)
    }

    fn read(
        &self,
        groups: std::ops::Range<usize>,
        payload: Payload,
        split: Option<Split>,
    ) -> Rows<'_, Pair> {
        let mut columns = info_columns();
        columns.push(column::FACE_POINTS);
        let asked = [
            (payload.audio, column::AUDIO),
            (payload.face, column::FACE),
            (payload.feature, column::FEATURE),
        ];
        columns.extend(asked.into_iter().filter(|(wanted, _)| *wanted).map(|(_, column)| column));
        let rows = if payload.audio || payload.face { HEAVY_ROWS } else { LIGHT_ROWS };
        self.rows_with(groups, columns, split, rows, |batch, row| batch.pair(row))
    }

    fn rows_with<T>(
        &self,
        groups: std::ops::Range<usize>,
        columns: Vec<usize>,
        split: Option<Split>,
        batch_rows: usize,
        read: fn(&Batch<'_>, usize) -> Result<T, PairsError>,
    ) -> Rows<'_, T> {
        let mut files = VecDeque::new();
        let mut first = 0;
        for file in &self.files {
            let wanted = (0..file.groups.len()).filter(|group| groups.contains(&(first + group)));
            let wanted: Vec<usize> = wanted.collect();
            if !wanted.is_empty() {
                files.push_back((file, wanted));
            }
            first += file.groups.len();
        }
        Rows { files, columns, split, batch_rows, read, open: None, batch: None, failed: false }
    }
}

/// Rows of a set, one by one. Ends after the first error.
pub struct Rows<'a, T> {
    /// Files and their row groups that are still to be read.
    files: VecDeque<(&'a PairFile, Vec<usize>)>,
    columns: Vec<usize>,
    split: Option<Split>,
    batch_rows: usize,
    read: fn(&Batch<'_>, usize) -> Result<T, PairsError>,
    open: Option<(&'a PairFile, Batches)>,
    /// What is in memory, and the next row of it.
    batch: Option<(Batch<'a>, usize)>,
    failed: bool,
}

impl<T> Rows<'_, T> {
    fn try_next(&mut self) -> Result<Option<T>, PairsError> {
        loop {
            if let Some((batch, row)) = &mut self.batch
                && *row < batch.rows()
            {
                *row += 1;
                return (self.read)(batch, *row - 1).map(Some);
            }
            self.batch = None;
            if let Some((file, batches)) = &mut self.open
                && let Some(columns) = batches.next()
            {
                self.batch = Some((Batch { file, columns: columns? }, 0));
                continue;
            }
            let Some((file, groups)) = self.files.pop_front() else { return Ok(None) };
            let open = file.reopen()?;
            let batches =
                open.batches(groups, &self.columns, self.split, self.batch_rows, &file.path)?;
            self.open = Some((file, batches));
        }
    }
}

impl<T> Iterator for Rows<'_, T> {
    type Item = Result<T, PairsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.try_next().transpose();
        self.failed = matches!(row, Some(Err(_)));
        row
    }
}

/// The columns of [`PairInfo`].
fn info_columns() -> Vec<usize> {
    vec![
        column::PAIR_ID,
        column::SPEAKER_ID,
        column::SOURCE,
        column::SPLIT,
        column::SECONDS,
        column::GENDER,
        column::AGE,
        column::LANGUAGE,
        column::LICENCE,
        column::AUDIO_SHA256,
        column::FACE_SHA256,
    ]
}

/// The files of a set by name, each checked on its own.
pub(crate) fn open_files(path: &Path) -> Result<Vec<PairFile>, PairsError> {
    let paths = if path.is_dir() { pair_files(path)? } else { vec![path.to_owned()] };
    if paths.is_empty() {
        return Err(PairsError::NoFiles { path: path.to_owned() }.into());
    }
    paths.iter().map(|path| Ok(PairFile::open(path)?.0)).collect()
}

/// `pairs-*.parquet` in a folder, by name.
pub(crate) fn pair_files(folder: &Path) -> Result<Vec<PathBuf>, PairsError> {
    let failed = || FileError::at("read", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|n| n.starts_with("pairs-") && n.ends_with(".parquet")) {
            found.push(entry.path());
        }
    }
    // By number, not by letter: there may be more than 100 000 files.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use s2f_core::Normalisation;

    use super::*;
    use crate::samples;

    fn read(set: &PairSet, payload: Payload, split: Option<Split>) -> Vec<Pair> {
        set.rows(payload, split).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn rows_read_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        // Empty bytes and texts, nothing stated, every script: see the samples.
        let written = samples::pairs(0, 300);
        samples::write(&path, &written).unwrap();
        let set = PairSet::open(&path).unwrap();
        assert_eq!(read(&set, Payload::ALL, None), written);
        assert_eq!(set.pairs(), 300);
        assert_eq!(set.face_space().normalisation, Normalisation::UnitLength);
        assert_eq!(set.speakers()["t e s t"], Split::Test);
        assert_eq!(set.licences().len(), 6);

        let infos: Vec<PairInfo> = set.infos(None).collect::<Result<_, _>>().unwrap();
        assert!(infos.iter().zip(written.iter().map(|pair| &pair.info)).all(|(info, pair)| {
            (&info.pair_id, info.age, &info.language, info.sex, &info.face_sha256)
                == (&pair.pair_id, pair.age, &pair.language, pair.sex, &pair.face_sha256)
        }));
    }

    #[test]
    fn what_is_not_asked_for_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        let written = samples::pairs(0, 40);
        samples::write(&path, &written).unwrap();
        let set = PairSet::open(&path).unwrap();
        let features = Payload { feature: true, ..Payload::default() };
        for (read, written) in read(&set, features, None).iter().zip(&written) {
            assert_eq!((read.audio.len(), read.face.len()), (0, 0));
            assert_eq!((&read.feature, read.face_points), (&written.feature, written.face_points));
        }
    }

    #[test]
    fn a_split_is_read_on_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        let written = samples::pairs(0, 100);
        samples::write(&path, &written).unwrap();
        let set = PairSet::open(&path).unwrap();
        for split in Split::ALL {
            let wanted: Vec<Pair> =
                written.iter().filter(|pair| pair.info.split == split).cloned().collect();
            assert_eq!(read(&set, Payload::ALL, Some(split)), wanted);
            assert_eq!(set.infos(Some(split)).count(), wanted.len());
        }
    }

    #[test]
    fn groups_together_are_all_rows() {
        let folder = tempfile::tempdir().unwrap();
        // Two groups in the first file, one in the second.
        let written = samples::pairs(0, 5000);
        samples::write(&folder.path().join("pairs-00000.parquet"), &written[..4500]).unwrap();
        samples::write(&folder.path().join("pairs-00001.parquet"), &written[4500..]).unwrap();
        let set = PairSet::open(folder.path()).unwrap();
        assert_eq!(set.groups(), [4096, 404, 500]);
        let group = |number| set.group(number, Payload::ALL, None).map(Result::unwrap);
        assert!((0..4).flat_map(group).eq(written));
    }

    #[test]
    fn a_feature_that_is_not_of_unit_length_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        let mut pairs = samples::pairs(0, 5);
        pairs[3].feature[0] += 0.5;
        samples::write(&path, &pairs).unwrap();
        let set = PairSet::open(&path).unwrap();
        assert_eq!(set.face_space().normalisation, Normalisation::None);
    }

    #[test]
    fn a_file_that_changes_under_the_reader_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        samples::write(&path, &samples::pairs(0, 5)).unwrap();
        let set = PairSet::open(&path).unwrap();
        samples::write(&path, &samples::pairs(0, 6)).unwrap();
        let mut rows = set.infos(None);
        let message = rows.next().unwrap().unwrap_err().to_string();
        assert!(message.contains("changed while"), "{message}");
        assert!(rows.next().is_none());
    }

    #[test]
    fn an_empty_folder_says_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let message = PairSet::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("no pairs-*.parquet"), "{message}");
    }
}
