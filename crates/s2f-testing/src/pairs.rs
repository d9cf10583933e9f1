//! Sample pairs with true hashes.
//!
//! [`sample`] builds one pair, piece by piece; [`varied`] makes pairs that differ in all that may
//! differ; [`write()`] and [`set`] write them to a file, [`parts`] to several.
//!
//! ```
//! use s2f_pairs::Split;
//! use s2f_testing::pairs::{Voice, sample, set};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let speakers = (0..3).map(|n| {
//!     let pair = sample(&format!("pair{n}"), &format!("speaker{n}"), Split::Test);
//!     let voice = Voice { pitch_hz: 90.0 + f64::from(n), seconds: 1.0 };
//!     pair.hum(voice).feature("some", 4, |i| i as f32)
//! });
//! let pairs: Vec<_> = speakers.map(|sample| sample.build()).collect();
//! let set = set(&folder.path().join("some.parquet"), &pairs);
//! assert_eq!(set.speakers().len(), 3);
//! ```

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use s2f_audio::{Waveform, encode_flac};
use s2f_core::hash::sha256;
use s2f_core::{FaceSpace, Sex};
use s2f_pairs::{Pair, PairFileInfo, PairInfo, PairSet, PairWriter, PairsError, Split};

/// Face space of the features of [`varied`] pairs.
pub const SPACE: &str = "mobileface";
/// Number of dimensions of the features of [`varied`] pairs.
pub const DIMENSION: usize = 8;

/// A pair that is being built.
#[derive(Debug, Clone)]
pub struct Sample(Pair);

/// A hum.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    /// Fundamental frequency, Hz.
    pub pitch_hz: f64,
    /// Length, s.
    pub seconds: f64,
}

/// A pair of 6 s whose voice and face are bytes that no other `pair_id` has, but neither FLAC nor
/// JPEG, and whose feature is the first axis of MobileFace's face space.
pub fn sample(pair_id: &str, speaker_id: &str, split: Split) -> Sample {
    let space = FaceSpace::mobileface();
    let info = PairInfo {
        pair_id: pair_id.to_owned(),
        speaker_id: speaker_id.to_owned(),
        source: format!("source of {pair_id}"),
        split,
        seconds: 6.0,
        sex: None,
        age: None,
        language: None,
        licence: "CC0-1.0".into(),
        audio_sha256: String::new(),
        face_sha256: String::new(),
    };
    let pair = Pair {
        info,
        audio: format!("voice of {pair_id}").into_bytes(),
        face: format!("face of {pair_id}").into_bytes(),
        face_points: [[0.0; 2]; 5],
        feature: Vec::new(),
        face_space: String::new(),
    };
    Sample(pair).feature(&space.name, space.dimension, |i| if i == 0 { 1.0 } else { 0.0 })
}

impl Sample {
    /// The video or session.
    pub fn source(mut self, source: &str) -> Self {
        self.0.info.source = source.to_owned();
        self
    }

    /// The sex that the corpus states.
    pub fn sex(mut self, sex: Sex) -> Self {
        self.0.info.sex = Some(sex);
        self
    }

    /// The age that the corpus states, years.
    pub fn age(mut self, age: f32) -> Self {
        self.0.info.age = Some(age);
        self
    }

    /// The language that the corpus states.
    pub fn language(mut self, language: &str) -> Self {
        self.0.info.language = Some(language.to_owned());
        self
    }

    /// The licence that the corpus states.
    pub fn licence(mut self, licence: &str) -> Self {
        self.0.info.licence = licence.to_owned();
        self
    }

    /// The length that the pair claims to have, s.
    pub fn seconds(mut self, seconds: f32) -> Self {
        self.0.info.seconds = seconds;
        self
    }

    /// The bytes of the voice.
    pub fn audio(mut self, audio: impl Into<Vec<u8>>) -> Self {
        self.0.audio = audio.into();
        self
    }

    /// A voice in FLAC that hums, and its length.
    pub fn hum(self, voice: Voice) -> Self {
        self.audio(hum(voice)).seconds(voice.seconds as f32)
    }

    /// A voice in FLAC: sample `n` of 16 kHz is `wave(n)`, from -1 to 1.
    pub fn wave(self, seconds: f64, wave: impl Fn(usize) -> f32) -> Self {
        self.audio(flac(seconds, wave)).seconds(seconds as f32)
    }

    /// The bytes of the face.
    pub fn face(mut self, face: impl Into<Vec<u8>>) -> Self {
        self.0.face = face.into();
        self
    }

    /// A face in JPEG, 224 pixels square, of one colour.
    pub fn plain_face(self, red_green_blue: [u8; 3]) -> Self {
        let picture = image::RgbImage::from_pixel(224, 224, image::Rgb(red_green_blue));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        self.face(bytes.into_inner())
    }

    /// A feature of the face space of that name: dimension `i` is `value(i)`.
    pub fn feature(mut self, space: &str, dimension: usize, value: impl Fn(usize) -> f32) -> Self {
        self.0.face_space = space.to_owned();
        self.0.feature = (0..dimension).map(value).collect();
        self
    }

    /// The same with a feature of unit length.
    pub fn unit_feature(self, space: &str, dimension: usize, value: impl Fn(usize) -> f32) -> Self {
        let mut sample = self.feature(space, dimension, value);
        normalise(&mut sample.0.feature);
        sample
    }

    /// The pair, with the hashes of its bytes.
    pub fn build(self) -> Pair {
        let Self(mut pair) = self;
        pair.info.audio_sha256 = sha256(&pair.audio);
        pair.info.face_sha256 = sha256(&pair.face);
        pair
    }
}

/// A voice in FLAC that hums.
pub fn hum(voice: Voice) -> Vec<u8> {
    let per_sample = TAU * voice.pitch_hz / f64::from(Waveform::RATE_HZ);
    flac(voice.seconds, |n| (0.5 * (per_sample * n as f64).sin().powi(9)) as f32)
}

fn flac(seconds: f64, wave: impl Fn(usize) -> f32) -> Vec<u8> {
    let count = (seconds * f64::from(Waveform::RATE_HZ)) as usize;
    let samples: Vec<f32> = (0..count).map(wave).collect();
    encode_flac(&Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()).unwrap()
}

fn normalise(feature: &mut [f32]) {
    let length = feature.iter().map(|x| x * x).sum::<f32>().sqrt();
    feature.iter_mut().for_each(|x| *x /= length);
}

/// `count` pairs from number `first`, each in turn of a speaker of another split. They differ in
/// all that may differ; texts are of several scripts, or empty.
pub fn varied(first: u64, count: u64) -> Vec<Pair> {
    let speakers =
        [("train.", Split::Train), ("válid", Split::Validation), ("t e s t", Split::Test)];
    let one = |number: u64| {
        let (speaker, split) = speakers[(number % 3) as usize];
        varied_of(number, speaker, split)
    };
    (first..first + count).map(one).collect()
}

/// The pair of that number, of a given speaker.
pub fn varied_of(number: u64, speaker: &str, split: Split) -> Pair {
    const TEXTS: [&str; 6] = ["", "a", "日本語, \"quoted\"\n", "ünïcödé ", "id.\t", "🙂"];
    let mut random = StdRng::seed_from_u64(number);
    let mut bytes = |most: usize| {
        let length = random.random_range(0..=most);
        (0..length).map(|_| random.random()).collect::<Vec<u8>>()
    };
    let (audio, face) = (bytes(3000), bytes(2000));
    let mut pick = || TEXTS[random.random_range(0..TEXTS.len())].to_owned();
    let (source, licence, language) = (pick(), pick(), pick());
    let feature: Vec<f32> = (0..DIMENSION).map(|_| random.random_range(-1.0..1.0f32)).collect();
    let mut point = || [random.random_range(0.0..224.0), random.random_range(-9.0..224.0)];
    let face_points = [point(), point(), point(), point(), point()];
    let Sample(mut pair) = sample(&format!("{speaker}_{number:05}"), speaker, split)
        .source(&source)
        .licence(&licence)
        .seconds(1.0 + (number % 7) as f32)
        .audio(audio)
        .face(face)
        .unit_feature(SPACE, DIMENSION, |i| feature[i]);
    pair.face_points = face_points;
    pair.info.sex = [None, Some(Sex::Female), Some(Sex::Male)][(number % 3) as usize];
    pair.info.age = (!number.is_multiple_of(4)).then_some(number as f32 + 0.5);
    pair.info.language = (!number.is_multiple_of(5)).then_some(language);
    Sample(pair).build()
}

/// Writes pairs to one file, in the face space of the first of them. Their hashes are computed
/// again, so that a test may change voices and faces after they were built.
///
/// # Errors
/// As [`PairWriter`].
pub fn write(path: &Path, pairs: &[Pair]) -> Result<(), PairsError> {
    let first = pairs.first().map(|pair| (pair.face_space.as_str(), pair.feature.len()));
    let (space, dimension) = first.unwrap_or((SPACE, DIMENSION));
    let info = PairFileInfo {
        face_space: space.to_owned(),
        face_dimension: dimension,
        splits_sha256: "of the table".into(),
    };
    let mut writer = PairWriter::create(path, &info)?;
    for pair in pairs {
        let mut pair = pair.clone();
        pair.info.audio_sha256.clear();
        pair.info.face_sha256.clear();
        writer.push(&pair)?;
    }
    writer.finish()
}

/// Writes pairs to one file and opens it.
///
/// # Panics
/// If the pairs cannot be written or are refused.
#[track_caller]
pub fn set(path: &Path, pairs: &[Pair]) -> PairSet {
    write(path, pairs).unwrap();
    PairSet::open(path).unwrap()
}

/// Files of five [`varied`] pairs each in `folder`, whose order is not that of their names.
///
/// # Panics
/// If they cannot be written.
pub fn parts(folder: &Path, count: u64) -> Vec<PathBuf> {
    let one = |number: u64| {
        let path = folder.join(format!("part-{}.parquet", 99 - number));
        write(&path, &varied(5 * number, 5)).unwrap();
        path
    };
    (0..count).map(one).collect()
}
