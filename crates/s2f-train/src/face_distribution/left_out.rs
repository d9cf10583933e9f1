//! Outputs for voices of corpora and groups of languages that were left out of the fit.

use std::collections::{BTreeMap, BTreeSet};

use super::heads::Heads;
use super::recordings::{Examples, Labelled, Measured, SHORT_S, Version, WINDOW_S};
use crate::TrainError;

/// Outputs for one recording by heads that were fitted without its corpus, or its group of
/// languages.
pub(crate) struct Row<'a> {
    pub(crate) voice: &'a Labelled,
    /// Output of the head for sex, above 0 for women.
    pub(crate) sex: f64,
    /// Output of the head for age.
    pub(crate) age: f64,
    /// So that each speaker counts once.
    pub(crate) weight: f64,
    /// Length of the copy.
    pub(crate) seconds: f64,
    /// Median pitch of the recording, Hz.
    pub(crate) pitch_hz: Option<f64>,
    /// Index of the recording.
    pub(crate) index: usize,
}

/// Outputs for all recordings, each left out of the fit.
pub(crate) struct LeftOut<'a> {
    rows: BTreeMap<Version, Vec<Row<'a>>>,
    /// The name of each fold, and the heads that were fitted without it.
    pub(crate) folds: Vec<(String, Heads)>,
}

impl<'a> LeftOut<'a> {
    pub(crate) fn rows(&self, version: Version) -> &[Row<'a>] {
        self.rows.get(&version).map_or(&[], Vec::as_slice)
    }
}

/// Fits without each fold in turn, and applies the heads to it.
pub(crate) fn left_out<'a>(
    voices: &'a [Labelled],
    measured: &[Measured],
    fit: impl Fn(&dyn Fn(&Labelled) -> bool) -> Result<Heads, TrainError>,
) -> Result<LeftOut<'a>, TrainError> {
    let folds: BTreeSet<&str> = voices.iter().map(|voice| voice.fold.as_str()).collect();
    let mut rows: BTreeMap<Version, Vec<Row<'a>>> = BTreeMap::new();
    let mut fitted = Vec::with_capacity(folds.len());
    for fold in folds {
        let heads = fit(&|voice| voice.fold != fold)?;
        for version in Version::ALL {
            let of_version = rows.entry(version).or_default();
            for (index, (voice, measured)) in voices.iter().zip(measured).enumerate() {
                if voice.fold != fold {
                    continue;
                }
                let (voices, own) = (std::slice::from_ref(voice), std::slice::from_ref(measured));
                let one = Examples::new(voices, own, &[(version, 1.0)], |_| true);
                if one.voices.is_empty() {
                    continue;
                }
                let seconds = match version {
                    Version::Short => measured.seconds.min(SHORT_S),
                    Version::Window => measured.seconds.min(WINDOW_S),
                    _ => measured.seconds,
                };
                of_version.push(Row {
                    voice,
                    sex: heads.sex.of(&one.embeddings)[0],
                    age: heads.age(&one.embeddings)[0],
                    weight: 0.0,
                    seconds,
                    pitch_hz: measured.pitch_hz,
                    index,
                });
            }
        }
        fitted.push((fold.to_owned(), heads));
    }
    let mut of_speaker: BTreeMap<&str, usize> = BTreeMap::new();
    voices.iter().for_each(|voice| *of_speaker.entry(&voice.speaker).or_default() += 1);
    for row in rows.values_mut().flatten() {
        row.weight = 1.0 / of_speaker[row.voice.speaker.as_str()] as f64;
    }
    Ok(LeftOut { rows, folds: fitted })
}
