//! Pairs for tests.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use s2f_core::Sex;
use s2f_core::hash::sha256;

use crate::split::Split;
use crate::{Pair, PairFileInfo, PairInfo, PairWriter, PairsError};

/// Numbers in a feature.
pub(crate) const DIMENSION: usize = 8;

pub(crate) fn info() -> PairFileInfo {
    PairFileInfo {
        face_space: "mobileface".into(),
        face_dimension: DIMENSION,
        splits_sha256: "of the table".into(),
    }
}

/// A pair whose every field that can vary depends on `number`.
pub(crate) fn pair(number: u64, speaker: &str, split: Split) -> Pair {
    const TEXTS: [&str; 6] = ["", "a", "日本語, \"quoted\"\n", "ünïcödé ", "id.\t", "🙂"];
    let mut random = StdRng::seed_from_u64(number);
    let mut bytes = |most: usize| {
        let length = random.random_range(0..=most);
        (0..length).map(|_| random.random()).collect::<Vec<u8>>()
    };
    let (audio, face) = (bytes(3000), bytes(2000));
    let mut pick = || TEXTS[random.random_range(0..TEXTS.len())].to_owned();
    let (source, licence, language) = (pick(), pick(), pick());
    let mut feature: Vec<f32> = (0..DIMENSION).map(|_| random.random_range(-1.0..1.0f32)).collect();
    let length = feature.iter().map(|x| x * x).sum::<f32>().sqrt();
    feature.iter_mut().for_each(|x| *x /= length);
    let mut point = || [random.random_range(0.0..224.0), random.random_range(-9.0..224.0)];
    Pair {
        info: PairInfo {
            pair_id: format!("{speaker}_{number:05}"),
            speaker_id: speaker.to_owned(),
            source,
            split,
            seconds: 1.0 + (number % 7) as f32,
            sex: [None, Some(Sex::Female), Some(Sex::Male)][(number % 3) as usize],
            age: (!number.is_multiple_of(4)).then_some(number as f32 + 0.5),
            language: (!number.is_multiple_of(5)).then_some(language),
            licence,
            audio_sha256: sha256(&audio),
            face_sha256: sha256(&face),
        },
        face_points: [point(), point(), point(), point(), point()],
        feature,
        face_space: "mobileface".into(),
        audio,
        face,
    }
}

/// `count` pairs from number `first`: three in turn of a speaker of each split.
pub(crate) fn pairs(first: u64, count: u64) -> Vec<Pair> {
    let speakers =
        [("train.", Split::Train), ("válid", Split::Validation), ("t e s t", Split::Test)];
    let one = |number: u64| {
        let (speaker, split) = speakers[(number % 3) as usize];
        pair(number, speaker, split)
    };
    (first..first + count).map(one).collect()
}

pub(crate) fn write(path: &Path, pairs: &[Pair]) -> Result<(), PairsError> {
    let mut writer = PairWriter::create(path, &info())?;
    for pair in pairs {
        writer.push(pair)?;
    }
    writer.finish()
}

/// Parts of five pairs each in `folder`, named so that their order is not that of their names.
pub(crate) fn parts(folder: &Path, count: u64) -> Vec<PathBuf> {
    let one = |number: u64| {
        let path = folder.join(format!("part-{}.parquet", 99 - number));
        write(&path, &pairs(5 * number, 5)).unwrap();
        path
    };
    (0..count).map(one).collect()
}
