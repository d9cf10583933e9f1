//! What a report says of itself.

use std::path::Path;

use speech2face::{SOFTWARE, Speech2Face};

use super::job::Job;
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
    let heard: Vec<String> = hearing.lengths.iter().map(ToString::to_string).collect();
    let trained = match options.trained_on {
        Some(pairs) => format!(
            "No speaker, voice or face that is evaluated was trained on ({}).",
            name_of(pairs.path())
        ),
        None => {
            "No speaker is in two splits, no voice or face twice. What the model was trained on is \
                 not recorded with it, so whether it knows these people cannot be told."
                .into()
        }
    };
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
        (
            "Heard",
            format!(
                "the first {} s, and {} s; {} recordings are too short and left out",
                hearing.seconds,
                heard.join(", "),
                items.too_short
            ),
        ),
        ("Leak check", trained),
        (
            "Intervals",
            format!(
                "95 %, bootstrap by speaker, {} draws, percentiles; shares of fewer than ten speakers \
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
