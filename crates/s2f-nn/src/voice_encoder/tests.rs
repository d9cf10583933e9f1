use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, TensorData};

use super::*;
use crate::tests::{Reference, cpu, largest_difference, tiny_voice_encoder as tiny};
use crate::{ConfigError, weights};

/// Written by `reference/nn/voice_encoder.py`.
const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/voice_encoder.safetensors");

#[test]
fn paper_has_the_printed_sizes() {
    let shapes = VoiceEncoderConfig::paper().shapes(598).unwrap();
    // Printed by reference/nn/voice_encoder.py; they are those of paper table 1.
    let expected = [
        [64, 595, 254],
        [64, 592, 251],
        [128, 589, 248],
        [128, 291, 245],
        [128, 142, 242],
        [256, 68, 239],
        [512, 31, 236],
        [512, 14, 117],
        [512, 6, 57],
    ];
    assert_eq!(shapes, expected);
    assert_eq!(VoiceEncoderConfig::paper().min_frames(), Ok(259)); // 2.6 s
}

#[test]
fn paper_has_148_million_parameters() {
    let network = VoiceEncoderConfig::paper().init(&cpu()).unwrap();
    // PyTorch counts the same (reference/nn/voice_encoder.py), without running statistics.
    let statistics: usize =
        VoiceEncoderConfig::paper().layers.iter().map(|layer| 2 * layer.channels).sum();
    let counted = network.num_params();
    assert!(counted == 148_062_976 || counted == 148_062_976 + statistics, "{counted} parameters");
    assert_eq!(VoiceEncoderConfig::paper().cost(1, 598).unwrap().parameters, 148_062_976);
}

#[test]
fn equals_pytorch() {
    let reference = Reference::new(REFERENCE);
    let check = |device: Device, name: &str| {
        let network = tiny().init(&device).unwrap();
        let network = weights::load(network, &reference.weights("network.")).unwrap();
        let found = network.forward(reference.floats("input", &device));
        // 1e-4: float32 sums of up to 7 680 products, added up in another order.
        assert!(largest_difference(found, reference.floats(name, &device)) < 1e-4, "{name}");
    };
    check(cpu(), "evaluation");
    check(cpu().autodiff(), "training");
    let device = cpu();
    let input: Tensor<4> = reference.floats("input", &device);
    // Powers of values between 1e-6 and 5: 1e-4 is a few units in the last place of f32.
    let expected = reference.floats("magnitude", &device);
    assert!(largest_difference(magnitude(input), expected) < 1e-4);
}

#[test]
fn any_length_from_the_shortest_gives_one_feature() {
    let device = cpu();
    for config in [tiny(), VoiceEncoderConfig { output: 256, ..VoiceEncoderConfig::compact() }] {
        let network = config.init(&device).unwrap();
        let shortest = config.min_frames().unwrap();
        assert_eq!(network.min_frames(), shortest);
        for frames in [shortest, shortest + 1, 298] {
            let input = Tensor::random([2, 2, frames, BINS], Distribution::Default, &device);
            assert_eq!(network.forward(input).dims(), [2, config.output]);
        }
        assert!(config.shapes(shortest - 1).is_err());
    }
}

#[test]
fn paper_runs_on_its_shortest_clip() {
    let device = cpu();
    let network = VoiceEncoderConfig::paper().init(&device).unwrap();
    let feature = network.forward(Tensor::ones([1, 2, 259, BINS], &device));
    assert_eq!(feature.dims(), [1, 4096]);
}

#[test]
fn compact_accepts_three_seconds() {
    assert!(VoiceEncoderConfig::compact().min_frames().unwrap() <= 298);
}

#[test]
fn impossible_shapes_are_refused() {
    let none = VoiceEncoderConfig { layers: vec![], ..tiny() };
    let layer = |stride, pool| ConvLayer { channels: 4, stride, pool };
    let still = VoiceEncoderConfig { layers: vec![layer([0, 1], false)], ..tiny() };
    let narrow = VoiceEncoderConfig { hidden: 0, ..tiny() };
    let deep = VoiceEncoderConfig { layers: vec![layer([2, 2], false); 9], ..tiny() };
    assert!(matches!(deep.check(), Err(ConfigError::TooShort { layer: 6, frequency: 2, .. })));
    for config in [none, still, narrow, deep] {
        assert!(config.init(&cpu()).is_err(), "{config:?}");
    }
}

#[test]
fn a_step_lowers_the_loss() {
    let device = cpu().autodiff();
    device.seed(1);
    let mut network = tiny().init(&device).unwrap();
    let input = Tensor::random([4, 2, 60, BINS], Distribution::Normal(0.0, 1.0), &device);
    let target = Tensor::random([4, 7], Distribution::Normal(0.0, 1.0), &device);
    let loss =
        |network: &VoiceEncoder| (network.forward(input.clone()) - target.clone()).square().mean();
    let before = loss(&network);
    let mut optimizer = AdamConfig::new().init();
    let gradients = GradientsParams::from_grads(before.backward(), &network);
    network = optimizer.step(1e-3, network, gradients);
    let after = loss(&network).into_scalar::<f32>();
    assert!(after < before.into_scalar::<f32>(), "{after}");
}

#[test]
fn attention_begins_as_the_mean_and_learns_which_segment_matters() {
    let device = cpu().autodiff();
    let config = VoiceEncoderConfig { pooling: SegmentPooling::Attention, ..tiny() };
    let network = config.init(&device).unwrap();
    // Two voices of two segments: the target is in the segment that begins with 1.
    let mut segments = vec![0.0_f32; 2 * 2 * 7];
    for (segment, first, second) in [(0, 1.0, 0.3), (1, 0.0, -0.8), (2, 0.0, 0.9), (3, 1.0, -0.5)] {
        (segments[segment * 7], segments[segment * 7 + 1]) = (first, second);
    }
    let segments = Tensor::<3>::from_data(TensorData::new(segments, [2, 2, 7]), &device);
    let mean = segments.clone().mean_dim(1).squeeze_dim::<2>(1);
    // Softmax of two equal scores is a half each, exactly.
    assert!(largest_difference(network.pool(segments.clone()), mean) < 1e-7);

    let mut network = network;
    let mut optimizer = AdamConfig::new().init();
    let error = |network: &VoiceEncoder| {
        let found = network.pool(segments.clone()).narrow(1, 1, 1);
        let target = Tensor::<2>::from_floats([[0.3], [-0.5]], &device);
        (found - target).square().mean()
    };
    for _ in 0..200 {
        let gradients = GradientsParams::from_grads(error(&network).backward(), &network);
        network = optimizer.step(0.05, network, gradients);
    }
    // The mean alone is off by 0.55 and 0.7: an error of 0.4.
    assert!(error(&network).into_scalar::<f32>() < 0.01);
}
