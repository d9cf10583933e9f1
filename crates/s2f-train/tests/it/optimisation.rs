//! Gradient accumulation, clipping and the moving average of the weights, in runs on pairs.

use std::fs;
use std::path::Path;

use s2f_testing::largest_difference;
use safetensors::SafeTensors;

use crate::pairs::Training;

/// Without batch normalisation, whose statistics are those of a part of a batch.
pub(crate) const PLAIN: &str = r#"network={ input = "magnitude", hidden = 32, output = 256,
    layers = [
    { channels = 4, stride = [4, 2], pool = false },
    { channels = 8, stride = [2, 2], pool = false },
], batch_norm = false }"#;
const STEADY: &str = "optimisation.schedule={ decay = { factor = 1.0, every = 100 } }";
const DIRECTION: &str = "losses={ direction = 1.0 }";

/// A value of each step of a run.
pub(crate) fn values(training: &Training, run: &str, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(training.path(run).join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter_map(|line| line[name].as_f64()).collect()
}

/// All values of a weights file, tensor by tensor.
pub(crate) fn tensors(file: &Path) -> Vec<f32> {
    let bytes = fs::read(file).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let of = |name: &str| {
        let data = file.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect::<Vec<_>>()
    };
    names.into_iter().flat_map(of).collect()
}

#[test]
fn a_batch_in_parts_has_the_gradient_of_the_whole() {
    let training = Training::new();
    let parts = |parts: usize| format!("optimisation.gradient_accumulation={parts}");
    let settings = |of: &str, losses: &str| {
        let settings = [PLAIN, STEADY, losses, "optimisation.steps=3", of].map(str::to_owned);
        move |run: &str, training: &Training| {
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            training.train(run, &settings).unwrap();
        }
    };
    // InfoNCE compares all 16 voices with each other, whatever the parts: by chance ln 16.
    let contrastive = "losses={ direction = 0.0, contrastive = 1.0 }";
    for (losses, name) in [(DIRECTION, "direction"), (contrastive, "contrastive")] {
        settings(&parts(1), losses)(&format!("{name}-whole"), &training);
        settings(&parts(4), losses)(&format!("{name}-parts"), &training);
        for value in [name, "gradient_norm"] {
            let of = |run: &str| values(&training, &format!("{name}-{run}"), value);
            let (whole, in_parts) = (of("whole"), of("parts"));
            assert_eq!((whole.len(), in_parts.len()), (3, 3));
            for (a, b) in whole.iter().zip(&in_parts) {
                assert!((a / b - 1.0).abs() < 1e-3, "{value}: {whole:?} and {in_parts:?}");
            }
        }
    }
    let first = values(&training, "contrastive-parts", "contrastive")[0];
    assert!((first - 16_f64.ln()).abs() < 0.5, "{first}");
}

#[test]
fn the_norm_before_clipping_is_logged_and_the_step_is_shorter() {
    let training = Training::new();
    let settings = |clip: &'static str| {
        [PLAIN, STEADY, DIRECTION, "optimisation.steps=2", "watch.checkpoint_every=1", clip]
    };
    // Adam divides by the size of the gradient: the first step is as long, unless epsilon is large.
    let adam = "optimisation.optimizer={ adam = { beta_1 = 0.0, beta_2 = 0.0, epsilon = 1e6 } }";
    let rate = "optimisation.learning_rate=1e6";
    let train = |run, clip| {
        let settings = [&settings(clip)[..], &[adam, rate]].concat();
        training.train(run, &settings).unwrap();
    };
    train("free", "optimisation.clip_gradient_norm=1e9");
    let norm = values(&training, "free", "gradient_norm")[0];
    train("clipped", "optimisation.clip_gradient_norm=0.001");
    assert_eq!(values(&training, "clipped", "gradient_norm")[0], norm);
    assert!(norm > 0.001, "{norm}");
    // Adam with such an epsilon makes steps of the gradient itself: from step 1 to step 2 the
    // weights move by 0.001.
    let after = |step: usize| {
        let name = format!("checkpoints/step-{step:06}/weights.safetensors");
        tensors(&training.path("clipped").join(name))
    };
    let moved: f64 = after(1).iter().zip(after(2)).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    assert!((moved.sqrt() / 0.001 - 1.0).abs() < 0.02, "{}", moved.sqrt());
}

#[test]
fn the_moving_average_is_scored_saved_and_resumed() {
    let training = Training::new();
    let settings = |steps: &'static str| {
        let ema = "optimisation.ema_decay=0.75";
        let watch = "watch={ checkpoint_every = 1, validate_every = 1, sheet_every = 0 }";
        [STEADY, watch, ema, "optimisation.learning_rate=0.01", steps]
    };
    training.train("run", &settings("optimisation.steps=4")).unwrap();
    let file = |step: usize, name: &str| {
        let folder = training.path("run").join(format!("checkpoints/step-{step:06}"));
        tensors(&folder.join(format!("{name}.safetensors")))
    };
    // The recursion by hand, on what the two newest checkpoints hold.
    let expected: Vec<f32> = file(3, "ema")
        .iter()
        .zip(file(4, "weights"))
        .map(|(average, weights)| 0.75 * average + 0.25 * weights)
        .collect();
    let found = file(4, "ema");
    assert!(largest_difference(&found, &expected) < 1e-6);
    assert!(largest_difference(&found, &file(4, "weights")) > 1e-3);

    // The best and the saved weights are the average's: as many bytes, and in half precision.
    let best = fs::read(training.path("run/checkpoints/best/best.json")).unwrap();
    let best: serde_json::Value = serde_json::from_slice(&best).unwrap();
    let step = best["step"].as_u64().unwrap() as usize;
    if step >= 3 {
        let kept = format!("run/checkpoints/best/step-{step:06}.safetensors");
        assert_eq!(tensors(&training.path(&kept)), file(step, "ema"));
    }
    let name = "voice_encoder.hidden.weight";
    let model = training.weights("run");
    let model = SafeTensors::deserialize(&model).unwrap();
    let saved: Vec<f32> = (model.tensor(name).unwrap().data().chunks_exact(2))
        .map(|x| half(u16::from_le_bytes([x[0], x[1]])))
        .collect();
    let of_checkpoint = |file: &str| {
        let path = training.path(&format!("run/checkpoints/step-000004/{file}.safetensors"));
        let bytes = fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect::<Vec<_>>()
    };
    assert!(largest_difference(&saved, &of_checkpoint("ema")) < 1e-3);
    assert!(largest_difference(&saved, &of_checkpoint("weights")) > 1e-3);

    training.train("extended", &settings("optimisation.steps=2")).unwrap();
    training.train("extended", &settings("optimisation.steps=4")).unwrap();
    assert_eq!(training.weights("run"), training.weights("extended"));
    let last = |run: &str| {
        let folder = training.path(run).join("checkpoints/step-000004");
        ["weights.safetensors", "ema.safetensors"].map(|name| fs::read(folder.join(name)).unwrap())
    };
    assert!(last("run") == last("extended"));
}

/// A value of a half-precision number, without infinities.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    match exponent {
        0 => sign * fraction * 2_f32.powi(-14),
        _ => sign * (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}
