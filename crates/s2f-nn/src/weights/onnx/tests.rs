//! Compares the files, run by rten, with this crate's networks; `reference/pytorch/check_onnx.py`
//! compares onnxruntime with PyTorch.

use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor};
use rten_tensor::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::face_decoder::TextureConfig;
use crate::tests::{
    LANDMARKS, cpu, tiny_convolutions, tiny_face_decoder, tiny_speaker_trunk, tiny_textures,
    tiny_voice_encoder, with_convolutions,
};
use crate::voice_encoder::{BINS, ConvolutionsConfig, SegmentPooling, VoiceInput};
use crate::weights::load;
use crate::{Model, ModelConfig, unit_length};

fn shipped(device: &Device) -> (ModelConfig, Model) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../speech2face/models/compact");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let config: ModelConfig = serde_json::from_slice(&read("config.json")).unwrap();
    let model = load(config.init(device).unwrap(), &read("model.safetensors")).unwrap();
    (config, model)
}

/// The outputs that rten gives for one input, in the order of `names`.
fn run<const D: usize>(file: &OnnxFile, input: &Tensor<D>, names: &[&str]) -> Vec<Vec<f32>> {
    let model = rten::ModelOptions::with_all_ops().load(file.bytes.clone()).unwrap();
    let values: Vec<f32> = input.clone().into_data().iter().collect();
    let input = rten_tensor::Tensor::from_data(&input.dims(), values);
    let outputs: Vec<_> = names.iter().map(|name| model.node_id(name).unwrap()).collect();
    let found = model.run(vec![(model.input_ids()[0], input.into())], &outputs, None).unwrap();
    let values = |value: rten::Value| -> Vec<f32> {
        let tensor: rten_tensor::Tensor<f32> = value.try_into().unwrap();
        tensor.to_vec()
    };
    found.into_iter().map(values).collect()
}

/// The largest difference, in units of `scale`.
fn worst<const D: usize>(found: &[f32], expected: Tensor<D>, scale: f32) -> f32 {
    let expected: Vec<f32> = expected.into_data().iter().collect();
    assert_eq!(found.len(), expected.len());
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, |a: f32, b| {
        // A NaN has to fail as well.
        if b > a || b.is_nan() { b } else { a }
    });
    worst / scale
}

fn largest<const D: usize>(x: &Tensor<D>) -> f32 {
    x.clone().abs().max().into_scalar::<f32>()
}

/// Checks a voice encoder's file with several batches and lengths, relative to the largest value of
/// a feature.
fn check_voice(network: &VoiceEncoder, config: &VoiceEncoderConfig, frames: &[usize]) {
    let device = cpu();
    let dynamic = voice_encoder(network, config, Frames::Dynamic, &[]).unwrap();
    for (&frames, batch) in frames.iter().zip([1, 3, 2].into_iter().cycle()) {
        let x = Tensor::random([batch, 2, frames, BINS], Distribution::Normal(0.0, 0.5), &device);
        let expected = network.forward(x.clone());
        let fixed = voice_encoder(network, config, Frames::Fixed(frames), &[]).unwrap();
        for file in [&dynamic, &fixed] {
            let found = run(file, &x, &["feature"]).remove(0);
            let difference = worst(&found, expected.clone(), largest(&expected));
            eprintln!("{frames} frames: {difference:e}");
            // The same sums of float32 products in another order.
            assert!(difference < 1e-4, "{frames} frames: {difference}");
        }
    }
}

#[test]
fn the_compact_voice_encoder_runs_in_rten() {
    let device = cpu();
    let config = VoiceEncoderConfig::compact();
    let network = config.init(&device).unwrap();
    check_voice(&network, &config, &[598, 300, 200]);
    // Silence.
    let file = voice_encoder(&network, &config, Frames::Dynamic, &[]);
    let x = Tensor::<4>::zeros([1, 2, 200, BINS], &device);
    let expected = network.forward(x.clone());
    let found = run(&file.unwrap(), &x, &["feature"]).remove(0);
    assert!(worst(&found, expected.clone(), largest(&expected)) < 1e-4);
}

#[test]
fn all_inputs_and_no_batch_norm_are_exported() {
    for input in [
        VoiceInput::Complex,
        VoiceInput::Magnitude,
        VoiceInput::MagnitudePhase,
        VoiceInput::MagnitudeCompressedPhase,
    ] {
        for batch_norm in [true, false] {
            let convolutions = ConvolutionsConfig { input, batch_norm, ..tiny_convolutions() };
            // A ReLU after the output, with each second configuration.
            let config =
                VoiceEncoderConfig { output_relu: batch_norm, ..with_convolutions(convolutions) };
            let network = config.init(&cpu()).unwrap();
            check_voice(&network, &config, &[40, 61]);
            let few = voice_encoder(&network, &config, Frames::Fixed(5), &[]).unwrap_err();
            assert!(few.to_string().contains("5 frames leave"), "{few}");
        }
    }
}

#[test]
fn a_speaker_encoder_runs_in_rten_with_any_number_of_partials() {
    let device = cpu();
    let config = tiny_speaker_trunk();
    let without_head = VoiceEncoderConfig { output: None, ..config.clone() };
    for (config, output) in [(config, "feature"), (without_head, "embedding")] {
        let network = config.init(&device).unwrap();
        let dynamic = voice_encoder(&network, &config, Frames::Dynamic, &[]).unwrap();
        assert_eq!(dynamic.outputs, [output]);
        // One partial; two; the last frame of two and the first of three; 6 s.
        for (frames, batch) in [(160, 2), (161, 1), (240, 3), (241, 1), (601, 2)] {
            // Powers of a mel spectrogram are positive.
            let x =
                Tensor::<3>::random([batch, frames, 40], Distribution::Uniform(0.0, 4.0), &device);
            let expected = network.forward(x.clone().unsqueeze_dim(1));
            let fixed = voice_encoder(&network, &config, Frames::Fixed(frames), &[]).unwrap();
            for file in [&dynamic, &fixed] {
                let found = run(file, &x, &[output]).remove(0);
                let difference = worst(&found, expected.clone(), largest(&expected));
                // 160 steps in single precision.
                assert!(difference < 1e-4, "{frames} frames: {difference}");
            }
        }
        let few = voice_encoder(&network, &config, Frames::Fixed(159), &[]).unwrap_err();
        assert!(few.to_string().contains("159"), "{few}");
    }
}

#[test]
fn the_shipped_face_distribution_runs_in_rten() {
    let device = cpu();
    let (config, model) = shipped(&device);
    let space = &config.face_space;
    let (head, config) = (model.face_distribution.unwrap(), config.face_distribution.unwrap());
    let file = face_distribution(&head, &config, &[]).unwrap();
    let names = ["feature", "weights", "means", "deviations", "factors", "noise"];
    assert_eq!(file.outputs, names);
    let x = unit_length(Tensor::random([3, 256], Distribution::Uniform(0.0, 1.0), &device));
    let found = run(&file, &x, &names);
    let [feature, weights, means, deviations, factors, noise] = found.try_into().unwrap();
    let expected = head.mean(x.clone());
    assert!(worst(&feature, expected.clone(), largest(&expected)) < 1e-5);

    // The plain numbers that `reconstruct` draws from.
    let FaceDistributionConfig { feature: d, components, rank, .. } = config;
    let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-5 * b.abs().max(1.0);
    for (voice, distribution) in head.distributions(x, space).unwrap().iter().enumerate() {
        let mixture = distribution.mixture();
        for (k, gaussian) in mixture.components().iter().enumerate() {
            let row = voice * components + k;
            assert!(close(weights[row], mixture.weights()[k]));
            for i in 0..d {
                let noise = noise[k * d + i];
                assert!(close(means[row * d + i], gaussian.mean()[i]));
                assert!(close(noise * noise, gaussian.noise()[i]));
                for r in 0..rank {
                    let factor = factors[(k * rank + r) * d + i] * deviations[row * rank + r];
                    assert!(close(noise * factor, gaussian.factors()[r * d + i]));
                }
            }
        }
    }
}

#[test]
fn exported_scores_pool_segments() {
    let device = cpu();
    let config = VoiceEncoderConfig { pooling: SegmentPooling::Attention, ..tiny_voice_encoder() };
    // Fresh weights are zeros, which give all segments the same weight; with these, the features of
    // any fresh network differ enough.
    let bytes = save(&config.init(&device).unwrap(), Precision::Full).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let attention: Vec<u8> = (0..7).flat_map(|i| (i as f32 * 200.0).to_le_bytes()).collect();
    let attention = TensorView::new(Dtype::F32, vec![1, 7], &attention).unwrap();
    let tensors = file.iter().map(|(name, view)| match name {
        "attention.weight" => (name, attention.clone()),
        _ => (name, view),
    });
    let bytes = safetensors::serialize(tensors, None).unwrap();
    let network = load(config.init(&device).unwrap(), &bytes).unwrap();
    let x = Tensor::random([5, 2, 40, BINS], Distribution::Normal(0.0, 0.5), &device);
    let features = network.forward(x.clone());
    let file = voice_encoder(&network, &config, Frames::Dynamic, &[]).unwrap();
    assert_eq!(file.outputs, ["feature", "score"]);
    let scores = run(&file, &x, &["score"]).remove(0);
    let spread = |pick: fn(f32, f32) -> f32| scores.iter().copied().reduce(pick).unwrap();
    assert!(spread(f32::max) - spread(f32::min) > 0.1, "{scores:?}");
    let weights: Vec<f32> = scores.iter().map(|score| (score - spread(f32::max)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let weights = Tensor::<1>::from_floats(weights.as_slice(), &device) / sum;
    let pooled = (features.clone() * weights.unsqueeze_dim::<2>(1)).sum_dim(0); // [1, 7]
    let found: Vec<f32> = pooled.into_data().iter().collect();
    let expected = network.pool(features.unsqueeze());
    assert!(worst(&found, expected.clone(), largest(&expected)) < 1e-4);
}

/// Checks a face decoder's file: landmarks relative to the picture's side, colours relative to full
/// brightness.
fn check_decoder(
    network: &FaceDecoder,
    config: &FaceDecoderConfig,
    border: &[[f32; 2]],
    feature: &Tensor<2>,
) {
    let file = face_decoder(network, config, border, &[]).unwrap();
    assert_eq!(file.outputs, ["landmarks", "texture", "picture"]);
    let found = run(&file, feature, &["landmarks", "texture", "picture"]);
    let decoded = network.forward(feature.clone());
    let picture = network.render(decoded.clone());
    let landmarks = worst(&found[0], decoded.landmarks, config.size as f32);
    let texture = worst(&found[1], decoded.texture, 1.0);
    let picture = worst(&found[2], picture, 1.0);
    eprintln!("landmarks {landmarks:e}, texture {texture:e}, picture {picture:e}");
    assert!(landmarks < 1e-5 && texture < 1e-5, "{landmarks} {texture}");
    // Both splines are exact to some 4e-4 px in single precision, since their weights reach
    // thousands and cancel; a texture changes by up to a third of full brightness per pixel.
    assert!(picture < 1e-3, "{picture}");
}

#[test]
fn the_shipped_face_decoder_runs_in_rten() {
    let device = cpu();
    device.seed(5);
    let (config, model) = shipped(&device);
    let random = Tensor::random([4, 259], Distribution::Normal(0.0, 1.0), &device);
    let mean = model.mean_feature.val().unsqueeze::<2>();
    let feature = unit_length(Tensor::cat(vec![random, mean], 0));
    check_decoder(&model.face_decoder, &config.face_decoder, &config.border, &feature);
}

#[test]
fn both_textures_are_exported() {
    let device = cpu();
    let border = [[-2.0, -2.0], [17.0, -2.0], [-2.0, 17.0], [17.0, 17.0], [8.0, -2.0]];
    for (_, texture) in tiny_textures() {
        let config = tiny_face_decoder(texture);
        let network = config.init(&LANDMARKS, &border, &device).unwrap();
        let feature = Tensor::random([2, 6], Distribution::Normal(0.0, 1.0), &device);
        check_decoder(&network, &config, &border, &feature);
    }
}

#[test]
fn the_picture_is_left_out_if_the_border_spans_no_triangle() {
    let config = tiny_face_decoder(TextureConfig::Basis { components: 3, hidden: 4 });
    for border in [&[][..], &[[-2.0, -2.0], [17.0, 17.0], [8.0, 8.0], [3.0, 3.0]]] {
        let network = config.init(&LANDMARKS, border, &cpu()).unwrap();
        let file = face_decoder(&network, &config, border, &[]).unwrap();
        assert_eq!(file.outputs, ["landmarks", "texture"]);
        run(&file, &Tensor::<2>::ones([1, 6], &cpu()), &["landmarks", "texture"]);
    }
}

#[test]
fn metadata_are_in_the_file() {
    let config = tiny_face_decoder(TextureConfig::Basis { components: 3, hidden: 4 });
    let network = config.init(&LANDMARKS, &[], &cpu()).unwrap();
    let metadata = [("model".to_owned(), "größer".to_owned())];
    let file = face_decoder(&network, &config, &[], &metadata).unwrap();
    let read = ModelProto::decode(file.bytes.as_slice()).unwrap();
    assert_eq!(read.metadata_props[0].value, "größer");
    assert_eq!((read.opset_import[0].version, read.ir_version), (OPSET, IR_VERSION));
}
