//! The files of `reference/metrics`, with values from SciPy, scikit-learn, statsmodels and NumPy,
//! made by the scripts next to them.

use std::path::{Path, PathBuf};

use s2f_core::Sex;
use s2f_metrics::Vectors;
use s2f_pairs::{PairInfo, Split};
use serde_json::Value;

use crate::items::{Item, Items};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/metrics").join(name)
}

pub(super) fn read(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

pub(super) fn rows(name: &str) -> Vectors {
    let bytes = std::fs::read(path(name)).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let dimension = file.shape()[1] as usize;
    Vectors::new(file.into_vec().unwrap(), dimension)
}

pub(super) fn cases<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

pub(super) fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap()
}

pub(super) fn numbers(value: &Value, name: &str) -> Vec<f64> {
    cases(value, name).iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Counts, some of which may be null.
pub(super) fn counts(value: &Value, name: &str) -> Vec<Option<usize>> {
    cases(value, name).iter().map(|number| number.as_u64().map(|number| number as usize)).collect()
}

pub(super) fn near(found: f64, expected: f64, tolerance: f64, what: &dyn std::fmt::Debug) {
    assert!((found - expected).abs() <= tolerance, "{what:?}: {found} instead of {expected}");
}

/// Items of given speakers, pair by pair, with the stated sex of each speaker.
pub(super) fn items(speakers: &[usize], sexes: &[Option<Sex>]) -> Items {
    let mut of_speaker = vec![Vec::new(); sexes.len()];
    let items = speakers.iter().enumerate().map(|(pair, &speaker)| {
        let round = of_speaker[speaker].len();
        of_speaker[speaker].push(pair);
        let info = PairInfo {
            pair_id: pair.to_string(),
            speaker_id: speaker.to_string(),
            source: String::new(),
            split: Split::Test,
            seconds: 6.0,
            sex: sexes[speaker],
            age: None,
            language: None,
            licence: String::new(),
            audio_sha256: String::new(),
            face_sha256: String::new(),
        };
        Item { info, traits: Vec::new(), speaker, round, group: 0 }
    });
    Items {
        items: items.collect(),
        speakers: (0..sexes.len()).map(|speaker| speaker.to_string()).collect(),
        of_speaker,
        faces: Vectors::default(),
        too_short: 0,
        available: speakers.len(),
    }
}
