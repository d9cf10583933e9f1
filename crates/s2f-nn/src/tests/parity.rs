//! 50 steps of training, here and in PyTorch.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::losses::{Contrast, decoder_loss, direction_loss, distillation_loss};
use crate::tests::{
    Reference, cpu, largest_difference, tiny_convolutions, tiny_voice_encoder as tiny,
};
use crate::voice_encoder::BINS;
use crate::{VoiceEncoder, weights};

/// Written by `reference/train/steps.py`, which describes the runs.
const REFERENCE: &[u8] = include_bytes!("../../../../reference/train/steps.safetensors");
const STEPS: usize = 50;
const BATCH: usize = 4;
const FRAMES: usize = 40;
/// Share of the old value that batch normalisation keeps of its running statistics at each step.
const KEPT: f32 = 0.9;

/// One batch, −1 to 1, from the integers that the script takes it from.
fn noise(step: usize, device: &Device) -> Tensor<4> {
    let count = BATCH * 2 * FRAMES * BINS;
    let hash = |i: usize| {
        let mut x = i as u32;
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        x ^= x >> 16;
        (x >> 8) as f32 / 8_388_608.0 - 1.0 // 2²³
    };
    let values: Vec<f32> = (step * count..(step + 1) * count).map(hash).collect();
    Tensor::from_data(TensorData::new(values, [BATCH, 2, FRAMES, BINS]), device)
}

/// 1e-3 × 0.95 every 10 steps.
fn rate(step: usize) -> f64 {
    1e-3 * 0.95_f64.powi(step as i32 / 10)
}

/// One training run: the terms of each step's loss with their weights, from voice and face
/// features.
fn check<M: Module>(
    name: &str,
    mut others: M,
    mut optimizer: ModuleOptimizer,
    terms: impl Fn(&M, usize, Tensor<2>, Tensor<2>) -> Vec<(f64, Tensor<1>)>,
) -> M {
    let device = cpu().autodiff();
    let reference = Reference::new(REFERENCE);
    let start = reference.weights("start.");
    let mut network = weights::load(tiny().init(&device).unwrap(), &start).unwrap();
    let faces: Tensor<3> = reference.floats("faces", &device);
    let expected = reference.values(&format!("{name}.losses"));
    let mut expected = expected.chunks_exact(expected.len() / STEPS);
    for step in 0..STEPS {
        let voice = network.forward(noise(step, &device));
        let face = faces.clone().slice_dim(0, step..step + 1).squeeze_dim(0); // [batch, D]
        let terms = terms(&others, step, face, voice);
        let mut total = Tensor::zeros([1], &device);
        for ((weight, loss), expected) in terms.into_iter().zip(expected.next().unwrap()) {
            let found = loss.clone().into_scalar::<f32>();
            assert!((found / expected - 1.0).abs() < 1e-3, "{name} {step}: {found}, {expected}");
            total = total + loss * weight;
        }
        let all = (network, others);
        let gradients = GradientsParams::from_grads(total.backward(), &all);
        (network, others) = optimizer.step(rate(step), all, gradients);
    }
    let end = reference.weights(&format!("{name}.end."));
    let end = weights::load(tiny().init(&device).unwrap(), &end).unwrap();
    compare(name, &network.valid(), &end.valid());
    others
}

/// Compares the weights after 50 steps. Each has changed by up to 0.05, and float32 sums in another
/// order change Adam's steps where a gradient is small: 1e-4.
fn compare(name: &str, found: &VoiceEncoder, expected: &VoiceEncoder) {
    #[derive(Default)]
    struct Tensors {
        place: Vec<String>,
        found: Vec<(String, Tensor<1>)>,
    }
    impl ModuleVisitor for Tensors {
        fn enter_module(&mut self, name: &str, container: &str) {
            let named = weights::is_named(name, container);
            self.place.push(if named { format!("{name}.") } else { String::new() });
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.place.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count = param.val().shape().num_elements();
            self.found.push((self.place.concat(), param.val().reshape([count])));
        }
    }
    let tensors = |network: &VoiceEncoder| {
        let mut visitor = Tensors::default();
        network.visit(&mut visitor);
        visitor.found
    };
    let shapes = tiny_convolutions().shapes(FRAMES).unwrap();
    for ((place, mut found), (_, expected)) in tensors(found).into_iter().zip(tensors(expected)) {
        let mut tolerance = 1e-4;
        if place.ends_with("running_var.") {
            // Burn averages the biased variances of the batches, PyTorch the unbiased ones, which
            // are n/(n − 1) times as large. n is the number of values of a channel in a batch, and
            // smallest in the last norm, after the mean over time.
            let layer: usize = place.split('.').nth(1).unwrap().parse().unwrap();
            let [_, time, frequency] = shapes[layer];
            let time = if layer + 1 == shapes.len() { 1 } else { time };
            let n = (BATCH * time * frequency) as f32;
            let begun_with = KEPT.powi(STEPS as i32);
            found = (found - begun_with) * (n / (n - 1.0)) + begun_with;
            tolerance = 1e-3;
        }
        let difference = largest_difference(found, expected);
        assert!(difference < tolerance, "{name}: {place} differs by {difference}");
    }
}

/// The paper's three terms behind the script's frozen linear layers.
fn three_terms(face: Tensor<2>, voice: Tensor<2>) -> Vec<(f64, Tensor<1>)> {
    let reference = Reference::new(REFERENCE);
    let device = voice.device();
    let frozen = |name: &str, x: &Tensor<2>| {
        let weight: Tensor<2> = reference.floats(&format!("{name}.weight"), &device);
        let bias: Tensor<1> = reference.floats(&format!("{name}.bias"), &device);
        x.clone().matmul(weight.transpose()) + bias.unsqueeze()
    };
    let [decoder, identities] =
        ["first_layer", "identities"].map(|layer| (frozen(layer, &face), frozen(layer, &voice)));
    vec![
        (2.0, decoder_loss(decoder.0, decoder.1)),
        (0.5, direction_loss(face, voice)),
        (0.25, distillation_loss(identities.0, identities.1)),
    ]
}

#[test]
fn losses_of_the_paper_and_adam_equal_pytorch() {
    let adam = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-4).init();
    check("paper", Vec::<VoiceEncoder>::new(), adam, |_, _, face, voice| three_terms(face, voice));
}

#[test]
fn decoupled_weight_decay_equals_pytorch() {
    let adam = AdamWConfig::new().with_beta_1(0.5).with_epsilon(1e-4).with_weight_decay(0.1);
    check("decayed", Vec::<VoiceEncoder>::new(), adam.init(), |_, _, face, voice| {
        three_terms(face, voice)
    });
}

#[test]
fn contrast_and_its_temperature_equal_pytorch() {
    let device = cpu().autodiff();
    let reference = Reference::new(REFERENCE);
    let adam = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-4).init();
    let contrast = Contrast::new(reference.floats("contrast.centre", &device), &device);
    let contrast = check("contrast", contrast, adam, |contrast, step, face, voice| {
        // Every fifth batch has one speaker twice.
        let same = |i, j| step.is_multiple_of(5) && (i, j) == (0, 2);
        let is_same: [[bool; BATCH]; BATCH] =
            std::array::from_fn(|i| std::array::from_fn(|j| same(i, j) || same(j, i)));
        let is_same = Tensor::<2, Bool>::from_bool(is_same, &voice.device());
        vec![(1.0, contrast.forward(face, voice, is_same))]
    });
    let expected = f64::from(-reference.values("contrast.log_scale")[0]).exp();
    assert!((contrast.temperature() - expected).abs() < 1e-4 * expected);
    assert!((contrast.temperature() - 0.07).abs() > 1e-3 * 0.07, "the temperature was not learned");
}
