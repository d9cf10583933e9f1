//! The voice encoder on pairs that the test makes: tones whose pitch determines the face's feature,
//! so that there is something to learn.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use s2f_core::FaceSpace;
use s2f_pairs::{PairSet, Split};
use s2f_testing::pairs::{self, sample};
use s2f_testing::without_speed;
use s2f_train::devices::Devices;
use s2f_train::{
    Invocation, PairScores, TrainError, TrainEvent, VoiceEncoderScores, VoiceEncoderTraining, read,
    train_voice_encoder,
};
use speech2face::burn::tensor::Tensor;
use speech2face::nn::SpeakerEncoder;
use speech2face::{DataId, Device, RunFolder, Speech2Face, TrainingRecord};

use crate::one_at_a_time;

/// Seconds of each voice.
const SECONDS: f64 = 1.5;

/// A network of some thousand weights.
const NETWORK: &str = r#"network={ input = "magnitude", hidden = 32, output = 256, layers = [
    { channels = 4, stride = [4, 2], pool = false },
    { channels = 8, stride = [2, 2], pool = false },
    { channels = 8, stride = [2, 2], pool = false },
], batch_norm = true }"#;

/// Pairs of `speakers` people, two each. One in four people is for validation, one in four for the
/// test.
fn write_pairs(path: &Path, speakers: usize, space: &str, leak: bool) {
    let dimension = FaceSpace::mobileface().dimension;
    let one = |number: usize| {
        let speaker = number / 2;
        // From 100 to 800 Hz, people in no order.
        let place = (speaker * 7 % speakers) as f64 / speakers as f64;
        let pitch_hz = 100.0 * 8_f64.powf(place);
        let wave = |n: usize| {
            let turn = std::f64::consts::TAU * pitch_hz * n as f64 / 16_000.0 + number as f64;
            (0.3 * turn.sin()).powi(3) as f32 * 20.0
        };
        let angle = std::f64::consts::PI * place;
        let direction = |i: usize| match i {
            0 => angle.cos() as f32,
            1 => angle.sin() as f32,
            _ => 0.05,
        };
        let split = match speaker % 4 {
            _ if leak && number == 1 => Split::Test,
            0 | 1 => Split::Train,
            2 => Split::Validation,
            _ => Split::Test,
        };
        sample(&format!("pair{number:03}"), &format!("speaker{speaker:03}"), split)
            .wave(SECONDS, wave)
            .unit_feature(space, dimension, direction)
            .build()
    };
    pairs::write(path, &(0..2 * speakers).map(one).collect::<Vec<_>>()).unwrap();
}

pub(crate) struct Training {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Training {
    pub(crate) fn new() -> Self {
        let alone = one_at_a_time();
        let folder = tempfile::tempdir().unwrap();
        write_pairs(&folder.path().join("pairs.parquet"), 48, "mobileface-v2", false);
        Self { folder, _alone: alone }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self, settings: &[&str]) -> VoiceEncoderTraining {
        let path = s2f_testing::project("configs/contrastive.toml");
        let pairs = format!("data.pairs.path={}", self.path("pairs.parquet").display());
        let short = format!("clips.seconds={SECONDS}");
        let own = [
            &pairs,
            &short,
            NETWORK,
            "optimisation.batch=16",
            "watch={ checkpoint_every = 0, validate_every = 0, sheet_every = 0 }",
        ];
        let all = own.iter().chain(settings).map(|s| (*s).to_owned()).collect::<Vec<_>>();
        read(&path, &all).unwrap()
    }

    pub(crate) fn train(
        &self,
        run: &str,
        settings: &[&str],
    ) -> Result<VoiceEncoderScores, TrainError> {
        train_voice_encoder(
            &self.config(settings),
            &self.path(run),
            Devices::cpu(),
            &Invocation::default(),
            |_| (),
        )
        .map(Option::unwrap)
    }

    pub(crate) fn weights(&self, run: &str) -> Vec<u8> {
        fs::read(self.path(run).join("model/model.safetensors")).unwrap()
    }
}

/// The last of the scores on the test split.
fn last(scores: VoiceEncoderScores) -> PairScores {
    let VoiceEncoderScores::Test(mut scores) = scores else { panic!("{scores:?}") };
    scores.pop().unwrap()
}

#[test]
fn voices_find_the_faces_of_unseen_speakers() {
    let training = Training::new();
    let scores = last(training.train("run", &["optimisation.steps=120"]).unwrap());
    assert_eq!((scores.gallery, scores.probes), (12, 24));
    // Chance is 8 and 42 %.
    assert!(scores.recall.at_1 > 30.0 && scores.recall.at_5 > 80.0, "{scores:?}");
    for name in ["model/config.json", "voices.png", "metrics.jsonl", "environment.json"] {
        assert!(training.path("run").join(name).is_file(), "{name}");
    }
    let hash = s2f_core::hash::sha256(&training.weights("run"));
    for (name, hash) in [("voices.png", hash), ("sheets/held-out-000120.png", "0".repeat(64))] {
        let png = fs::read(training.path("run").join(name)).unwrap();
        let has = |text: &str| png.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(has("Description\0Synthetic image.") && has(&hash), "{name}");
    }
}

#[test]
fn an_extended_run_equals_a_longer_one() {
    let training = Training::new();
    let steady = "optimisation.schedule={ decay = { factor = 0.5, every = 3 } }";
    training.train("long", &[steady, "optimisation.steps=8"]).unwrap();
    training.train("extended", &[steady, "optimisation.steps=5"]).unwrap();
    assert_ne!(training.weights("long"), training.weights("extended"));
    training.train("extended", &[steady, "optimisation.steps=8"]).unwrap();
    assert_eq!(training.weights("long"), training.weights("extended"));
    let metrics =
        |run| without_speed(&fs::read_to_string(training.path(run).join("metrics.jsonl")).unwrap());
    let losses = |text: String| -> Vec<String> {
        text.lines().filter(|line| line.contains("contrastive")).map(str::to_owned).collect()
    };
    assert_eq!(losses(metrics("long")), losses(metrics("extended")));
}

#[test]
fn every_term_trains_and_is_logged_by_name() {
    let training = Training::new();
    let losses = "losses={ decoder = 1.0, direction = 1.0, contrastive = 1.0, feature = 1.0, \
                  pixel = 1.0, pixel_batch = 2, balance_losses_at = 2 }";
    let attended = "network.pooling=attention";
    let settings = [losses, attended, "clips.segments=2", "optimisation.steps=3"];
    let mut notes = Vec::new();
    let config = training.config(&settings);
    train_voice_encoder(
        &config,
        &training.path("run"),
        Devices::cpu(),
        &Invocation::default(),
        |event| {
            if let TrainEvent::Note(note) = event {
                notes.push(note.clone());
            }
        },
    )
    .unwrap();
    assert!(notes.iter().any(|note| note.starts_with("weights of the losses")), "{notes:?}");
    let metrics = fs::read_to_string(training.path("run/metrics.jsonl")).unwrap();
    let first = metrics.lines().next().unwrap();
    for term in ["decoder", "direction", "contrastive", "feature", "pixel"] {
        assert!(first.contains(&format!("\"{term}\":")), "{first}");
    }
}

#[test]
fn data_that_cannot_be_used_is_refused_with_the_reason() {
    let training = Training::new();
    let refusal = |settings: &[&str]| training.train("refused", settings).unwrap_err().to_string();
    let leaking = training.path("leaking.parquet");
    write_pairs(&leaking, 8, "mobileface-v2", true);
    let message = refusal(&[&format!("data.pairs.path={}", leaking.display())]);
    assert!(message.contains("speaker000 (train and test)"), "{message}");
    let other = training.path("other.parquet");
    write_pairs(&other, 8, "vgg-face-fc7", false);
    let message = refusal(&[&format!("data.pairs.path={}", other.display())]);
    assert!(message.contains("vgg-face-fc7") && message.contains("mobileface-v2"), "{message}");
    let message = refusal(&["optimisation.batch=500"]);
    assert!(message.contains("48 training pairs, a batch has 500"), "{message}");
    for key in ["augmentation.speed", "augmentation.pitch"] {
        let message = refusal(&[&format!("{key}=0.1")]);
        assert!(message.contains(key), "{message}");
    }
    let message = refusal(&["clips.seconds=1.0", "network.layers=[]"]);
    assert!(message.contains("layer"), "{message}");
    let message = refusal(&["start.model=missing"]);
    assert!(message.contains("missing"), "{message}");
    assert!(!training.path("refused").exists());
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_the_batch() {
    let training = Training::new();
    let error = training
        .train("run", &["optimisation.learning_rate=1e30", "optimisation.steps=20"])
        .unwrap_err();
    let TrainError::Diverged { step, ids, .. } = &error else { panic!("{error}") };
    assert!(*step > 1 && ids.len() == 16 && ids[0].starts_with("pair"), "{error}");
}

#[test]
fn a_run_that_does_not_improve_stops_and_keeps_its_best() {
    let training = Training::new();
    let watch = "watch={ checkpoint_every = 0, validate_every = 1, sheet_every = 0, patience = 3 }";
    // It learns nothing; only the running statistics settle.
    let config =
        training.config(&[watch, "optimisation.learning_rate=1e-12", "optimisation.steps=60"]);
    let mut stopped = None;
    train_voice_encoder(
        &config,
        &training.path("run"),
        Devices::cpu(),
        &Invocation::default(),
        |event| {
            if let TrainEvent::StoppedEarly { step, best } = event {
                stopped = Some((*step, *best));
            }
        },
    )
    .unwrap();
    let (step, best) = stopped.unwrap();
    assert!(step < 60 && step - best == 3, "stopped after {step}, best after {best}");
}

#[test]
fn training_starts_from_a_model_and_may_freeze_its_convolutions() {
    let training = Training::new();
    training.train("first", &["optimisation.steps=4"]).unwrap();
    let model = training.path("first/model");
    let start =
        |frozen| format!("start={{ model = '{}', freeze_trunk = {frozen} }}", model.display());
    training.train("frozen", &[&start(true), "optimisation.steps=2"]).unwrap();
    let tensor = |run: &str, name: &str| {
        let bytes = training.weights(run);
        safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec()
    };
    for name in ["convolutions.0.weight", "norms.1.running_mean"] {
        let name = format!("voice_encoder.{name}");
        assert_eq!(tensor("first", &name), tensor("frozen", &name), "{name}");
    }
    let name = "voice_encoder.hidden.weight";
    assert_ne!(tensor("first", name), tensor("frozen", name));

    // The record of the run that it started from is part of its own.
    let trained_on =
        |run: &str| RunFolder::open(&training.path(run)).unwrap().trained_on().unwrap();
    assert_eq!(trained_on("first"), [record(&training)]);
    assert_eq!(trained_on("frozen"), [record(&training), record(&training)]);

    let message = training
        .train("other", &[&start(false), "network.hidden=16", "optimisation.steps=2"])
        .unwrap_err()
        .to_string();
    assert!(message.contains("other layers"), "{message}");
}

#[test]
fn a_speaker_encoder_is_trained_or_frozen() {
    let training = Training::new();
    let network = "network={ speaker_encoder = { layers = 1, hidden = 8, output = 16 }, \
                   hidden = 32, output = 256 }";
    let settings = [network, "clips.seconds=1.6", "optimisation.steps=4"];
    let first = training.train("first", &settings).unwrap();
    assert!(last(first).recall.at_5.is_finite());
    let start = format!(
        "start={{ model = '{}', freeze_trunk = true }}",
        training.path("first/model").display()
    );
    training.train("frozen", &[&settings[..], &[&start]].concat()).unwrap();
    let tensor = |run: &str, name: &str| {
        let bytes = training.weights(run);
        let name = format!("voice_encoder.{name}");
        safetensors::SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensor(&name)
            .unwrap()
            .data()
            .to_vec()
    };
    let lstm = "lstm.0.state.weight";
    assert_eq!(tensor("first", lstm), tensor("frozen", lstm));
    assert_ne!(tensor("first", "hidden.weight"), tensor("frozen", "hidden.weight"));
    let free = start.replace("true", "false");
    training.train("free", &[&settings[..], &[&free]].concat()).unwrap();
    assert_ne!(tensor("first", lstm), tensor("free", lstm));

    let problem = |settings: &[&str]| training.train("none", settings).unwrap_err().to_string();
    let short = problem(&[network, "clips.seconds=1.5"]);
    assert!(short.contains("a clip has 151 frames of 10 ms; hint: use clips of at l"), "{short}");
    let published = problem(&[network, "clips.seconds=1.6", "start={ speaker_encoder = 'ge2e' }"]);
    assert!(published.contains("start.speaker_encoder"), "{published}");
    let both = problem(&["start={ model = 'compact', speaker_encoder = 'ge2e' }"]);
    assert!(both.contains("start.model"), "{both}");
}

#[test]
fn the_published_speaker_encoder_is_a_frozen_trunk() {
    let Some(file) = s2f_testing::data("models/ge2e/pretrained.pt") else { return };
    let training = Training::new();
    let network = "network={ speaker_encoder = { layers = 3, hidden = 256, output = 256 }, \
                   output = 256 }";
    let start = format!("start={{ speaker_encoder = '{}', freeze_trunk = true }}", file.display());
    let settings = [network, &start, "clips.seconds=1.6", "optimisation.steps=2"];
    training.train("run", &settings).unwrap();
    let model = Speech2Face::open(&training.path("run/model"), &Device::flex()).unwrap();
    let input = Tensor::<4>::ones([1, 1, 160, 40], &Device::flex());
    let found = model.networks().voice_encoder.trunk(input.clone());
    let published = SpeakerEncoder::from_pytorch(&file, &Device::flex()).unwrap();
    let expected = published.embed(input.squeeze_dim(1));
    // Weights of a model folder have 16 or 32 bits.
    assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-2);
}

/// The record of a run on the pairs of `training`.
fn record(training: &Training) -> TrainingRecord {
    let path = training.path("pairs.parquet").canonicalize().unwrap();
    let set = PairSet::open(&path).unwrap();
    let data = DataId::of_pairs(&set.speakers_sha256(), set.pairs());
    TrainingRecord::Pairs { path, data }
}

/// What training writes is what [`RunFolder`] reads.
#[test]
fn a_run_folder_states_what_the_run_was_trained_on() {
    let training = Training::new();
    training.train("run", &["optimisation.steps=1"]).unwrap();
    let run = RunFolder::open(&training.path("run")).unwrap();
    assert_eq!(run.trained_on().unwrap(), [record(&training)]);
    assert_eq!(run.model().unwrap(), training.path("run/model"));
    assert_eq!(run.environment().unwrap().device, "cpu");
}

/// The scores of a run are computed on the device that its model is on. Without the loss on
/// pixels: this backend has no gradient of the warp's interpolation.
#[cfg(feature = "ndarray")]
#[test]
fn a_second_backend_trains_and_scores() {
    let training = Training::new();
    #[allow(deprecated, reason = "the only other backend that runs everywhere")]
    let devices = Devices::one("ndarray", burn::tensor::Device::ndarray());
    let config = training.config(&[
        "optimisation.steps=3",
        "watch={ checkpoint_every = 0, validate_every = 1, sheet_every = 1 }",
    ]);
    let scores = train_voice_encoder(
        &config,
        &training.path("run"),
        devices,
        &Invocation::default(),
        |_| (),
    )
    .unwrap()
    .unwrap();
    assert!(last(scores).degrees.is_finite());
}
