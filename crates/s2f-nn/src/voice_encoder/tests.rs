use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, TensorData};

use super::convolutions::magnitude;
use super::*;
use crate::tests::{
    Reference, cpu, largest_difference, tiny_convolutions, tiny_speaker_trunk,
    tiny_voice_encoder as tiny, with_convolutions,
};
use crate::{SpeakerEncoderConfig, weights};

/// Written by `reference/nn/voice_encoder.py`.
const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/voice_encoder.safetensors");

#[test]
fn paper_has_the_printed_sizes() {
    let shapes = ConvolutionsConfig::paper().shapes(598).unwrap();
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
        ConvolutionsConfig::paper().layers.iter().map(|layer| 2 * layer.channels).sum();
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
    for config in
        [tiny(), VoiceEncoderConfig { output: Some(256), ..VoiceEncoderConfig::compact() }]
    {
        let network = config.init(&device).unwrap();
        let shortest = config.min_frames().unwrap();
        assert_eq!(network.min_frames(), shortest);
        for frames in [shortest, shortest + 1, 298] {
            let input = Tensor::random([2, 2, frames, BINS], Distribution::Default, &device);
            assert_eq!(network.forward(input).dims(), [2, config.width().unwrap()]);
        }
        assert!(config.check_frames(shortest - 1).is_err());
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
    let with = |layers| with_convolutions(ConvolutionsConfig { layers, ..tiny_convolutions() });
    let layer = |stride, pool| ConvLayer { channels: 4, stride, pool };
    let none = with(vec![]);
    let still = with(vec![layer([0, 1], false)]);
    let narrow = VoiceEncoderConfig { hidden: Some(0), ..tiny() };
    let deep = with(vec![layer([2, 2], false); 9]);
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

#[test]
fn a_speaker_trunk_reads_mel_and_its_head_is_linear_or_has_a_hidden_layer() {
    let device = cpu();
    for hidden in [None, Some(9)] {
        let config = VoiceEncoderConfig { hidden, ..tiny_speaker_trunk() };
        let network = config.init(&device).unwrap();
        assert_eq!((network.min_frames(), config.min_frames()), (160, Ok(160)));
        assert_eq!((network.front_end(), config.front_end()), (FrontEnd::Mel, FrontEnd::Mel));
        assert!(config.check_frames(159).is_err() && config.cost(1, 159).is_err());
        for frames in [160, 601] {
            config.check_frames(frames).unwrap();
            let input = Tensor::ones(FrontEnd::Mel.shape(2, frames), &device);
            let features = network.trunk(input.clone());
            assert_eq!(features.dims(), [2, 16]);
            let feature = network.forward(input);
            assert_eq!(feature.dims(), [2, 6]);
            assert!(largest_difference(network.head(features), feature) == 0.0);
        }
        let counted = network.num_params() as u64;
        assert_eq!(config.cost(1, 601).unwrap().parameters, counted);
        let bytes = weights::save(&network, weights::Precision::Full).unwrap();
        let again: VoiceEncoder = weights::load(config.init(&device).unwrap(), &bytes).unwrap();
        let input = Tensor::ones(FrontEnd::Mel.shape(1, 300), &device);
        assert!(largest_difference(again.forward(input.clone()), network.forward(input)) == 0.0);
        let trunk = |output| SpeakerEncoderConfig { layers: 1, hidden: 3, output };
        let other = trunk(16).init(&device).unwrap();
        assert!(network.clone().with_speaker_encoder(other).is_ok());
        let problem = network.with_speaker_encoder(trunk(5).init(&device).unwrap()).unwrap_err();
        let expected = "speaker encoder: output is 5, but the width that the head reads is 16; ";
        assert!(problem.to_string().starts_with(expected), "{problem}");
    }
}

#[test]
fn without_an_output_layer_the_trunk_is_all() {
    let device = cpu();
    for config in [tiny_speaker_trunk(), tiny()] {
        let config = VoiceEncoderConfig { hidden: None, output: None, ..config };
        let network = config.init(&device).unwrap();
        let frames = config.min_frames().unwrap().max(160);
        let shape = config.front_end().shape(2, frames);
        let input = Tensor::random(shape, Distribution::Default, &device);
        let features = network.forward(input.clone());
        assert_eq!(features.dims(), [2, config.width().unwrap()]);
        assert_eq!(largest_difference(features, network.trunk(input)), 0.0);
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.matches("output").count() <= 1, "{json}"); // a speaker encoder's own
        assert_eq!(serde_json::from_str::<VoiceEncoderConfig>(&json).unwrap(), config);
        let hidden = VoiceEncoderConfig { hidden: Some(3), ..config };
        let problem = hidden.check().unwrap_err().to_string();
        assert!(problem.starts_with("voice encoder: output is missing, which hidden"), "{problem}");
    }
}

#[test]
fn a_file_has_the_keys_of_one_trunk() {
    let read = |json: &str| serde_json::from_str::<VoiceEncoderConfig>(json);
    // As files have been written from the beginning.
    let convolutions = concat!(
        r#"{"input":"complex","layers":[{"channels":4,"stride":[2,2],"pool":false}],"#,
        r#""hidden":8,"output":7,"batch_norm":true,"pooling":"mean"}"#,
    );
    let speaker = concat!(
        r#"{"output":6,"pooling":"mean","#,
        r#""speaker_encoder":{"layers":3,"hidden":256,"output":256}}"#,
    );
    for json in [convolutions, speaker] {
        assert_eq!(serde_json::to_string(&read(json).unwrap()).unwrap(), json);
    }
    assert_eq!(read(speaker).unwrap(), VoiceEncoderConfig::ge2e(6));
    let trunk = speaker.split_once("mean\"").unwrap().1; // a comma, the key and a brace
    let both = format!("{}{trunk}", convolutions.strip_suffix('}').unwrap());
    let problem = read(&both).unwrap_err().to_string();
    assert!(problem.starts_with("speaker_encoder excludes input, layers and batch"), "{problem}");
    for key in ["input", "layers", "hidden", "batch_norm"] {
        let problem = read(&convolutions.replace(key, "other")).unwrap_err().to_string();
        assert!(problem.starts_with("unknown field `other`"), "{problem}");
    }
    let problem = read(&convolutions.replace("\"hidden\":8,", "")).unwrap_err().to_string();
    assert!(problem.starts_with("missing field `hidden`; hint: "), "{problem}");
}
