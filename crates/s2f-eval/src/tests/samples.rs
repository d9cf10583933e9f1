//! Pairs for tests: people who are numbers.

use std::path::Path;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use s2f_audio::Waveform;
use s2f_audio::encode_flac;
use s2f_core::Sex;
use s2f_pairs::Split;
use s2f_pairs::{Pair, PairFileInfo, PairSet, PairWriter};

use crate::items::{Items, Part};
use s2f_metrics::Vectors;

/// A pair of a person: a random face, half women, half men, in three age bands.
pub(crate) fn pair(person: usize, clip: usize, dimension: usize) -> Pair {
    let mut random = SmallRng::seed_from_u64((person * 100 + clip) as u64);
    let mut feature: Vec<f32> = (0..dimension).map(|_| random.random_range(-1.0..1.0)).collect();
    let length = feature.iter().map(|x| x * x).sum::<f32>().sqrt();
    feature.iter_mut().for_each(|x| *x /= length);
    Pair {
        pair_id: format!("pair-{person:03}-{clip}"),
        speaker_id: format!("person-{person:03}"),
        source: format!("video-{person:03}-{clip}"),
        split: Split::Test,
        audio: Vec::new(),
        seconds: 6.0,
        face: Vec::new(),
        face_points: [[0.0; 2]; 5],
        feature,
        face_space: "mobileface-v2".into(),
        gender: Some(if person.is_multiple_of(2) { Sex::Female } else { Sex::Male }),
        age: Some(25.0 + 10.0 * (person % 3) as f32),
        language: None,
        licence: "CC0-1.0".into(),
        audio_sha256: format!("audio {person} {clip}"),
        face_sha256: format!("face {person} {clip}"),
    }
}

/// A hum of a person: FLAC.
pub(crate) fn hum(person: usize, seconds: f64) -> Vec<u8> {
    let pitch_hz = 90.0 + 7.0 * person as f64;
    let sample = |n: usize| {
        let turn = std::f64::consts::TAU * pitch_hz * n as f64 / f64::from(Waveform::RATE_HZ);
        (0.5 * turn.sin().powi(9)) as f32
    };
    let samples: Vec<f32> =
        (0..(seconds * f64::from(Waveform::RATE_HZ)) as usize).map(sample).collect();
    encode_flac(&Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()).unwrap()
}

/// Writes pairs and opens them.
pub(crate) fn set(path: &Path, pairs: &[Pair]) -> PairSet {
    let info = PairFileInfo {
        face_space: "mobileface-v2".into(),
        face_dimension: pairs[0].feature.len(),
        splits_sha256: String::new(),
    };
    let mut writer = PairWriter::create(path, &info).unwrap();
    pairs.iter().for_each(|pair| writer.push(pair).unwrap());
    writer.finish().unwrap();
    PairSet::open(path).unwrap()
}

/// `people` with two clips each, ready to be searched.
pub(crate) fn items(people: usize, dimension: usize) -> Items {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> =
        (0..2 * people).map(|number| pair(number / 2, number % 2, dimension)).collect();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    Items::choose(&set, Part::Split(Split::Test), 10_000, None).unwrap().0
}

/// Random directions.
pub(crate) fn random(rows: usize, dimension: usize, seed: u64) -> Vectors {
    let mut random = SmallRng::seed_from_u64(seed);
    Vectors::new((0..rows * dimension).map(|_| random.random_range(-1.0..1.0)).collect(), dimension)
}
