//! The pairs that are evaluated: those of a split, balanced by speaker, with verified hashes.

use std::collections::{BTreeMap, HashSet};

use s2f_core::hash::{Digest, Sha256, hex};
use s2f_metrics::{Vectors, derange};
use s2f_pairs::{Pair, PairInfo, PairSet, PairsError, Payload, Split, leaks};

use crate::EvalError;
use crate::options::PairSelection;

/// A pair that is evaluated, without its voice and face.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) info: PairInfo,
    /// The traits in the pair's feature, usually none.
    pub(crate) traits: Vec<f32>,
    /// Index of the speaker.
    pub(crate) speaker: usize,
    /// Index among the speaker's pairs: the round of searches in which it is a probe.
    pub(crate) round: usize,
    /// The row group of the set that it is in.
    pub(crate) group: usize,
}

/// The pairs that are evaluated, in the order of their file.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    pub(crate) items: Vec<Item>,
    /// Names of the speakers, sorted.
    pub(crate) speakers: Vec<String>,
    /// For each speaker, the indices of their pairs.
    pub(crate) of_speaker: Vec<Vec<usize>>,
    /// Identities of the true faces, `[pairs, D]`.
    pub(crate) faces: Vectors,
    /// Number of pairs of the selection that were left out because their voices are too short.
    pub(crate) too_short: usize,
    /// Number of pairs of the selection.
    pub(crate) available: usize,
}

/// A recording may be shorter than a wanted length by this factor; it is then repeated from its
/// start.
const LONG_ENOUGH: f64 = 0.9;

/// Whether a recording of `seconds` is long enough for `wanted` seconds.
pub(crate) fn is_long_enough(seconds: f32, wanted: f64) -> bool {
    f64::from(seconds) >= LONG_ENOUGH * wanted
}

impl Items {
    /// Chooses at most `max_pairs` pairs whose voices have `seconds`, or, if that is `None`, the
    /// length from [`common_seconds`]. Returns that length too.
    ///
    /// Reads these pairs whole, which compares their voices and faces with their hashes: the leak
    /// check relies on them.
    pub(crate) fn choose(
        set: &PairSet,
        selection: PairSelection,
        max_pairs: usize,
        seconds: Option<f64>,
    ) -> Result<(Self, f64), EvalError> {
        let infos: Vec<PairInfo> = set.infos(selection.split()).collect::<Result<_, _>>()?;
        let available = infos.len();
        let seconds = seconds.unwrap_or_else(|| common_seconds(&infos));
        let mut by_speaker: BTreeMap<&str, Vec<&PairInfo>> = BTreeMap::new();
        for info in infos.iter().filter(|info| is_long_enough(info.seconds, seconds)) {
            by_speaker.entry(&info.speaker_id).or_default().push(info);
        }
        let too_short = available - by_speaker.values().map(Vec::len).sum::<usize>();
        if by_speaker.len() < 2 {
            return Err(too_few(set, selection, by_speaker.len(), too_short, seconds));
        }
        let people = by_speaker.len().min(max_pairs.max(2));
        let each = (max_pairs / people).max(1);
        let mut seen = HashSet::new();
        if let Some(twice) = infos.iter().find(|info| !seen.insert(&info.pair_id)) {
            let (pair_id, first) = (twice.pair_id.clone(), set.path().to_owned());
            let second = first.clone();
            return Err(PairsError::Duplicate { pair_id, first, second }.into());
        }
        let chosen: BTreeMap<&str, &PairInfo> = evenly(by_speaker.into_values().collect(), people)
            .into_iter()
            .flat_map(|pairs| evenly(pairs, each))
            .map(|info| (info.pair_id.as_str(), info))
            .collect();
        let mut speakers: Vec<String> =
            chosen.values().map(|info| info.speaker_id.clone()).collect();
        speakers.sort_unstable();
        speakers.dedup();

        let mut of_speaker = vec![Vec::new(); speakers.len()];
        let space = set.face_space();
        let (mut items, mut rows) = (Vec::with_capacity(chosen.len()), Vec::new());
        for group in 0..set.groups().len() {
            for pair in set.group(group, Payload::ALL, selection.split()) {
                let pair = pair?;
                if !chosen.contains_key(pair.info.pair_id.as_str()) {
                    continue;
                }
                let Pair { info, feature, .. } = pair;
                let Ok(speaker) = speakers.binary_search(&info.speaker_id) else { continue };
                let round = of_speaker[speaker].len();
                of_speaker[speaker].push(items.len());
                let identity = space.identity_of(&feature);
                rows.extend_from_slice(identity);
                let traits = feature[identity.len()..].to_vec();
                items.push(Item { info, traits, speaker, round, group });
            }
        }
        let faces = Vectors::new(rows, space.identity_dimension());
        Ok((Self { items, speakers, of_speaker, faces, too_short, available }, seconds))
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Largest number of pairs of a speaker.
    pub(crate) fn rounds(&self) -> usize {
        self.of_speaker.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// One pair of each speaker: the one of that round, cyclically if a speaker has fewer.
    pub(crate) fn gallery(&self, round: usize) -> Vec<usize> {
        self.of_speaker.iter().map(|pairs| pairs[round % pairs.len()]).collect()
    }

    /// For each pair another one of the same speaker, from another source if there is one.
    pub(crate) fn other_clips(&self) -> Vec<Option<usize>> {
        let other = |item: &Item| {
            let pairs = &self.of_speaker[item.speaker];
            let following = (1..pairs.len()).map(|step| pairs[(item.round + step) % pairs.len()]);
            let elsewhere = |&pair: &usize| self.items[pair].info.source != item.info.source;
            following.clone().find(elsewhere).or_else(|| following.clone().next())
        };
        self.items.iter().map(other).collect()
    }

    /// For each pair, a pair of another speaker of the same group, with another assignment in each
    /// round; `group` is called with the first pair of each speaker.
    pub(crate) fn other_people(
        &self,
        group: impl Fn(&PairInfo) -> Option<u32>,
        seed: u64,
    ) -> Vec<Option<usize>> {
        let groups: Vec<Option<u32>> =
            self.of_speaker.iter().map(|pairs| group(&self.items[pairs[0]].info)).collect();
        let others: Vec<Vec<Option<usize>>> = (0..self.rounds())
            .map(|round| derange(&groups, seed.wrapping_add(round as u64)))
            .collect();
        let other = |item: &Item| {
            let pairs = &self.of_speaker[others[item.round][item.speaker]?];
            Some(pairs[item.round % pairs.len()])
        };
        self.items.iter().map(other).collect()
    }

    /// Refuses pairs that the model called `model` was trained on, unless it is the training split
    /// that is evaluated. `trained_on` are the pairs that it was trained on, if they are known.
    pub(crate) fn check_leaks(
        &self,
        set: &PairSet,
        selection: PairSelection,
        model: &str,
        trained_on: Option<&PairSet>,
    ) -> Result<(), EvalError> {
        let infos: Vec<&PairInfo> = self.items.iter().map(|item| &item.info).collect();
        match selection {
            PairSelection::Split(Split::Train) => return Ok(()),
            // The set has no speaker in two splits, so this is all there is to find in itself.
            PairSelection::Split(_)
                if trained_on.is_none_or(|other| other.path() == set.path()) =>
            {
                return Ok(leaks::check_training_split(&infos, set)?);
            }
            PairSelection::Split(_) | PairSelection::All => {}
        }
        Ok(trained_on.map_or(Ok(()), |trained_on| leaks::check(&infos, set, model, trained_on))?)
    }

    /// Hash of the pairs in their order, with their metadata and features, and of `settings`.
    pub(crate) fn sha256(&self, settings: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(settings);
        for item in &self.items {
            let PairInfo { pair_id, speaker_id, audio_sha256, face_sha256, .. } = &item.info;
            let PairInfo { sex, age, language, .. } = &item.info;
            hash.update(format!("\n{pair_id}\t{speaker_id}\t{audio_sha256}\t{face_sha256}"));
            hash.update(format!("\t{sex:?}\t{age:?}\t{language:?}"));
        }
        let traits = self.items.iter().flat_map(|item| &item.traits);
        for number in self.faces.values().iter().chain(traits) {
            hash.update(number.to_le_bytes());
        }
        hex(&hash.finalize())
    }
}

/// 6 s as in the paper if at least half of the recordings are that long, otherwise the longest of
/// 3, 2 and 1 s that half of them have.
fn common_seconds(infos: &[PairInfo]) -> f64 {
    let reach =
        |wanted: f64| infos.iter().filter(|info| is_long_enough(info.seconds, wanted)).count();
    let usual = [6.0, 3.0, 2.0].into_iter().find(|&wanted| 2 * reach(wanted) >= infos.len());
    usual.unwrap_or(1.0)
}

/// `count` elements of a list, evenly spaced.
fn evenly<T>(list: Vec<T>, count: usize) -> Vec<T> {
    let length = list.len();
    if count >= length {
        return list;
    }
    let mut wanted = (0..count).map(|n| n * length / count).peekable();
    let chosen =
        list.into_iter().enumerate().filter(|(place, _)| wanted.next_if_eq(place).is_some());
    chosen.map(|(_, item)| item).collect()
}

fn too_few(
    set: &PairSet,
    selection: PairSelection,
    speakers: usize,
    short: usize,
    seconds: f64,
) -> EvalError {
    let hint = match selection {
        _ if short > 0 => format!(
            "{short} recordings are shorter than {seconds} s, choose a length with --seconds"
        ),
        PairSelection::All => "prepare more people".into(),
        PairSelection::Split(_) => "split the speakers again, as in `speech2face corpus split \
                                    --test 0.3 PAIRS`, or evaluate --split all if the model was \
                                    trained on none of them"
            .into(),
    };
    let speakers = match speakers {
        0 => "nobody".into(),
        _ => format!("{speakers} speaker"),
    };
    EvalError::TooFew { path: set.path().to_owned(), speakers, selection: selection.name(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_choice_reaches_from_beginning_to_end() {
        assert_eq!(evenly((0..10).collect(), 4), [0, 2, 5, 7]);
        assert_eq!(evenly((0..3).collect(), 7), [0, 1, 2]);
        assert_eq!(evenly((0..3).collect(), 0), [] as [i32; 0]);
    }

    #[test]
    fn a_little_less_is_long_enough() {
        assert!(is_long_enough(2.95, 3.0) && !is_long_enough(2.6, 3.0));
    }
}
