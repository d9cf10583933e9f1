//! Splits by speaker: deterministic, hashed, and never with a speaker in two of them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use s2f_core::csv_cell::{guarded, unguarded};
use s2f_core::hash::{Digest, Sha256, hex};
use serde::{Deserialize, Serialize};

use crate::PairsError;
use crate::split::Split;

/// Shares of the speakers that are held out, each between 0 and 1, together below 1. Values outside
/// are clamped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// For [`Split::Validation`].
    pub validation: f64,
    /// For [`Split::Test`].
    pub test: f64,
}

impl Shares {
    /// Refuses shares that leave no speaker to train on.
    ///
    /// # Errors
    /// [`PairsError::Share`].
    pub fn check(&self) -> Result<(), PairsError> {
        let together = self.validation + self.test;
        for (name, share) in [
            ("the share for validation", self.validation),
            ("the share for the test", self.test),
            ("the share for both", together),
        ] {
            if !(0.0..1.0).contains(&share) {
                let wanted = "from 0 to below 1";
                return Err(PairsError::Share { name, wanted, found: share.to_string() });
            }
        }
        Ok(())
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.1 }
    }
}

/// Every speaker of a corpus and the split of all that speaker's pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitTable {
    speakers: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    split: Split,
    official: Option<Split>,
}

/// A line of `splits.csv`.
#[derive(Serialize, Deserialize)]
struct Line {
    speaker_id: String,
    split: Split,
    official: Option<Split>,
}

impl SplitTable {
    /// Assigns speakers, each with the split that the corpus prescribes, if any.
    ///
    /// Speakers prescribed for test or validation stay there; those prescribed for training go to
    /// training or, if the corpus prescribes no validation, some of them to validation. All others
    /// are assigned freely. With three speakers or more, every share above 0 gets at least one
    /// speaker, and so does training.
    ///
    /// Speakers are ordered by the SHA-256 of seed and name, so the result depends on nothing else:
    /// the first are for test, the next for validation.
    pub fn assign(
        speakers: impl IntoIterator<Item = (String, Option<Split>)>,
        shares: &Shares,
        seed: u64,
    ) -> Self {
        let mut official: BTreeMap<String, Option<Split>> = BTreeMap::new();
        for (speaker, split) in speakers {
            let entry = official.entry(speaker).or_default();
            // Prescribed twice: test wins over validation, validation over training, so that
            // nobody who is evaluated is trained on.
            *entry = (*entry).max(split);
        }
        let has_validation = official.values().any(|&split| split == Some(Split::Validation));
        let mut table = Self::default();
        let [mut free, mut learning] = [Vec::new(), Vec::new()];
        for (speaker, split) in official {
            match split {
                None => free.push(speaker),
                Some(Split::Train) if !has_validation => learning.push(speaker),
                Some(split) => table.add(speaker, split, Some(split)),
            }
        }
        let none = Shares { validation: 0.0, test: 0.0 };
        let clean = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let shares = Shares { validation: clean(shares.validation), test: clean(shares.test) };
        table.share_out(free, shares, seed, None);
        let shares = Shares { validation: shares.validation, ..none };
        table.share_out(learning, shares, seed, Some(Split::Train));
        table
    }

    /// The split of a speaker; training if the table lacks the speaker.
    pub fn split_of(&self, speaker: &str) -> Split {
        self.speakers.get(speaker).map_or(Split::Train, |entry| entry.split)
    }

    /// The split that the corpus prescribes for a speaker.
    pub fn official(&self, speaker: &str) -> Option<Split> {
        self.speakers.get(speaker).and_then(|entry| entry.official)
    }

    /// The speakers by name.
    pub fn speakers(&self) -> impl Iterator<Item = &str> {
        self.speakers.keys().map(String::as_str)
    }

    /// SHA-256 of `speaker\tsplit\n` over all speakers by name, hexadecimal.
    pub fn hash(&self) -> String {
        hash(self.speakers.iter().map(|(speaker, entry)| (speaker, entry.split)))
    }

    /// The columns of the table.
    pub const COLUMNS: [&str; 3] = ["speaker_id", "split", "official"];

    /// The table as comma-separated text: `speaker_id,split,official`.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        // Writing to memory cannot fail, and all of it is text.
        let _ = writer.write_record(Self::COLUMNS);
        for (speaker, entry) in &self.speakers {
            let speaker_id = guarded(speaker).into_owned();
            let (split, official) = (entry.split, entry.official);
            let _ = writer.serialize(Line { speaker_id, split, official });
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// Reads what [`SplitTable::to_csv`] wrote.
    ///
    /// # Errors
    /// [`PairsError::Splits`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Self, PairsError> {
        let bad = |source| PairsError::Splits { path: path.to_owned(), source };
        let mut table = Self::default();
        let lines = csv::Reader::from_path(path).map_err(bad)?.into_deserialize();
        // The first line has the names of the columns.
        for (line, number) in lines.zip(2..) {
            let Line { speaker_id, split, official } = line.map_err(bad)?;
            let speaker_id = unguarded(&speaker_id).to_owned();
            let known = table.speakers.get(&speaker_id);
            if known.is_some_and(|entry| (entry.split, entry.official) != (split, official)) {
                let problem =
                    format!("line {number} puts {speaker_id} into another split than before");
                return Err(bad(std::io::Error::new(ErrorKind::InvalidData, problem).into()));
            }
            table.add(speaker_id, split, official);
        }
        Ok(table)
    }

    fn add(&mut self, speaker: String, split: Split, official: Option<Split>) {
        self.speakers.insert(speaker, Entry { split, official });
    }

    fn share_out(
        &mut self,
        speakers: Vec<String>,
        shares: Shares,
        seed: u64,
        official: Option<Split>,
    ) {
        let mut ordered: Vec<_> = speakers
            .into_iter()
            .map(|speaker| {
                let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(&speaker);
                (hash.finalize(), speaker)
            })
            .collect();
        ordered.sort_unstable();
        let count = ordered.len();
        let quota = |share: f64, left: usize| {
            let least = usize::from(share > 0.0 && count >= 3);
            ((share * count as f64).round() as usize).max(least).min(left)
        };
        // One stays for training, and one for validation if there is a share for it.
        let for_validation = usize::from(shares.validation > 0.0 && count >= 3);
        let test = quota(shares.test, count.saturating_sub(1 + for_validation));
        let validation = quota(shares.validation, count.saturating_sub(1 + test));
        for (place, (_, speaker)) in ordered.into_iter().enumerate() {
            let split = match place {
                _ if place < test => Split::Test,
                _ if place < test + validation => Split::Validation,
                _ => Split::Train,
            };
            self.add(speaker, split, official);
        }
    }
}

/// [`SplitTable::hash`] of speakers and their splits.
pub(crate) fn hash_of_splits(splits: &BTreeMap<String, Split>) -> String {
    hash(splits.iter().map(|(speaker, &split)| (speaker, split)))
}

fn hash<'a>(splits: impl Iterator<Item = (&'a String, Split)>) -> String {
    let mut hash = Sha256::new();
    for (speaker, split) in splits {
        hash.update(format!("{speaker}\t{}\n", split.name()));
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count: usize, official: Option<Split>, shares: Shares, seed: u64) -> SplitTable {
        let speakers = (0..count).map(|number| (format!("s{number}"), official));
        SplitTable::assign(speakers, &shares, seed)
    }

    fn counts(table: &SplitTable) -> [usize; 3] {
        Split::ALL.map(|split| table.speakers.values().filter(|e| e.split == split).count())
    }

    #[test]
    fn small_corpora_get_what_was_asked_for() {
        let check = |count, shares: (f64, f64), wanted: [usize; 3]| {
            let shares = Shares { validation: shares.0, test: shares.1 };
            assert_eq!(counts(&table(count, None, shares, 5)), wanted, "{count} {shares:?}");
        };
        check(0, (0.1, 0.1), [0, 0, 0]);
        check(1, (0.5, 0.5), [1, 0, 0]);
        check(2, (0.1, 0.1), [2, 0, 0]);
        check(3, (0.1, 0.1), [1, 1, 1]);
        check(3, (0.0, 0.1), [2, 0, 1]);
        check(3, (0.0, 0.0), [3, 0, 0]);
        check(10, (0.1, 0.2), [7, 1, 2]);
        check(10, (0.9, 0.9), [1, 1, 8]);
        check(1000, (0.05, 0.1), [850, 50, 100]);
        check(5, (f64::NAN, -1.0), [5, 0, 0]);
    }

    #[test]
    fn the_seed_alone_decides() {
        let shares = Shares::default();
        let one = table(50, None, shares, 1);
        let names = (0..50).rev().map(|number| (format!("s{number}"), None));
        assert_eq!(SplitTable::assign(names, &shares, 1), one);
        assert_ne!(table(50, None, shares, 2), one);
        assert_ne!(table(50, None, shares, 2).hash(), one.hash());
        // More speakers move few of those who were there.
        let more = table(60, None, shares, 1);
        let moved = one.speakers().filter(|s| one.split_of(s) != more.split_of(s)).count();
        assert!(moved <= 4, "{moved} moved");
    }

    #[test]
    fn official_splits_are_respected() {
        let official = [("a", Split::Test), ("b", Split::Test), ("b", Split::Train)];
        let speakers = official.into_iter().map(|(speaker, split)| (speaker.into(), Some(split)));
        let learning = (0..10).map(|number| (format!("l{number}"), Some(Split::Train)));
        let shares = Shares { validation: 0.2, test: 0.5 };
        let table = SplitTable::assign(speakers.chain(learning.clone()), &shares, 0);
        assert_eq!(counts(&table), [8, 2, 2]);
        assert_eq!((table.split_of("a"), table.split_of("b")), (Split::Test, Split::Test));
        // Where validation is prescribed too, nothing is left to decide.
        let validation = [("v".to_owned(), Some(Split::Validation))];
        let table = SplitTable::assign(learning.chain(validation), &shares, 0);
        assert_eq!(counts(&table), [10, 1, 0]);
    }

    #[test]
    fn the_table_reads_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("splits.csv");
        let names = [" blank ", "a,b", "\"", "line\nbreak", "名", "dot."];
        let speakers = names.map(|name| (name.to_owned(), Some(Split::Test)));
        let free = (0..9).map(|number| (format!("s{number}"), None));
        let table = SplitTable::assign(speakers.into_iter().chain(free), &Shares::default(), 3);
        std::fs::write(&path, table.to_csv()).unwrap();
        assert_eq!(SplitTable::read(&path).unwrap(), table);
        std::fs::write(&path, "speaker_id,split,official\na,dev,\n").unwrap();
        let message = SplitTable::read(&path).unwrap_err().to_string();
        assert!(message.contains("splits.csv"), "{message}");
    }

    /// `printf 'a\ttest\nb\ttrain\n' | sha256sum` of GNU coreutils.
    #[test]
    fn the_hash_is_that_of_the_lines() {
        let speakers = [("b", Split::Train), ("a", Split::Test)];
        let speakers = speakers.map(|(speaker, split)| (speaker.to_owned(), Some(split)));
        let table = SplitTable::assign(speakers, &Shares { validation: 0.0, test: 0.0 }, 0);
        assert_eq!(
            table.hash(),
            "2f358694f66d3f5ed3e4a67f864fb457be1c30e70ad121bdad5de16a450e3c9c"
        );
    }
}
