//! A distribution of faces trained on pairs that the test makes: bursts of a tone, whose pitch
//! determines the face.

use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::FaceSpace;
use s2f_pairs::Split;
use s2f_testing::pairs::{self, sample};
use s2f_train::devices::Devices;
use s2f_train::{
    Invocation, TrainError, TrainEvent, VoiceEncoderScores, VoiceEncoderTraining, read,
    train_voice_encoder,
};
use speech2face::audio::{Limits, decode};
use speech2face::{Device, Speech2Face, VoicePolicy, sample_features};

use crate::{first_and_last, one_at_a_time};

/// Seconds of each voice.
const SECONDS: f64 = 2.0;
/// A network of some thousand weights.
const CONVOLUTIONS: &str = r#"network={ input = "magnitude", layers = [
    { channels = 8, stride = [4, 2], pool = false },
    { channels = 16, stride = [2, 2], pool = false },
    { channels = 16, stride = [2, 2], pool = false },
], batch_norm = true }"#;
/// A speaker encoder of some thousand weights.
const SPEAKER_ENCODER: &str =
    "network={ speaker_encoder = { layers = 1, hidden = 16, output = 32 } }";

/// The values of one person's face before it has unit length: each differs between people.
fn face(speaker: usize) -> impl Fn(usize) -> f32 {
    move |dimension| ((speaker * 37 + dimension * 11) as f32).sin()
}

/// One pair of each of some people.
fn people(split: Split, numbers: std::ops::Range<usize>) -> Vec<s2f_pairs::Pair> {
    let space = FaceSpace::mobileface();
    let one = |speaker: usize| {
        let pitch_hz = 100.0 * 1.2_f64.powi((speaker % 12) as i32);
        let wave = |n: usize| {
            let seconds = n as f64 / 16_000.0;
            let loud = if (seconds * 4.0).fract() < 0.6 { 1.0 } else { 0.001 };
            let tone = (std::f64::consts::TAU * pitch_hz * seconds).sin().powi(3);
            (0.5 * loud * tone) as f32
        };
        sample(&format!("pair{speaker:02}"), &format!("speaker{speaker:02}"), split)
            .wave(SECONDS, wave)
            .unit_feature(&space.name, space.dimension, face(speaker))
            .build()
    };
    numbers.map(one).collect()
}

/// Ten people to train on, and eight others.
fn ten_pairs(folder: &Path) -> PathBuf {
    let path = folder.join("pairs.parquet");
    let pairs = [
        people(Split::Train, 0..10),
        people(Split::Validation, 10..14),
        people(Split::Test, 14..18),
    ];
    pairs::write(&path, &pairs.concat()).unwrap();
    path
}

fn config(pairs: &Path, settings: &[&str]) -> VoiceEncoderTraining {
    let path = s2f_testing::project("configs/contrastive.toml");
    let pairs = format!("data.pairs.path={}", pairs.display());
    let clips = format!("clips={{ seconds = {SECONDS}, anywhere = false }}");
    let own = [
        pairs.as_str(),
        clips.as_str(),
        "distribution={ components = 2, rank = 3 }",
        "losses={ direction = 0.0, contrastive = 0.0, likelihood = 1.0 }",
        "optimisation.batch=10",
        "watch={ checkpoint_every = 0, validate_every = 0, sheet_every = 0 }",
    ];
    let all: Vec<String> = own.iter().chain(settings).map(|s| (*s).to_owned()).collect();
    let text = fs::read_to_string(path).unwrap();
    // Without the layers after the trunk, which no setting can remove.
    let text = text.replace("hidden = 256\noutput = 256\n", "");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    read(file.path(), &all).unwrap()
}

fn train(pairs: &Path, out: &Path, settings: &[&str]) -> Result<VoiceEncoderScores, TrainError> {
    train_voice_encoder(
        &config(pairs, settings),
        out,
        Devices::cpu(),
        &Invocation::default(),
        |_| (),
    )
    .map(Option::unwrap)
}

#[test]
fn ten_pairs_are_learnt_by_either_trunk() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    // Without a validation split: calibration would find that these faces tell nothing of others.
    let path = folder.path().join("train.parquet");
    pairs::write(&path, &people(Split::Train, 0..10)).unwrap();
    for (name, network) in [("convolutions", CONVOLUTIONS), ("speaker-encoder", SPEAKER_ENCODER)] {
        let out = folder.path().join(name);
        let settings = [network, "optimisation.steps=300", "optimisation.learning_rate=0.01"];
        train(&path, &out, &settings).unwrap();
        let (before, after) = first_and_last(&out, "likelihood");
        assert!(after < before - 1.0, "{name}: nats per dimension went from {before} to {after}");

        let model = Speech2Face::open(&out.join("model"), &Device::flex()).unwrap();
        let pairs = people(Split::Train, 0..10);
        let voices: Vec<_> = pairs
            .iter()
            .map(|pair| decode(pair.audio.clone(), "voice", &Limits::default()).unwrap())
            .collect();
        let prior = model.prior().unwrap();
        // The clips that it was trained on: ten people teach it nothing about other windows.
        let policy = VoicePolicy { window_s: SECONDS, ..VoicePolicy::first_clip() };
        let found = model.distributions(&voices, &policy).unwrap();
        let (mut gains, mut right) = (0.0, 0);
        for (pair, faces) in pairs.iter().zip(&found) {
            let mean = faces.mean_feature();
            let cosine = |other: &s2f_pairs::Pair| -> f32 {
                mean.iter().zip(&other.feature).map(|(a, b)| a * b).sum()
            };
            let own = cosine(pair);
            right += usize::from(pairs.iter().all(|other| cosine(other) <= own));
            gains += faces.log_density(&pair.feature).unwrap()
                - prior.log_density(&pair.feature).unwrap();
        }
        // By chance, one mean is nearest to its own face.
        assert!(right >= 8 && gains > 50.0, "{name}: {right} of 10, {gains} nats");
        // Sampled faces are drawn.
        let samples = sample_features(&found[0], 2, 1, 1.0).unwrap();
        let drawn = samples.iter().map(|sample| model.decode(sample, 0.0).unwrap().picture.rgb);
        let drawn: Vec<Vec<u8>> = drawn.collect();
        assert_ne!(drawn[0], drawn[1]);
    }
}

#[test]
fn an_interrupted_run_gives_the_same_bytes() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let path = ten_pairs(folder.path());
    let settings = |steps: &'static str| {
        let schedule = "optimisation.schedule={ decay = { factor = 0.5, every = 3 } }";
        [CONVOLUTIONS, schedule, "losses.contrastive=0.1", steps]
    };
    let [long, short] = ["long", "short"].map(|name| folder.path().join(name));
    train(&path, &long, &settings("optimisation.steps=6")).unwrap();
    train(&path, &short, &settings("optimisation.steps=4")).unwrap();
    let files = |run: &Path| {
        ["model/model.safetensors", "model/config.json", "scores.json"]
            .map(|name| fs::read(run.join(name)).unwrap())
    };
    assert!(files(&long) != files(&short));
    train(&path, &short, &settings("optimisation.steps=6")).unwrap();
    assert!(files(&long) == files(&short));
}

#[test]
fn a_distribution_is_calibrated_on_the_validation_split() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let reliability = |out: &Path| {
        let model = Speech2Face::open(&out.join("model"), &Device::flex()).unwrap();
        model.config().face_distribution.as_ref().unwrap().reliability
    };
    let path = ten_pairs(folder.path());
    let [with, without] = ["with", "without"].map(|name| folder.path().join(name));
    let settings = [CONVOLUTIONS, "optimisation.steps=3"];
    let VoiceEncoderScores::Test(scores) = train(&path, &with, &settings).unwrap() else {
        panic!("pairs have a test split")
    };
    assert!(scores.iter().all(|scores| scores.log_density.is_some()), "{scores:?}");
    assert!(reliability(&with).is_some());

    let path = folder.path().join("train.parquet");
    pairs::write(&path, &people(Split::Train, 0..10)).unwrap();
    let mut notes = Vec::new();
    train_voice_encoder(
        &config(&path, &settings),
        &without,
        Devices::cpu(),
        &Invocation::default(),
        |event| {
            if let TrainEvent::Note(note) = event {
                notes.push(note.clone());
            }
        },
    )
    .unwrap();
    assert!(notes.iter().any(|note| note.contains("not calibrated")), "{notes:?}");
    assert_eq!(reliability(&without), None);
}

#[test]
fn a_distribution_can_be_trained_on_the_frozen_trunk_of_another_run() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let path = ten_pairs(folder.path());
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let settings = [CONVOLUTIONS, "optimisation.steps=2"];
    train(&path, &first, &settings).unwrap();
    let start = format!("start={{ model = '{}', freeze_trunk = true }}", first.display());
    train(&path, &second, &[&settings[..], &[start.as_str()]].concat()).unwrap();
    let tensor = |run: &Path, name: &str| {
        let bytes = fs::read(run.join("model/model.safetensors")).unwrap();
        safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec()
    };
    let trunk = "voice_encoder.convolutions.0.weight";
    assert_eq!(tensor(&first, trunk), tensor(&second, trunk));
    let means = "face_distribution.means.weight";
    assert_ne!(tensor(&first, means), tensor(&second, means));
}
