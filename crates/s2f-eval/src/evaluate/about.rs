//! The head of a report: what was evaluated, on what, and how.

use std::path::Path;

use s2f_pairs::{PairSet, Split};
use speech2face::{ModelId, SOFTWARE, Speech2Face, VoicePolicy, Windows};

use super::steps::Steps;
use crate::PairSelection;
use crate::encoder::Evaluated;
use crate::scorer::MIN_SPEAKERS;
use crate::trained_on::Training;
use crate::voices::ClipLengths;

/// The facts of the head come from these.
pub(super) struct About<'a> {
    pub(super) steps: &'a Steps<'a>,
    pub(super) evaluated: &'a Evaluated<'a>,
    pub(super) clips: &'a ClipLengths,
    pub(super) training: &'a Training,
}

impl About<'_> {
    /// Labels and texts.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let Steps { set, items, options, pairs_sha256, .. } = self.steps;
        let Evaluated { name, encoder, .. } = self.evaluated;
        let model = match encoder.as_model().map(Speech2Face::id) {
            Some(ModelId { name, sha256 }) => {
                format!("{name}, SHA-256 {}", &sha256[..sha256.len().min(16)])
            }
            None => format!("{name}, features of another program"),
        };
        let facts = [
            ("Model", model),
            ("Face space", encoder.space().to_string()),
            (
                "Pairs",
                format!(
                    "{}, split {}: {} pairs of {} speakers, of {} in that split; SHA-256 {}",
                    name_of(set.path()),
                    options.selection.name(),
                    items.len(),
                    items.speakers.len(),
                    items.available,
                    &pairs_sha256[..16]
                ),
            ),
            ("Voices", self.voices()),
            ("Leak check", self.leak_check()),
            (
                "Intervals",
                format!(
                    "95 %, bootstrap by speaker, {} draws, expanded percentiles; shares of which \
                     few speakers differ from the rest have exact (Clopper-Pearson) intervals; \
                     seed {}",
                    options.draws, options.seed
                ),
            ),
            ("Licences", set.licences().join(", ")),
            ("Software", SOFTWARE.into()),
        ];
        facts.into_iter().map(|(label, text)| (label.to_owned(), text)).collect()
    }

    /// Which part of each voice is used.
    fn voices(&self) -> String {
        let ClipLengths { lengths, common, policy } = self.clips;
        let VoicePolicy { windows, window_s, hop_s, max_windows, max_s, .. } = policy;
        let part = max_s.map_or_else(
            || "each whole recording".to_owned(),
            |seconds| format!("the first {seconds} s of each recording"),
        );
        let windows = match windows {
            _ if self.evaluated.encoder.as_model().is_none() => "as the network uses it".into(),
            Windows::All => format!(
                "in windows of {window_s} s every {hop_s} s, without pauses, at most {max_windows}"
            ),
            Windows::First => format!("its first window of {window_s} s"),
        };
        let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
        let mut text = format!("{part}, {windows}");
        if *policy == VoicePolicy::default() && self.evaluated.encoder.as_model().is_some() {
            text += ", as in `reconstruct`";
        }
        if !lengths.is_empty() {
            text += &format!("; the first {} s for scores by length", lengths.join(", "));
        }
        let short = self.steps.items.too_short;
        if short > 0 {
            text += &format!("; {short} recordings shorter than {common} s are left out");
        }
        text
    }

    fn leak_check(&self) -> String {
        let selection = self.steps.options.selection;
        let within = if selection == PairSelection::All {
            ""
        } else {
            "No speaker is in two splits, and no voice or face of the training split is evaluated \
             under another name. "
        };
        match self.training {
            _ if selection == PairSelection::Split(Split::Train) => {
                "These pairs are the training split: scores say what the model memorised.".into()
            }
            Training { pairs, unknown, .. } if unknown.is_empty() => no_leak("The model", pairs),
            Training { unknown, .. } => format!("{within}{}.", unknown.join(". ")),
        }
    }
}

/// What the leak check found of a model if it could compare all that the model was trained on.
fn no_leak(model: &str, pairs: &[PairSet]) -> String {
    let names: Vec<String> = pairs.iter().map(|pairs| name_of(pairs.path())).collect();
    let names = names.join(", ");
    format!("{model} was trained on no speaker, voice or face that is evaluated ({names}).")
}

/// The last part of a path, as reports show it.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.canonicalize().ok();
    let name = name.as_deref().unwrap_or(path).file_name();
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Warnings that hold for all scores.
pub(super) fn notes(steps: &Steps<'_>, training: &Training, compared: &[Training]) -> Vec<String> {
    let mut notes = Vec::new();
    if steps.options.selection == PairSelection::Split(Split::Train) {
        notes.push(
            "The model was trained on these pairs: nothing here says how it does on people that \
             it was not trained on."
                .into(),
        );
    } else {
        notes.extend(training.unknown.iter().map(|reason| format!("{reason}.")));
        for Training { model, pairs, unknown } in compared {
            notes.extend(unknown.iter().map(|reason| format!("{reason}.")));
            if unknown.is_empty() {
                notes.push(no_leak(model, pairs));
            }
        }
    }
    let speakers = steps.items.speakers.len();
    if speakers < MIN_SPEAKERS {
        notes.push(format!(
            "There are only {speakers} speakers: too few for most questions, and intervals are \
             wide."
        ));
    }
    notes
}
