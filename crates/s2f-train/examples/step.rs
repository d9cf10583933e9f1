//! How fast the voice encoder trains: forward pass, the paper's three losses, backward pass, Adam.
//!
//!     cargo run --release -p s2f-train --example step -- compact 32 298 cpu float32 20
//!
//! Preset, batch, frames, device, precision, steps. Prints one line of JSON: steps per second by
//! the median step, and the seconds of each step. `benches/train_step.py` runs it beside PyTorch.
#![allow(clippy::print_stdout, reason = "it prints its result")]

use std::time::Instant;

use burn::optim::AdamConfig;
use burn::tensor::{Device, Distribution, Tensor};
use s2f_nn::losses::{decoder_loss, direction_loss, distillation_loss};
use s2f_nn::voice_encoder::BINS;
use s2f_nn::{FaceDecoderConfig, VggFaceConfig, VoiceEncoder, VoiceEncoderConfig};
use s2f_train::devices::{Compute, ComputePrecision, Devices, LossScope, Output, Replica};
use serde_json::{Value, json};

/// Steps that are not timed: memory is allocated and kernels are tuned.
const WARM_UP: usize = 2;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [preset, batch, frames, devices, precision, steps] = arguments.as_slice() else {
        return Err("usage: step PRESET BATCH FRAMES DEVICE PRECISION STEPS".into());
    };
    let (batch, frames, steps) = (batch.parse()?, frames.parse()?, steps.parse()?);
    let devices: Devices = devices.parse()?;
    let precision: ComputePrecision = serde_json::from_value(Value::from(precision.as_str()))?;
    let name = devices.name();
    let mut compute = Compute::new(devices, precision)?;
    let seconds = run(&mut compute, preset, batch, frames, steps)?;
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "preset": preset, "batch": batch, "frames": frames, "device": name,
            "precision": precision, "steps_per_second": 1.0 / sorted[sorted.len() / 2],
            "seconds": seconds,
        })
    );
    Ok(())
}

/// Seconds of each step.
fn run(
    compute: &mut Compute,
    preset: &str,
    batch: usize,
    frames: usize,
    steps: usize,
) -> Result<Vec<f64>, Failure> {
    let (config, hidden) = match preset {
        "paper" => (VoiceEncoderConfig::paper(), FaceDecoderConfig::paper().hidden),
        "compact" => (VoiceEncoderConfig::compact(), FaceDecoderConfig::compact(1).hidden),
        other => return Err(format!("no preset is called {other}; hint: paper or compact").into()),
    };
    let plain = compute.devices().first().clone();
    let (shards, dimension) = (compute.devices().count(), config.width()?);
    let mut network = config.init(&plain.clone().autodiff())?;
    let mut optimizer = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-4).init();
    // Frozen linear layers of the losses; any weights take the same time.
    let frozen = |width: usize, device: &Device| -> Tensor<2> {
        Tensor::random([dimension, width], Distribution::Normal(0.0, 0.01), device)
    };
    let data: Vec<[Tensor<4>; 2]> = (0..shards)
        .map(|_| {
            let normal = Distribution::Normal(0.0, 1.0);
            let voices = Tensor::random([batch / shards, 2, frames, BINS], normal, &plain);
            [voices, Tensor::random([batch / shards, dimension, 1, 1], normal, &plain)]
        })
        .collect();
    let layers: Vec<[Tensor<2>; 2]> = (0..shards)
        .map(|_| [hidden, VggFaceConfig::paper().persons].map(|n| frozen(n, &plain)))
        .collect();

    let mut seconds = Vec::with_capacity(steps);
    for step in 0..WARM_UP + steps {
        let start = Instant::now();
        let forward = |replica: &Replica<'_, VoiceEncoder>, [voices, _]: &[Tensor<4>; 2]| {
            let here = replica.device.clone().inner();
            (replica.module.forward(voices.clone().to_device(&here).autodiff()), ())
        };
        let loss =
            |replica: &Replica<'_, VoiceEncoder>, [_, faces]: [Tensor<4>; 2], found: Output, ()| {
                let here = replica.device.clone().inner();
                let (voice, face) =
                    (found.own, faces.to_device(&here).autodiff().flatten::<2>(1, 3));
                let [decoder, identities] =
                    layers[replica.index].clone().map(|layer| layer.to_device(&here).autodiff());
                let apply = |x: &Tensor<2>, layer: &Tensor<2>| x.clone().matmul(layer.clone());
                let terms = [
                    decoder_loss(apply(&face, &decoder), apply(&voice, &decoder)),
                    direction_loss(face.clone(), voice.clone()),
                    distillation_loss(apply(&face, &identities), apply(&voice, &identities)),
                ];
                let [decoder, direction, distillation] = terms.clone();
                ((decoder + direction + distillation) / shards as f64, terms)
            };
        let backward = compute.backward(&network, data.clone(), LossScope::Shard, forward, loss)?;
        // A training loop reads its losses, which waits for the device.
        for loss in backward.aux.iter().flatten() {
            loss.clone().into_scalar::<f32>();
        }
        (network, _) = compute.step(network, &mut optimizer, 1e-3, backward);
        plain.sync()?;
        if step >= WARM_UP {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(seconds)
}
