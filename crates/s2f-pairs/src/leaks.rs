//! Leaks between training and evaluation: the same speakers, voices or faces in both.
//!
//! A score on pairs that a model was trained on is worthless. [`PairSet::open`] refuses a set with
//! a speaker in two splits; this module finds what that cannot see: a model that was trained with
//! other splits or on another corpus, and recordings or photographs that are in a corpus twice
//! under different names.

use std::collections::{HashMap, HashSet};

use s2f_core::hash::sha256;

use crate::{PairInfo, PairSet, PairsError, Payload, Split};

/// Refuses pairs of `set` with a speaker, a voice or a face of the training split of `trained_on`,
/// the set that the model called `model` was trained on.
///
/// Speakers are compared by name if the two sets are of one corpus: if any pair, or any video or
/// session, has the same name in both. In unrelated corpora the same name means different people.
/// Voices and faces are compared by their hashes.
///
/// # Errors
/// [`PairsError::TrainedOn`] with the names of the first few; [`PairsError::Hash`] for a voice or a
/// face of the training split that is not that of its hash; other [`PairsError`]s if the pairs
/// cannot be read.
pub fn check(
    evaluated: &[&PairInfo],
    set: &PairSet,
    model: &str,
    trained_on: &PairSet,
) -> Result<(), PairsError> {
    if is_same_corpus(set, trained_on)? {
        let mut speakers: Vec<&str> =
            evaluated.iter().map(|info| info.speaker_id.as_str()).collect();
        speakers.sort_unstable();
        speakers.dedup();
        speakers.retain(|speaker| trained_on.speakers().get(*speaker) == Some(&Split::Train));
        if !speakers.is_empty() {
            return Err(PairsError::TrainedOn {
                what: format!("model {model} was trained on speakers that are evaluated"),
                names: first_names(speakers),
                hint: "evaluate on the splits that it was trained with",
            });
        }
    }
    same_bytes(evaluated, trained_on, &format!("what model {model} was trained on"))
}

/// Refuses pairs with a voice or a face that is also in the training split of their own `set`,
/// under the same or another name.
///
/// # Errors
/// As [`check`].
pub fn check_training_split(evaluated: &[&PairInfo], set: &PairSet) -> Result<(), PairsError> {
    same_bytes(evaluated, set, "the split train")
}

/// Whether a pair, or a video or session, has the same name in both sets.
fn is_same_corpus(one: &PairSet, other: &PairSet) -> Result<bool, PairsError> {
    let (mut pairs, mut sources) = (HashSet::new(), HashSet::new());
    for info in one.infos(None) {
        let info = info?;
        pairs.insert(info.pair_id);
        sources.insert(info.source);
    }
    sources.remove(""); // not stated
    for info in other.infos(None) {
        let info = info?;
        if pairs.contains(&info.pair_id) || sources.contains(&info.source) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses pairs whose bytes are also in the training split of `trained_on`. Reads the voices and
/// faces of that split, since a hash may be that of other bytes.
fn same_bytes(
    evaluated: &[&PairInfo],
    trained_on: &PairSet,
    training: &str,
) -> Result<(), PairsError> {
    let by = |hash: fn(&PairInfo) -> &str| -> HashMap<&str, &PairInfo> {
        evaluated.iter().map(|&info| (hash(info), info)).collect()
    };
    let [audio, faces] = [by(|info| &info.audio_sha256), by(|info| &info.face_sha256)];
    let nothing = sha256(b"");
    let mut found = Vec::new();
    let payload = Payload { audio: true, face: true, feature: false };
    for pair in trained_on.rows(payload, Some(Split::Train)) {
        let info = pair?.info;
        let same = |of: &HashMap<&str, &PairInfo>, hash: &str| {
            // Pairs may be stored without faces.
            let evaluated = of.get(hash).filter(|_| hash != nothing)?;
            Some(format!("{} is {}", evaluated.pair_id, info.pair_id))
        };
        found.extend(same(&audio, &info.audio_sha256).or_else(|| same(&faces, &info.face_sha256)));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(PairsError::TrainedOn {
        what: format!("voices or faces that are evaluated are also in {training}"),
        names: first_names(found),
        hint: "remove the duplicates from the corpus and prepare it again",
    })
}

/// The first few names of a list, and how many more there are.
fn first_names<T: ToString>(names: Vec<T>) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}
