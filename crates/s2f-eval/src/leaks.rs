//! What is evaluated must not have been trained on.

use std::collections::{HashMap, HashSet};

use s2f_corpus::pairs::{PairInfo, PairSet};
use s2f_corpus::split::Split;

use crate::EvalError;
use crate::error::first_names;
use crate::items::Items;

/// Refuses pairs whose speakers, voices or faces a model has learnt from. [`PairSet::open`] has
/// refused speakers in two splits of a set before.
///
/// `trained_on` are the pairs that the model was trained on, where that is known; `set` those that
/// are evaluated.
pub(crate) fn check(
    set: &PairSet,
    items: &Items,
    trained_on: Option<&PairSet>,
) -> Result<(), EvalError> {
    // The same recording or picture under another name, in the set itself or in that of the model.
    let evaluated: HashSet<&str> =
        items.items.iter().map(|item| item.info.pair_id.as_str()).collect();
    let part: HashSet<Split> = items.items.iter().map(|item| item.info.split).collect();
    if !part.contains(&Split::Train) {
        twice(items, set, &evaluated)?;
    }
    let Some(trained_on) = trained_on else { return Ok(()) };
    let same_corpus =
        trained_on.pairs() == set.pairs() && trained_on.speakers().keys().eq(set.speakers().keys());
    if same_corpus {
        let trained =
            |speaker: &&String| trained_on.speakers().get(*speaker) == Some(&Split::Train);
        let names = first_names(items.speakers.iter().filter(trained));
        if !names.is_empty() {
            return Err(EvalError::Leak {
                what: "the model was trained on speakers that are evaluated".into(),
                names,
                hint: "evaluate on the splits that it was trained with",
            });
        }
    }
    twice(items, trained_on, &HashSet::new())
}

/// Refuses where the bytes of a voice or a face are also in the training split of `trained_on`.
fn twice(items: &Items, trained_on: &PairSet, own: &HashSet<&str>) -> Result<(), EvalError> {
    let mut audio: HashMap<&str, &PairInfo> = HashMap::new();
    let mut faces: HashMap<&str, &PairInfo> = HashMap::new();
    for item in &items.items {
        audio.insert(&item.info.audio_sha256, &item.info);
        faces.insert(&item.info.face_sha256, &item.info);
    }
    let mut found = Vec::new();
    for info in trained_on.infos(Some(Split::Train)) {
        let info = info?;
        if own.contains(info.pair_id.as_str()) {
            continue;
        }
        let same = |of: &HashMap<&str, &PairInfo>, hash: &str| {
            // Whoever wrote the pairs may have left the hashes out.
            of.get(hash)
                .filter(|_| !hash.is_empty())
                .map(|evaluated| format!("{} is {}", evaluated.pair_id, info.pair_id))
        };
        found.extend(same(&audio, &info.audio_sha256).or_else(|| same(&faces, &info.face_sha256)));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(EvalError::Leak {
        what: "voices or faces that are evaluated are in the training split under other names"
            .into(),
        names: first_names(found.into_iter()),
        hint: "take the doubles out of the corpus and prepare it anew",
    })
}
