use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution};
use s2f_testing::data;

use super::*;
use crate::ConfigError;
use crate::tests::{cpu, largest_difference, npy};
use crate::weights::{Precision, load, save};

const FOLDER: &str = "models/reference/ge2e";

fn tiny() -> SpeakerEncoderConfig {
    SpeakerEncoderConfig { layers: 2, hidden: 6, output: 5 }
}

fn published(device: &Device) -> Option<SpeakerEncoder> {
    let path = data("models/ge2e/pretrained.pt")?;
    Some(SpeakerEncoder::from_pytorch(&path, device).unwrap())
}

#[test]
fn the_published_network_has_1_42_million_parameters() {
    let config = SpeakerEncoderConfig::ge2e();
    let network = config.init(&cpu()).unwrap();
    // (40 + 256 + 2)·1024 + 2·(256 + 256 + 2)·1024 + 257·256.
    assert_eq!(network.num_params(), 1_423_616);
    assert_eq!(config.cost(1, 601).unwrap().parameters, 1_423_616);
}

#[test]
fn published_weights_give_the_published_embeddings() {
    let device = cpu();
    let Some(network) = published(&device) else { return };
    let mel = npy::<2>(&format!("{FOLDER}/mel_f32.npy"), &device); // [617, 40]
    // Float32 sums through three layers and 160 frames; values up to 0.3.
    const TOLERANCE: f32 = 1e-4;

    let first = mel.clone().narrow(0, 0, PARTIAL_FRAMES).unsqueeze::<3>();
    let expected = npy::<1>(&format!("{FOLDER}/first_160_frames_embedding_f32.npy"), &device);
    let found = network.forward(first);
    assert!(largest_difference(found, expected.unsqueeze()) < TOLERANCE);

    let slices = data(&format!("{FOLDER}/slices_i64.npy")).unwrap();
    // In samples; a frame has 160.
    let slices = s2f_testing::npy::<i64>(&slices).values;
    let starts: Vec<usize> = slices.chunks(2).map(|slice| slice[0] as usize / 160).collect();
    let last = starts.last().unwrap() + PARTIAL_FRAMES;
    let [frames, _] = mel.dims();
    assert!(last > frames, "the recording ends in the last partial");
    let whole = starts.iter().filter(|&&start| start + PARTIAL_FRAMES <= frames);
    let partials = whole.map(|&start| mel.clone().narrow(0, start, PARTIAL_FRAMES).unsqueeze());
    let found = network.forward(Tensor::cat(partials.collect(), 0)); // [6, 256]
    let expected = npy::<2>(&format!("{FOLDER}/partial_embeddings_f32.npy"), &device);
    assert!(largest_difference(found, expected.narrow(0, 0, 6)) < TOLERANCE);
}

#[test]
fn another_file_is_refused() {
    let Some(path) = data("models/mobileface/MobileFace_Identification_V2-0000.params") else {
        return;
    };
    let problem = SpeakerEncoder::from_pytorch(&path, &cpu()).unwrap_err().to_string();
    assert!(problem.contains("V2-0000.params: not a complete PyTorch checkpoint"), "{problem}");
}

#[test]
fn partials_cover_a_clip_and_overlap_by_half() {
    for frames in [160, 161, 240, 241, 400, 601, 60_001] {
        let starts = partial_starts(frames);
        assert_eq!((starts[0], starts.last().unwrap() + PARTIAL_FRAMES), (0, frames));
        let hops = starts.windows(2).map(|pair| pair[1] - pair[0]);
        // Evenly spaced up to rounding; only a clip hardly longer than a partial overlaps more.
        assert!(hops.clone().all(|hop| (1..=PARTIAL_HOP).contains(&hop)), "{frames}: {starts:?}");
        assert!(hops.clone().max() <= hops.min().map(|hop| hop + 1), "{frames}: {starts:?}");
    }
}

/// Without gradients, a CPU takes another way to the same states.
#[test]
fn steps_without_gradients_are_those_with_gradients() {
    let device = cpu();
    device.seed(3);
    for (frames, batch, hidden) in [(1, 1, 1), (5, 3, 6), (9, 4, 16), (160, 7, 64), (20, 13, 40)] {
        let config = SpeakerEncoderConfig { layers: 2, hidden, output: 5 };
        let network = config.init(&device).unwrap();
        let normal = Distribution::Normal(0.0, 2.0);
        let x = Tensor::<3>::random([frames, batch, BANDS], normal, &device);
        let found = network.packed.last_states(&network.lstm, &x).unwrap();
        let difference = largest_difference(found, network.last_states(x));
        assert!(difference < 1e-5, "{difference} for {frames} frames, {batch} rows, {hidden}");
    }
    let network = SpeakerEncoderConfig::ge2e().init(&device).unwrap();
    let mel = Tensor::<3>::random([2, 240, BANDS], Distribution::Default, &device);
    let expected = network.clone().train().embed(mel.clone().autodiff()).inner();
    assert!(largest_difference(network.embed(mel), expected) < 1e-5);
}

#[test]
fn changed_weights_are_packed_again() {
    let device = cpu();
    let network = tiny().init(&device).unwrap();
    let mel = Tensor::<3>::random([2, 20, BANDS], Distribution::Default, &device);
    let before = network.forward(mel.clone());
    let other = tiny().init(&device).unwrap();
    let expected = other.forward(mel.clone());
    assert!(largest_difference(before, expected.clone()) > 1e-3);
    let bytes = save(&other, Precision::Full).unwrap();
    let loaded = load(network, &bytes).unwrap();
    assert!(largest_difference(loaded.forward(mel), expected) == 0.0);
}

#[test]
fn a_clip_is_the_mean_of_its_partials_at_unit_length() {
    let device = cpu();
    let network = tiny().init(&device).unwrap();
    let mel = Tensor::<3>::random([2, 240, BANDS], Distribution::Default, &device);
    let found = network.embed(mel.clone());
    let partial = |start| network.forward(mel.clone().narrow(1, start, PARTIAL_FRAMES));
    let expected = unit_length(partial(0) + partial(80));
    // The same sums in another order.
    assert!(largest_difference(found.clone(), expected) < 1e-6);
    let length = found.square().sum_dim(1);
    assert!(largest_difference(length.clone(), length.ones_like()) < 1e-6);
    let bytes = save(&network, Precision::Full).unwrap();
    let again = load(tiny().init(&device).unwrap(), &bytes).unwrap();
    assert!(largest_difference(again.embed(mel.clone()), network.embed(mel)) == 0.0);
}

#[test]
fn the_gradient_is_that_of_differences() {
    let device = cpu().autodiff();
    device.seed(1);
    let network = tiny().init(&device).unwrap();
    let mel = Tensor::<3>::random([2, 9, BANDS], Distribution::Default, &device);
    let wave = Tensor::<3>::random([2, 9, BANDS], Distribution::Default, &device) - 0.5;
    let loss = |mel: Tensor<3>| network.forward(mel).narrow(1, 1, 2).sum().into_scalar::<f32>();
    const STEP: f32 = 1e-2;
    let (up, down) = (mel.clone() + wave.clone() * STEP, mel.clone() - wave.clone() * STEP);
    let expected = (loss(up) - loss(down)) / (2.0 * STEP);
    let mel = mel.require_grad();
    let gradients = network.forward(mel.clone()).narrow(1, 1, 2).sum().backward();
    let gradient = Tensor::from_inner(mel.grad(&gradients).unwrap());
    let found = (gradient * wave).sum().into_scalar::<f32>();
    // Differences in single precision: 1e-7 over the step, and its square.
    assert!((found - expected).abs() < 1e-3 * expected.abs().max(0.1), "{found}, {expected}");

    // Far outside the range of the logistic function, the gradient stays finite.
    let loud = Tensor::<3>::full([1, 3, BANDS], -1e4, &device).require_grad();
    let gradients = network.forward(loud.clone()).sum().backward();
    let gradient = loud.grad(&gradients).unwrap().abs().max().into_scalar::<f32>();
    assert!(gradient.is_finite());
}

#[test]
fn a_step_lowers_the_loss() {
    let device = cpu().autodiff();
    device.seed(1);
    // Wide enough that some output is above 0.
    let config = SpeakerEncoderConfig { layers: 2, hidden: 32, output: 32 };
    let mut network = config.init(&device).unwrap();
    let mel = Tensor::<3>::random([4, 30, BANDS], Distribution::Default, &device);
    let target = unit_length(Tensor::random([4, 32], Distribution::Default, &device));
    let loss =
        |network: &SpeakerEncoder| (network.forward(mel.clone()) - target.clone()).square().mean();
    let before = loss(&network);
    let gradients = GradientsParams::from_grads(before.backward(), &network);
    network = AdamConfig::new().init().step(1e-3, network, gradients);
    let after = loss(&network).into_scalar::<f32>();
    assert!(after < before.into_scalar::<f32>(), "{after}");
}

#[test]
fn impossible_sizes_are_refused_before_memory_is_reserved() {
    let huge = SpeakerEncoderConfig { hidden: 60_000, ..tiny() };
    assert!(matches!(huge.check(), Err(ConfigError::TooLarge { .. })));
    for config in [
        SpeakerEncoderConfig { layers: 0, ..tiny() },
        SpeakerEncoderConfig { layers: 1 << 40, ..tiny() },
        SpeakerEncoderConfig { hidden: 0, ..tiny() },
        SpeakerEncoderConfig { output: 1 << 40, ..tiny() },
    ] {
        assert!(matches!(config.init(&cpu()), Err(ConfigError::OutOfRange { .. })), "{config:?}");
        assert!(config.cost(1, 601).is_err());
    }
}
