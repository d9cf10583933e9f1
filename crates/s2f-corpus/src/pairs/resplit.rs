//! Other splits for a set that is there.

use std::collections::BTreeMap;
use std::path::Path;

use super::check::{check_seal, check_whole, one_face_space, one_split_each, speakers};
use super::copy::Copy;
use super::meta::{Meta, Seal};
use super::read::open_files;
use crate::split::{Shares, Split, SplitTable, hash_of_splits};
use crate::{CorpusError, files};

/// Shares out the speakers of the set in `folder` anew, and writes `splits.csv` and the column
/// `split` of every file accordingly; all else is copied as it lies. Splits that the corpus itself
/// prescribes are taken from `splits.csv` and kept.
///
/// Each file is replaced at once. Stopped in between, the set is refused by
/// [`super::PairSet::open`] until the same call has gone on to the end.
///
/// # Errors
/// [`CorpusError::Pairs`] where a file is damaged or face spaces are mixed; [`CorpusError::Table`]
/// where `splits.csv` is damaged; [`CorpusError::Io`] where the system refuses.
pub fn resplit(folder: &Path, shares: &Shares, seed: u64) -> Result<(), CorpusError> {
    files::remove_temporary(folder)?;
    let set = open_files(folder)?;
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
    files::write(&csv, table.to_csv().as_bytes())
}

/// The table of splits beside a set.
const SPLITS_CSV: &str = "splits.csv";
