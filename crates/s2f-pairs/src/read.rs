//! Reading sets of pairs.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::{FaceSpace, FileError};

use crate::file::{Batches, PairFile};
use crate::row::Batch;
use crate::schema::column;
use crate::split::Split;
use crate::{Pair, PairInfo, PairsError, check, verify};

/// Rows in memory at a time, with and without voices or faces.
pub(crate) const HEAVY_ROWS: usize = 32;
pub(crate) const LIGHT_ROWS: usize = 1024;

/// Pairs that passed all checks: complete, of one face space, and with no speaker in two splits.
#[derive(Debug, Clone)]
pub struct PairSet {
    path: PathBuf,
    files: Vec<PairFile>,
    face_space: FaceSpace,
    speakers: BTreeMap<String, Split>,
}

/// What is read of a row in addition to [`Pair::info`] and [`Pair::face_points`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// [`Pair::audio`]; empty if not asked for.
    pub audio: bool,
    /// [`Pair::face`]; empty if not asked for.
    pub face: bool,
    /// [`Pair::feature`]; empty if not asked for.
    pub feature: bool,
}

impl Payload {
    /// The whole row.
    pub const ALL: Self = Self { audio: true, face: true, feature: true };
}

impl PairSet {
    /// Opens a folder of `pairs-*.parquet` or one such file. Reads the speaker and the split of
    /// each row, and 64 rows whole, whose voices and faces it compares with their hashes.
    ///
    /// # Errors
    /// [`PairsError`] if a file is damaged or foreign, if a file of the set is missing, if face
    /// spaces are mixed, if a speaker is in two splits, if the speakers are not those that were
    /// sealed, or if a sampled voice or face has another hash; [`PairsError::File`] if the system
    /// refuses.
    pub fn open(path: &Path) -> Result<Self, PairsError> {
        let files = open_files(path)?;
        let face_space = check::one_face_space(&files, path)?;
        let speakers = check::one_split_each(&check::speakers(&files)?, path)?;
        check::check_seal(&files, &speakers, path)?;
        verify::verify_sample(&files)?;
        Ok(Self { path: path.to_owned(), files, face_space, speakers })
    }

    /// The file or folder that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> &[PairFile] {
        &self.files
    }

    /// The face space of every feature.
    pub fn face_space(&self) -> &FaceSpace {
        &self.face_space
    }

    /// Number of pairs.
    pub fn pairs(&self) -> u64 {
        self.files.iter().map(PairFile::pairs).sum()
    }

    /// Every speaker and the split of all their pairs.
    pub fn speakers(&self) -> &BTreeMap<String, Split> {
        &self.speakers
    }

    /// Hash of [`Self::speakers`], as [`SplitTable::hash`](crate::SplitTable::hash) computes it:
    /// two sets with the same hash evaluate on the same people.
    pub fn speakers_sha256(&self) -> String {
        crate::split_table::hash_of_splits(&self.speakers)
    }

    /// Licences of the pairs, in alphabetical order.
    pub fn licences(&self) -> Vec<&str> {
        let all = self.files.iter().flat_map(|file| &file.meta.licences);
        let mut all: Vec<&str> = all.map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Number of rows in each row group, which [`Self::group`] reads; about 32 MiB at most.
    pub fn groups(&self) -> Vec<u64> {
        self.files.iter().flat_map(|file| file.groups.iter().copied()).collect()
    }

    /// The rows, of one split or of all, in their order. Holds at most 1024 rows in memory.
    pub fn rows(&self, payload: Payload, split: Option<Split>) -> Rows<'_, Pair> {
        self.read(0..usize::MAX, payload, split)
    }

    /// The rows of row group `group`, counted through all files; empty beyond the last.
    pub fn group(&self, group: usize, payload: Payload, split: Option<Split>) -> Rows<'_, Pair> {
        self.read(group..group.saturating_add(1), payload, split)
    }

    /// What is known about each pair, of one split or of all, in the order of the rows.
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

    /// Reads all pairs and compares every voice and every face with its hash. Calls `progress`
    /// with the number of pairs so far.
    ///
    /// # Errors
    /// [`PairsError::Hash`] with the first pair whose bytes have another hash,
    /// [`PairsError::Feature`] or [`PairsError::Voice`] for values that cannot be, and others if
    /// the set cannot be read.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<(), PairsError> {
        for (done, pair) in (1..).zip(self.rows(Payload::ALL, None)) {
            pair?;
            progress(done);
        }
        Ok(())
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
    /// The rows in memory, and the next one to return.
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
pub(crate) fn info_columns() -> Vec<usize> {
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
        return Err(PairsError::NoFiles { path: path.to_owned() });
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
    // By number, not as text: there may be more than 100 000 files.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(found)
}
