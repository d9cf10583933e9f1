//! Both loops for some seconds on real portraits and recordings, which are not part of the
//! repository: they must learn something, and write a model that loads.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failing test panics")]

mod distribution;
mod optimisation;
mod pairs;
mod processes;
mod reference;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Tensor};
use s2f_nn::{ModelConfig, weights};
use s2f_train::devices::Devices;
use s2f_train::{
    Invocation, TrainEvent, VoiceEncoderScores, read, train_face_decoder, train_voice_encoder,
};

/// Weights are drawn from a global generator, which a training seeds.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TRAINING: Mutex<()> = Mutex::new(());
    TRAINING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of test data, if it has what these tests need.
fn test_data() -> Option<PathBuf> {
    s2f_testing::data("data/faces/canada/people.csv")?;
    s2f_testing::data("models/mobileface")?;
    s2f_testing::data("")
}

fn experiment(name: &str) -> PathBuf {
    s2f_testing::project("configs/convolutional").join(name)
}

/// Mean of a loss over the first three and over the last three steps.
fn first_and_last(folder: &Path, loss: &str) -> (f64, f64) {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    // Lines of validations have no losses.
    let values: Vec<f64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()[loss].as_f64())
        .collect();
    let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
    (mean(&values[..3]), mean(&values[values.len() - 3..]))
}

#[test]
fn both_loops_learn_and_write_a_model() {
    let Some(root) = test_data() else { return };
    let _alone = one_at_a_time();
    let out = std::env::temp_dir().join(format!("s2f-train-{}", std::process::id()));
    let (faces, voices) = (out.join("faces"), out.join("voices"));

    let settings = [
        format!("data.root={}", root.join("data/faces").display()),
        format!("data.models={}", root.join("models").display()),
        "data.folders=[{ path = \"canada\", gain = [0.6, 0.64, 0.608], saturation = 0.7 }]".into(),
        "data.held_out=4".into(),
        "morphing.pool=40".into(),
        "network.texture={ basis = { components = 8, hidden = 32 } }".into(),
        "losses.identity_batch=2".into(),
        "optimisation.steps=24".into(),
        "optimisation.batch=8".into(),
    ];
    let config = read(&experiment("face-decoder.toml"), &settings).unwrap();
    let mut steps = 0;
    let count = |event: &TrainEvent| steps += usize::from(matches!(event, TrainEvent::Step { .. }));
    let scores =
        train_face_decoder(&config, &faces, &Devices::cpu(), &Invocation::default(), count)
            .unwrap();
    assert_eq!((steps, scores.people), (24, 4));
    let (before, after) = first_and_last(&faces, "texture");
    assert!(after < before, "texture loss went from {before} to {after}");
    assert!(fs::read(faces.join("morphs.png")).unwrap().starts_with(b"\x89PNG"));

    let settings = [
        format!("data.recordings.root={}", root.join("data/voices").display()),
        format!("data.recordings.models={}", root.join("models").display()),
        format!("face_decoder={}", faces.display()),
        "data.recordings.folders=[\"alphanumeric\"]".into(),
        "data.recordings.held_out=0.1".into(),
        "optimisation.steps=10".into(),
        "optimisation.batch=8".into(),
    ];
    let config = read(&experiment("voice-encoder.toml"), &settings).unwrap();
    let scores =
        train_voice_encoder(&config, &voices, Devices::cpu(), &Invocation::default(), |_| ())
            .unwrap();
    let Some(VoiceEncoderScores::Corpora(corpora)) = scores else { panic!("{scores:?}") };
    assert_eq!(corpora.len(), 1);
    let (before, after) = first_and_last(&voices, "direction");
    assert!(after < before, "direction loss went from {before} to {after}");

    let config: ModelConfig =
        serde_json::from_slice(&fs::read(voices.join("model/config.json")).unwrap()).unwrap();
    let model = config.init(&Device::flex()).unwrap();
    let model = weights::load_file(model, &voices.join("model/model.safetensors")).unwrap();
    let feature = Tensor::<2>::zeros([1, 256], &Device::flex());
    let picture = model.face_decoder.render(model.face_decoder.forward(feature));
    assert_eq!(picture.dims(), [1, 3, 224, 224]);
    fs::remove_dir_all(out).unwrap();
}

/// A run on recordings ends with scores that an independent network computes: they are computed on
/// the device that the model is on.
#[cfg(feature = "ndarray")]
#[test]
fn a_second_backend_trains_on_recordings_and_scores() {
    let Some(root) = test_data() else { return };
    let _alone = one_at_a_time();
    let out = tempfile::tempdir().unwrap();
    let faces = out.path().join("faces");
    let settings = [
        format!("data.root={}", root.join("data/faces").display()),
        format!("data.models={}", root.join("models").display()),
        "data.folders=[{ path = \"canada\", gain = [0.6, 0.64, 0.608], saturation = 0.7 }]".into(),
        "data.held_out=2".into(),
        "morphing.pool=4".into(),
        "network.texture={ basis = { components = 4, hidden = 8 } }".into(),
        "losses.identity_batch=1".into(),
        "optimisation.steps=1".into(),
        "optimisation.batch=2".into(),
    ];
    let config = read(&experiment("face-decoder.toml"), &settings).unwrap();
    train_face_decoder(&config, &faces, &Devices::cpu(), &Invocation::default(), |_| ()).unwrap();
    let settings = [
        format!("data.recordings.root={}", root.join("data/voices").display()),
        format!("data.recordings.models={}", root.join("models").display()),
        format!("face_decoder={}", faces.display()),
        "data.recordings.folders=[\"alphanumeric\"]".into(),
        "data.recordings.held_out=0.1".into(),
        "optimisation.steps=2".into(),
        "optimisation.batch=4".into(),
    ];
    let config = read(&experiment("voice-encoder.toml"), &settings).unwrap();
    #[allow(deprecated, reason = "the only other backend that runs everywhere")]
    let devices = Devices::one("ndarray", Device::ndarray());
    train_voice_encoder(
        &config,
        &out.path().join("voices"),
        devices,
        &Invocation::default(),
        |_| (),
    )
    .unwrap();
}
