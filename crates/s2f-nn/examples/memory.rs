//! Measures the peak memory of one training step on the CPU and prints the estimate of `cost`:
//! `cargo run --release -p s2f-nn --example memory -- compact 32` (Linux).
//!
//! Networks: compact, paper (clips of 3 s), distribution, decoder, paper-decoder, vgg-face. The
//! activations per input are the difference between two batches over the difference of their sizes.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Tensor};
use s2f_nn::voice_encoder::BINS;
use s2f_nn::{Cost, FaceDecoderConfig, FaceDistributionConfig, VggFaceConfig, VoiceEncoderConfig};

const FRAMES: usize = 298; // 3 s
const MIB: f64 = 1024.0 * 1024.0;

fn main() {
    let mut args = std::env::args().skip(1);
    let network = args.next().unwrap_or("compact".into());
    let batch = args.next().map_or(1, |batch| batch.parse().unwrap());
    let device = Device::flex().autodiff();
    let cost = match network.as_str() {
        "compact" => voice_encoder(&VoiceEncoderConfig::compact(), batch, &device),
        "paper" => voice_encoder(&VoiceEncoderConfig::paper(), batch, &device),
        "distribution" => face_distribution(batch, &device),
        "decoder" => face_decoder(&FaceDecoderConfig::compact(106), batch, &device),
        "paper-decoder" => face_decoder(&FaceDecoderConfig::paper(), batch, &device),
        _ => vgg_face(batch, &device),
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{network}, batch of {batch}: peak{peak}");
    println!(
        "estimate: parameters {:.0} MiB, activations {:.0} MiB, training {:.0} MiB",
        cost.parameter_bytes as f64 / MIB,
        cost.activation_bytes as f64 / MIB,
        cost.training_bytes() as f64 / MIB
    );
}

fn voice_encoder(config: &VoiceEncoderConfig, batch: usize, device: &Device) -> Cost {
    let network = config.init(device).unwrap();
    let x = Tensor::random([batch, 2, FRAMES, BINS], Distribution::Default, device);
    step(&network, network.forward(x).square().mean());
    config.cost(batch, FRAMES).unwrap()
}

fn face_distribution(batch: usize, device: &Device) -> Cost {
    let config = FaceDistributionConfig::compact();
    let network = config.init(device).unwrap();
    let random = |width: usize| Tensor::random([batch, width], Distribution::Default, device);
    let (embedding, feature) = (random(config.embedding), random(config.feature));
    let start = Instant::now();
    step(&network, network.log_likelihood(embedding, feature, None).mean());
    println!("{:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    config.cost(batch).unwrap()
}

fn face_decoder(config: &FaceDecoderConfig, batch: usize, device: &Device) -> Cost {
    let position = |i: usize| [40.0 + i as f32, 50.0 + (i * 37 % 100) as f32];
    let mean: Vec<_> = (0..config.landmarks.count).map(position).collect();
    let edge = |i: usize| [i as f32 * 14.0, if i.is_multiple_of(2) { -32.0 } else { 250.0 }];
    let border: Vec<_> = (0..16).map(edge).collect();
    let network = config.init(&mean, &border, device).unwrap();
    let feature = Tensor::random([batch, config.feature], Distribution::Default, device);
    step(&network, network.render(network.forward(feature)).square().mean());
    config.cost(batch).unwrap()
}

fn step<M: Module + Clone>(network: &M, loss: Tensor<1>) {
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    AdamConfig::new().init().step(1e-3, network.clone(), gradients);
}

/// Frozen, with gradients of the faces; fully connected layers are narrow, so that the weights do
/// not hide the activations.
fn vgg_face(batch: usize, device: &Device) -> Cost {
    let config = VggFaceConfig { hidden: 64, ..VggFaceConfig::paper() };
    let network = config.init(device).unwrap().freeze();
    let faces = Tensor::<4>::random([batch, 3, 224, 224], Distribution::Default, device);
    let faces = faces.require_grad();
    let gradients = network.fc7(faces.clone()).square().mean().backward();
    assert!(faces.grad(&gradients).is_some());
    config.cost(batch).unwrap()
}
