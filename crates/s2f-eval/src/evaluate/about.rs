//! What a report says of itself.

use std::path::Path;

use s2f_pairs::Split;
use speech2face::{SOFTWARE, Speech2Face};

use super::job::Job;
use crate::items::Part;
use crate::sections::FEW;
use crate::voices::Hearing;

/// What was evaluated on what, and how.
pub(super) fn about(
    job: &Job<'_>,
    model: &Speech2Face,
    hearing: &Hearing,
) -> Vec<(String, String)> {
    let Job { set, items, options, pairs_sha256, .. } = job;
    let id = model.id();
    let space = model.face_space();
    let trained = match (options.part, options.trained_on) {
        (Part::Split(Split::Train), _) => {
            "These pairs are the training split: scores say what was learnt by heart.".to_owned()
        }
        (_, Some(pairs)) => format!(
            "No speaker, voice or face that is evaluated was trained on ({}).",
            name_of(pairs.path())
        ),
        (part, None) => {
            let within = "No speaker is in two splits, and no voice or face of the training split is \
                          evaluated under another name. ";
            let within = if part == Part::All { "" } else { within };
            format!(
                "{within}What the model was trained on is not recorded with it: whether it knows these \
                 people cannot be told."
            )
        }
    };
    let mut heard_for = format!("the first {} s", hearing.seconds);
    let others: Vec<String> = hearing
        .lengths
        .iter()
        .filter(|&&length| length != hearing.seconds)
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        heard_for += &format!(", and {} s for scores by length", others.join(", "));
    }
    if items.too_short > 0 {
        heard_for += &format!("; {} recordings are too short and left out", items.too_short);
    }
    let facts = [
        ("Model", format!("{}, SHA-256 {}", id.name, &id.sha256[..id.sha256.len().min(16)])),
        ("Face space", format!("{} ({} numbers)", space.name, space.dimension)),
        (
            "Pairs",
            format!(
                "{}, split {}: {} pairs of {} speakers, of {} in that split; SHA-256 {}",
                name_of(set.path()),
                options.part.name(),
                items.len(),
                items.speakers.len(),
                items.available,
                &pairs_sha256[..16]
            ),
        ),
        ("Heard", heard_for),
        ("Leak check", trained),
        (
            "Intervals",
            format!(
                "95 %, bootstrap by speaker, {} draws, expanded percentiles; shares with fewer than ten speakers \
                 on one side widened to Wilson's; seed {}",
                options.draws, options.seed
            ),
        ),
        ("Licences", set.licences().join(", ")),
        ("Software", SOFTWARE.into()),
    ];
    facts.into_iter().map(|(label, text)| (label.to_owned(), text)).collect()
}

/// The last part of a path, as reports show it.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.canonicalize().ok();
    let name = name.as_deref().unwrap_or(path).file_name();
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// What a reader must know before any score.
pub(super) fn notes(job: &Job<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if job.options.part == Part::Split(Split::Train) {
        notes.push(
            "The model has learnt from these pairs: nothing here says how it does with people whom it \
             does not know."
                .into(),
        );
    }
    let speakers = job.items.speakers.len();
    if speakers < FEW {
        notes.push(format!(
            "{speakers} speakers are few: most of what a study wants to know cannot be told on them, \
             and intervals are rough."
        ));
    }
    notes
}
