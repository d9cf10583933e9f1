//! What is evaluated must not have been trained on.

use std::collections::{HashMap, HashSet};

use s2f_pairs::Split;
use s2f_pairs::{PairInfo, PairSet};

use crate::EvalError;
use crate::error::first_names;
use crate::items::{Items, Part};

/// Refuses pairs whose speakers, voices or faces a model has learnt from. [`PairSet::open`] has
/// refused speakers in two splits of a set before.
///
/// `trained_on` are the pairs that the model of that name was trained on, where they are known; `set`
/// those that are evaluated. Whoever evaluates the training split has asked for it.
pub(crate) fn check(
    set: &PairSet,
    part: Part,
    items: &Items,
    model: &str,
    trained_on: Option<&PairSet>,
) -> Result<(), EvalError> {
    match part {
        Part::Split(Split::Train) => return Ok(()),
        Part::Split(_) => twice(items, set, "the split train")?,
        Part::All => {}
    }
    let Some(trained_on) = trained_on else { return Ok(()) };
    let pairs: HashSet<&str> = items.items.iter().map(|item| item.info.pair_id.as_str()).collect();
    let mut same_corpus = false;
    for info in trained_on.infos(None) {
        same_corpus |= pairs.contains(info?.pair_id.as_str());
    }
    // Names mean the same people where some of the pairs are the same.
    if same_corpus {
        let trained =
            |speaker: &&String| trained_on.speakers().get(*speaker) == Some(&Split::Train);
        let names = first_names(items.speakers.iter().filter(trained));
        if !names.is_empty() {
            return Err(EvalError::Leak {
                what: format!("model {model} was trained on speakers that are evaluated"),
                names,
                hint: "evaluate on the splits that it was trained with",
            });
        }
    }
    twice(items, trained_on, &format!("what model {model} was trained on"))
}

/// Refuses where the bytes of a voice or a face are also in the training split of `trained_on`.
fn twice(items: &Items, trained_on: &PairSet, training: &str) -> Result<(), EvalError> {
    let by = |hash: fn(&PairInfo) -> &str| -> HashMap<&str, &PairInfo> {
        items.items.iter().map(|item| (hash(&item.info), &item.info)).collect()
    };
    let audio = by(|info| &info.audio_sha256);
    let faces = by(|info| &info.face_sha256);
    let mut found = Vec::new();
    for info in trained_on.infos(Some(Split::Train)) {
        let info = info?;
        let same = |of: &HashMap<&str, &PairInfo>, hash: &str| {
            // Whoever wrote the pairs may have left the hashes out.
            let evaluated = of.get(hash).filter(|_| !hash.is_empty())?;
            Some(format!("{} is {}", evaluated.pair_id, info.pair_id))
        };
        found.extend(same(&audio, &info.audio_sha256).or_else(|| same(&faces, &info.face_sha256)));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(EvalError::Leak {
        what: format!("voices or faces that are evaluated are in {training} too"),
        names: first_names(found.into_iter()),
        hint: "take the doubles out of the corpus and prepare it anew",
    })
}
