//! Who is evaluated: pairs of a split, as even by speaker as possible.

use std::collections::{BTreeMap, HashSet};

use s2f_core::Sex;
use s2f_core::hash::{Digest, Sha256};
use s2f_pairs::Split;
use s2f_pairs::{Pair, PairInfo, PairSet, PairsError, Payload, Rows, leaks};

use crate::EvalError;
use s2f_metrics::Vectors;
use s2f_metrics::derange;

/// What is evaluated of a set of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One split.
    Split(Split),
    /// Every pair, for models that were trained on none of them.
    All,
}

impl Part {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Split(split) => split.name(),
            Self::All => "all",
        }
    }

    fn split(self) -> Option<Split> {
        match self {
            Self::Split(split) => Some(split),
            Self::All => None,
        }
    }
}

/// A pair that is evaluated, without its voice and face.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) info: PairInfo,
    /// Number of the speaker.
    pub(crate) speaker: usize,
    /// Which of the speaker's pairs this is, from 0.
    pub(crate) round: usize,
    /// The group of rows in the set that it is in.
    pub(crate) group: usize,
}

/// The pairs that are evaluated, in the order of their file.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    pub(crate) items: Vec<Item>,
    /// Names of the speakers, sorted.
    pub(crate) speakers: Vec<String>,
    /// For each speaker, the numbers of their pairs.
    pub(crate) of_speaker: Vec<Vec<usize>>,
    /// Features of the true faces.
    pub(crate) faces: Vectors,
    /// Pairs of the part that were left out: voices that are too short.
    pub(crate) too_short: usize,
    /// Pairs of the part in all.
    pub(crate) available: usize,
}

/// A recording counts as so many seconds long from this share of them on; the rest is repeated
/// from its start.
const LONG_ENOUGH: f64 = 0.9;

/// Whether a recording of `seconds` has enough for `wanted` seconds.
pub(crate) fn is_enough(seconds: f32, wanted: f64) -> bool {
    f64::from(seconds) >= LONG_ENOUGH * wanted
}

impl Items {
    /// Chooses at most `most` pairs with `seconds` of voice, or where `seconds` is `None` with the
    /// length that [`usual_seconds`] finds; returns it too.
    pub(crate) fn choose(
        set: &PairSet,
        part: Part,
        most: usize,
        seconds: Option<f64>,
    ) -> Result<(Self, f64), EvalError> {
        let infos: Vec<PairInfo> = set.infos(part.split()).collect::<Result<_, _>>()?;
        let available = infos.len();
        let seconds = seconds.unwrap_or_else(|| usual_seconds(&infos));
        let mut by_speaker: BTreeMap<&str, Vec<&PairInfo>> = BTreeMap::new();
        for info in infos.iter().filter(|info| is_enough(info.seconds, seconds)) {
            by_speaker.entry(&info.speaker_id).or_default().push(info);
        }
        let too_short = available - by_speaker.values().map(Vec::len).sum::<usize>();
        if by_speaker.len() < 2 {
            return Err(too_few(set, part, by_speaker.len(), too_short, seconds));
        }
        let people = by_speaker.len().min(most.max(2));
        let each = (most / people).max(1);
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

        let features = Payload { feature: true, ..Payload::default() };
        let mut of_speaker = vec![Vec::new(); speakers.len()];
        let (mut items, mut rows) = (Vec::with_capacity(chosen.len()), Vec::new());
        for group in 0..set.groups().len() {
            for pair in set.group(group, features, part.split()) {
                let Pair { info: PairInfo { pair_id, speaker_id, .. }, feature, .. } = pair?;
                let Some(info) = chosen.get(pair_id.as_str()) else { continue };
                if !feature.iter().all(|x| x.is_finite()) {
                    let problem = "numbers that are not finite".into();
                    let path = set.path().to_owned();
                    return Err(PairsError::Feature { path, pair_id, problem }.into());
                }
                let Ok(speaker) = speakers.binary_search(&speaker_id) else { continue };
                let round = of_speaker[speaker].len();
                of_speaker[speaker].push(items.len());
                items.push(Item { info: (*info).clone(), speaker, round, group });
                rows.extend(feature);
            }
        }
        let faces = Vectors::new(rows, set.face_space().dimension);
        Ok((Self { items, speakers, of_speaker, faces, too_short, available }, seconds))
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Most pairs of a speaker.
    pub(crate) fn rounds(&self) -> usize {
        self.of_speaker.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// One pair of each speaker: the one of that round, in turn where a speaker has fewer.
    pub(crate) fn gallery(&self, round: usize) -> Vec<usize> {
        self.of_speaker.iter().map(|pairs| pairs[round % pairs.len()]).collect()
    }

    /// For each pair another one of the same speaker, of another source where there is one.
    pub(crate) fn other_clips(&self) -> Vec<Option<usize>> {
        let other = |item: &Item| {
            let pairs = &self.of_speaker[item.speaker];
            let following = (1..pairs.len()).map(|step| pairs[(item.round + step) % pairs.len()]);
            let elsewhere = |&pair: &usize| self.items[pair].info.source != item.info.source;
            following.clone().find(elsewhere).or_else(|| following.clone().next())
        };
        self.items.iter().map(other).collect()
    }

    /// For each pair one of somebody else: of anybody, or of somebody of the same group, where
    /// `group` gives that of a speaker's first pair. Somebody else in each round.
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
        part: Part,
        model: &str,
        trained_on: Option<&PairSet>,
    ) -> Result<(), EvalError> {
        let infos: Vec<&PairInfo> = self.items.iter().map(|item| &item.info).collect();
        match part {
            Part::Split(Split::Train) => return Ok(()),
            Part::Split(_) => leaks::check_training_split(&infos, set)?,
            Part::All => {}
        }
        Ok(trained_on.map_or(Ok(()), |trained_on| leaks::check(&infos, model, trained_on))?)
    }

    /// Hash of which pairs are evaluated, in which order, of what is stated of them and of their
    /// features.
    pub(crate) fn sha256(&self, settings: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(settings);
        for item in &self.items {
            let PairInfo { pair_id, speaker_id, audio_sha256, face_sha256, .. } = &item.info;
            let PairInfo { sex, age, language, .. } = &item.info;
            hash.update(format!("\n{pair_id}\t{speaker_id}\t{audio_sha256}\t{face_sha256}"));
            hash.update(format!("\t{sex:?}\t{age:?}\t{language:?}"));
        }
        for number in self.faces.values() {
            hash.update(number.to_le_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Reads whole pairs of those that are evaluated, one row after the other.
pub(crate) struct Loader<'a> {
    set: &'a PairSet,
    part: Part,
    items: &'a Items,
    payload: Payload,
    /// Rows of the group that was read last.
    open: Option<(usize, Rows<'a, Pair>)>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(set: &'a PairSet, part: Part, items: &'a Items, payload: Payload) -> Self {
        Self { set, part, items, payload, open: None }
    }

    /// The pairs of those numbers. Quick where numbers rise.
    pub(crate) fn load(&mut self, numbers: &[usize]) -> Result<Vec<Pair>, EvalError> {
        numbers.iter().map(|&number| self.one(&self.items.items[number])).collect()
    }

    fn one(&mut self, item: &Item) -> Result<Pair, EvalError> {
        let found = |pair: &Result<Pair, PairsError>| {
            pair.as_ref().map_or(true, |pair| pair.info.pair_id == item.info.pair_id)
        };
        if let Some((group, rows)) = &mut self.open
            && *group == item.group
            && let Some(pair) = rows.find(found)
        {
            return Ok(pair?);
        }
        let mut rows = self.set.group(item.group, self.payload, self.part.split());
        let pair = rows.find(found);
        self.open = Some((item.group, rows));
        // It was there when the pairs were chosen.
        let changed = || PairsError::Changed { path: self.set.path().to_owned() };
        Ok(pair.ok_or_else(changed)??)
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 6 s as in the paper where at least half of the recordings are as long, else the longest of 3, 2
/// and 1 s that half of them reach.
fn usual_seconds(infos: &[PairInfo]) -> f64 {
    let reach = |wanted: f64| infos.iter().filter(|info| is_enough(info.seconds, wanted)).count();
    let usual = [6.0, 3.0, 2.0].into_iter().find(|&wanted| 2 * reach(wanted) >= infos.len());
    usual.unwrap_or(1.0)
}

/// `count` of a list, from its beginning to its end.
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

fn too_few(set: &PairSet, part: Part, speakers: usize, short: usize, seconds: f64) -> EvalError {
    let hint = match part {
        _ if short > 0 => format!(
            "{short} recordings are shorter than {seconds} s, choose a length with --seconds"
        ),
        Part::All => "prepare more people".into(),
        Part::Split(_) => "share the speakers out anew, as in `speech2face corpus split --test 0.3 \
                           PAIRS`, or evaluate --split all where the model was trained on none of them"
            .into(),
    };
    let speakers = match speakers {
        0 => "nobody".into(),
        _ => format!("{speakers} speaker"),
    };
    EvalError::TooFew { path: set.path().to_owned(), speakers, part: part.name(), hint }
}

/// Which group a pair belongs to in controlled comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Sex,
    AgeBand,
    Language,
    /// All three.
    Everything,
}

impl Control {
    pub(crate) const ALL: [Self; 4] = [Self::Sex, Self::AgeBand, Self::Language, Self::Everything];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sex => "same-sex",
            Self::AgeBand => "same-age-band",
            Self::Language => "same-language",
            Self::Everything => "same-sex-age-language",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sex => "of one sex",
            Self::AgeBand => "of one age band",
            Self::Language => "of one language",
            Self::Everything => "of one sex, age band and language",
        }
    }
}

impl Items {
    /// Group of each pair under a control, from what is stated; `None` where it is not.
    pub(crate) fn groups(&self, control: Control) -> Vec<Option<u32>> {
        let languages: Vec<Option<&str>> =
            self.items.iter().map(|item| item.info.language.as_deref()).collect();
        let mut names: Vec<&str> = languages.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let language = |item: usize| {
            let name = languages[item]?;
            names.binary_search(&name).ok().map(|number| number as u32)
        };
        let sex = |item: usize| sex_group(&self.items[item].info);
        let age = |item: usize| age_band(self.items[item].info.age);
        let group = |item: usize| match control {
            Control::Sex => sex(item),
            Control::AgeBand => age(item),
            Control::Language => language(item),
            Control::Everything => Some((language(item)? * BANDS + age(item)?) * 2 + sex(item)?),
        };
        (0..self.len()).map(group).collect()
    }
}

/// Number of a stated sex.
pub(crate) fn sex_group(info: &PairInfo) -> Option<u32> {
    info.sex.map(|sex| u32::from(sex == Sex::Male))
}

/// Bands of age, one a decade.
const BANDS: u32 = 13;

/// An age that can be: nobody is known to have lived for 130 years.
pub(crate) fn stated_age(age: Option<f32>) -> Option<f32> {
    age.filter(|age| (0.0..130.0).contains(age))
}

/// Decade of an age.
pub(crate) fn age_band(age: Option<f32>) -> Option<u32> {
    Some((stated_age(age)? / 10.0) as u32)
}

/// Name of a decade of age.
pub(crate) fn band_name(band: u32) -> String {
    format!("{}–{}", 10 * band, 10 * band + 9)
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
    fn ages_fall_into_decades() {
        assert_eq!(age_band(Some(29.9)), Some(2));
        assert_eq!(age_band(Some(-1.0)).or(age_band(Some(f32::NAN))).or(age_band(None)), None);
        assert_eq!(band_name(2), "20–29");
    }

    #[test]
    fn a_little_less_is_enough() {
        assert!(is_enough(2.95, 3.0) && !is_enough(2.6, 3.0));
    }
}
