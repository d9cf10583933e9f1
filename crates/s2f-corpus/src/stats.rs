//! What a set of pairs holds: people, time, attributes, duplicates; and whether it is intact.

mod card;
mod duplicates;
mod table;
mod verify;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use duplicates::{Duplicate, Duplicates};
use s2f_core::{FaceSpace, Sex};
use s2f_pairs::{PairInfo, PairSet, Payload};
use serde::Serialize;
pub use verify::verify;

use crate::CorpusError;

/// What a set of pairs holds. `Display` gives a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Number of pairs.
    pub pairs: usize,
    /// Number of speakers.
    pub people: usize,
    /// Number of videos or sessions.
    pub sources: usize,
    /// Length of all voices together, s.
    pub seconds: f64,
    /// Mean length of a voice, s.
    pub mean_seconds: f64,
    /// The face space of the features.
    pub face_space: FaceSpace,
    /// By split.
    pub by_split: BTreeMap<String, Count>,
    /// By sex; `not stated` for pairs without it, as in the others.
    pub by_sex: BTreeMap<String, Count>,
    /// By age in decades.
    pub by_age: BTreeMap<String, Count>,
    /// By language.
    pub by_language: BTreeMap<String, Count>,
    /// By licence.
    pub by_licence: BTreeMap<String, Count>,
    /// Pairs with the same voice, by its hash.
    pub same_audio: Duplicates,
    /// Pairs with the same face, by its hash.
    pub same_face: Duplicates,
}

/// How much of a set is in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Count {
    /// Number of speakers.
    pub people: usize,
    /// Number of pairs.
    pub pairs: usize,
    /// Length of their voices together, s.
    pub seconds: f64,
}

impl Stats {
    /// What pairs are grouped by, with the counts, in the order in which they are shown.
    fn groups(&self) -> [(&'static str, &BTreeMap<String, Count>); 5] {
        [
            ("split", &self.by_split),
            ("sex", &self.by_sex),
            ("age", &self.by_age),
            ("language", &self.by_language),
            ("licence", &self.by_licence),
        ]
    }

    /// Counts a set. Reads features, but neither voices nor faces; see [`verify`].
    ///
    /// # Errors
    /// [`CorpusError`] if the set cannot be read, if a feature has a wrong dimension, a value that
    /// is not finite or a wrong length, or if a voice has an impossible length.
    pub fn of(set: &PairSet) -> Result<Self, CorpusError> {
        let mut people = Numbers::default();
        let mut sources = Numbers::default();
        let [mut split, mut sex, mut age, mut language, mut licence] = [const { Groups::new() }; 5];
        let mut audio = duplicates::Finder::new(|info| &info.audio_sha256);
        let mut face = duplicates::Finder::new(|info| &info.face_sha256);
        let (mut pairs, mut seconds) = (0, 0.0);
        let features = Payload { feature: true, ..Payload::default() };
        for pair in set.rows(features, None) {
            let info = pair?.info;
            let person = people.number_of(&info.speaker_id);
            sources.number_of(&info.source);
            pairs += 1;
            seconds += f64::from(info.seconds);
            split.add(info.split.name(), person, &info);
            sex.add(info.sex.map_or(NOT_STATED, Sex::name), person, &info);
            age.add(&age_band(info.age), person, &info);
            language.add(info.language.as_deref().unwrap_or(NOT_STATED), person, &info);
            licence.add(&info.licence, person, &info);
            audio.add(&info, person);
            face.add(&info, person);
        }
        let [same_audio, same_face] = duplicates::describe(set, [audio, face])?;
        Ok(Self {
            pairs,
            people: people.0.len(),
            sources: sources.0.len(),
            seconds,
            mean_seconds: if pairs == 0 { 0.0 } else { seconds / pairs as f64 },
            face_space: set.face_space().clone(),
            by_split: split.counts(),
            by_sex: sex.counts(),
            by_age: age.counts(),
            by_language: language.counts(),
            by_licence: licence.counts(),
            same_audio,
            same_face,
        })
    }
}

const NOT_STATED: &str = "not stated";

fn age_band(age: Option<f32>) -> String {
    match age {
        Some(age) if age.is_finite() && age >= 0.0 => {
            let decade = (age / 10.0).floor() * 10.0;
            // Two digits, so that they sort as text.
            format!("{decade:02}–{:02}", decade + 9.0)
        }
        _ => NOT_STATED.to_owned(),
    }
}

/// Names, numbered in the order of their first appearance.
#[derive(Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn number_of(&mut self, name: &str) -> u32 {
        match self.0.get(name) {
            Some(&number) => number,
            None => {
                let number = self.0.len() as u32;
                self.0.insert(name.to_owned(), number);
                number
            }
        }
    }
}

/// Groups of pairs by name, and the people in each.
struct Groups(BTreeMap<String, (Count, HashSet<u32>)>);

impl Groups {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, name: &str, person: u32, info: &PairInfo) {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), Default::default());
        }
        if let Some((count, people)) = self.0.get_mut(name) {
            count.pairs += 1;
            count.seconds += f64::from(info.seconds);
            people.insert(person);
        }
    }

    fn counts(self) -> BTreeMap<String, Count> {
        let count =
            |(count, people): (Count, HashSet<u32>)| Count { people: people.len(), ..count };
        self.0.into_iter().map(|(name, group)| (name, count(group))).collect()
    }
}

#[cfg(test)]
mod tests {
    use s2f_pairs::{Pair, Split};
    use s2f_testing::pairs as samples;

    use super::*;

    fn stats(pairs: &[Pair]) -> Stats {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        samples::write(&path, pairs).unwrap();
        Stats::of(&PairSet::open(&path).unwrap()).unwrap()
    }

    #[test]
    fn everything_is_counted() {
        let pairs = samples::varied(0, 30);
        let stats = stats(&pairs);
        let seconds: f32 = pairs.iter().map(|pair| pair.info.seconds).sum();
        assert_eq!((stats.pairs, stats.people, stats.seconds), (30, 3, f64::from(seconds)));
        assert_eq!(stats.mean_seconds, f64::from(seconds) / 30.0);
        assert_eq!(stats.by_split["test"].people, 1);
        assert_eq!(stats.by_split["test"].pairs, 10);
        assert_eq!(stats.by_sex["not stated"].pairs, 10);
        // Every fourth says no age; the others are half a year older than their number.
        assert_eq!(stats.by_age["not stated"].pairs, 8);
        assert_eq!(stats.by_age["10–19"].pairs, 8);
        assert_eq!(stats.same_audio.groups + stats.same_face.groups, 0);
        let text = stats.to_string();
        assert!(text.contains("30 pairs of 3 people"), "{text}");
        assert!(text.contains("no voice occurs twice"), "{text}");
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        // Eight copies of one voice, and seven more voices that occur twice.
        let mut pairs = samples::varied(0, 22);
        for (copy, original) in (1..8).map(|n| (n, 0)).chain((0..7).map(|n| (9 + 2 * n, 8 + 2 * n)))
        {
            pairs[copy].audio = pairs[original].audio.clone();
        }
        let text = stats(&pairs).to_string();
        assert!(text.contains("the same voice: 8 groups of pairs, 22 pairs in all"), "{text}");
        let first = text.lines().find(|line| line.starts_with("  8 pairs: ")).unwrap();
        assert!(first.ends_with(", … and 3 more"), "{first}");
        assert!(text.contains("\n  … and 3 more groups\n"), "{text}");
    }

    #[test]
    fn duplicates_are_named() {
        let mut pairs = samples::varied(0, 30);
        let mut same_audio = |a: usize, b: usize| {
            pairs[b].audio = pairs[a].audio.clone();
        };
        same_audio(0, 3); // one speaker
        same_audio(6, 7); // two speakers, two splits
        let mut twin = pairs[9].clone();
        (twin.info.pair_id, twin.info.speaker_id) = ("twin".into(), "other".into());
        pairs.push(twin); // two speakers, one split
        let stats = stats(&pairs);
        let found = &stats.same_audio;
        assert_eq!((found.groups, found.pairs), (3, 6));
        assert_eq!((found.across_speakers, found.across_splits), (2, 1));
        let names: Vec<&str> =
            found.examples.iter().flat_map(|group| &group.pair_ids).map(String::as_str).collect();
        let wanted =
            ["train._00006", "válid_00007", "train._00009", "twin", "train._00000", "train._00003"];
        assert_eq!(names, wanted);
        assert_eq!(found.examples[0].sha256, pairs[6].info.audio_sha256);
        assert_eq!((stats.same_face.groups, stats.same_face.across_splits), (1, 0));
        assert_eq!(stats.by_split[Split::Train.name()].people, 2);
        let text = stats.to_string();
        assert!(text.contains("the same voice: 3 groups of pairs, 6 pairs in all"), "{text}");
        assert!(text.contains("LEAK: 1 group in more than one split"), "{text}");
        assert!(text.contains("WRONG: 2 groups under more than one speaker"), "{text}");
    }
}
