use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, SgdConfig};
use burn::tensor::TensorData;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use s2f_nn::voice_encoder::{BINS, ConvLayer, ConvolutionsConfig, SegmentPooling, VoiceInput};
use s2f_nn::{TrunkConfig, VoiceEncoder, VoiceEncoderConfig};
use s2f_testing::largest_difference;

use super::*;

const BATCH: usize = 8;

/// The start of a training: weights, spectrograms and targets.
struct Start {
    network: VoiceEncoder,
    voices: Tensor<4>,
    targets: Tensor<2>,
    /// Whether batch normalisations use the statistics of all shards.
    synchronised: bool,
}

/// Voices and their targets.
type Shard = (Tensor<4>, Tensor<2>);

impl Start {
    fn new(batch_norm: bool) -> Self {
        let layer = |channels, stride, pool| ConvLayer { channels, stride, pool };
        let config = VoiceEncoderConfig {
            trunk: TrunkConfig::Convolutions(ConvolutionsConfig {
                input: VoiceInput::Magnitude,
                layers: vec![
                    layer(4, [2, 4], false),
                    layer(8, [1, 2], true),
                    layer(8, [2, 2], false),
                ],
                batch_norm,
            }),
            hidden: Some(16),
            output: Some(6),
            output_relu: false,
            pooling: SegmentPooling::Mean,
        };
        let mut drawn = Drawn { rng: StdRng::seed_from_u64(1), is_norm: Vec::new() };
        let network = config.init(&Device::flex().autodiff()).unwrap().map(&mut drawn);
        let voices = drawn.tensor([BATCH, 2, 40, BINS], 2.0);
        let targets = drawn.tensor([BATCH, 6], 2.0);
        Self { network, voices, targets, synchronised: false }
    }

    /// A copy of the network with its own running statistics, which clones share.
    fn network(&self) -> VoiceEncoder {
        self.network.valid().train()
    }

    /// Trains on the one batch with Adam: the network and the losses.
    fn train(&self, compute: &mut Compute, steps: usize) -> (VoiceEncoder, Vec<f32>) {
        self.train_in_parts(compute, steps, 1)
    }

    /// The same with the batch in `parts` on each device.
    fn train_in_parts(
        &self,
        compute: &mut Compute,
        steps: usize,
        parts: usize,
    ) -> (VoiceEncoder, Vec<f32>) {
        let mut network = self.network();
        let mut optimizer = AdamConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..steps {
            let count = compute.devices().count() * parts;
            let voices = self.voices.clone().chunk(count, 0);
            let shards = voices.into_iter().zip(self.targets.clone().chunk(count, 0)).collect();
            let forward = |replica: &Replica<'_, VoiceEncoder>, (voices, _): &Shard| {
                let sum = self.synchronised.then(|| replica.sum());
                let voices = voices.clone().autodiff();
                let trunk = match &sum {
                    Some(sum) => replica.module.trunk_synchronised(voices, sum),
                    None => replica.module.trunk(voices),
                };
                (replica.module.head(trunk), ())
            };
            let loss = |_: &Replica<'_, VoiceEncoder>, (_, targets): Shard, found: Output, ()| {
                let loss = (found.own - targets.autodiff()).square().mean() / count as f64;
                (loss.clone(), loss.into_scalar::<f32>())
            };
            let backward =
                compute.backward(&network, shards, LossScope::Shard, forward, loss).unwrap();
            losses.push(backward.aux.iter().sum::<f32>());
            (network, _) = compute.step(network, &mut optimizer, 3e-3, backward);
        }
        (network, losses)
    }
}

/// Draws uniform values with its own generator: the device's is shared by all tests.
struct Drawn {
    rng: StdRng,
    is_norm: Vec<bool>,
}

impl Drawn {
    fn tensor<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Tensor<D> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.rng.random_range(-bound..bound)).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }
}

impl ModuleMapper for Drawn {
    fn enter_module(&mut self, _name: &str, container: &str) {
        self.is_norm.push(container == "Struct:BatchNorm");
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.is_norm.pop();
    }
    /// Draws weights and biases; normalisations keep their ones and zeros.
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.is_norm.last() == Some(&true) {
            return param;
        }
        let shape: [usize; D] = param.dims();
        let fan_in = if D == 4 { shape[1..].iter().product() } else { shape[0] };
        let drawn = self.tensor(shape, 1.0 / (fan_in as f32).sqrt());
        param.map(|_| Tensor::from_inner(drawn).require_grad())
    }
}

fn one(precision: ComputePrecision) -> Compute {
    Compute::new(Devices::cpu(), precision).unwrap()
}

/// The CPU twice, in place of two devices.
fn two() -> Compute {
    let devices = Devices {
        names: vec!["cpu".into(); 2],
        devices: vec![Device::flex(), Device::flex()],
        ..Devices::cpu()
    };
    Compute::new(devices, ComputePrecision::Float32).unwrap()
}

/// All values of a network with its running statistics, or only these.
fn values(network: &VoiceEncoder, only_statistics: bool) -> Vec<f32> {
    struct Collect {
        only_statistics: bool,
        path: Vec<bool>,
        found: Vec<f32>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.starts_with("running"));
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.only_statistics || self.path.last() == Some(&true) {
                self.found.extend(param.val().into_data().iter::<f32>());
            }
        }
    }
    let mut visitor = Collect { only_statistics, path: Vec::new(), found: Vec::new() };
    network.valid().visit(&mut visitor);
    visitor.found
}

#[test]
fn two_devices_make_the_steps_of_one() {
    let start = Start::new(false);
    let (alone, losses) = start.train(&mut one(ComputePrecision::Float32), 20);
    let (together, halves) = start.train(&mut two(), 20);
    // float32 sums in another order, through 20 steps of at most 0.003 each.
    assert!(largest_difference(&losses, &halves) < 1e-3, "{losses:?} {halves:?}");
    let difference = largest_difference(&values(&alone, false), &values(&together, false));
    assert!(difference < 1e-3, "{difference}");
    assert!(losses[19] < losses[0], "{losses:?}");
}

#[test]
fn batch_norms_keep_the_first_devices_statistics() {
    let start = Start::new(true);
    let (together, _) = start.train(&mut two(), 1);
    // The same with half of the batch on one device: before the first step both are equal.
    let alone = start.network();
    alone.forward(start.voices.clone().narrow(0, 0, BATCH / 2).autodiff());
    let found = values(&together, true);
    assert_eq!(found, values(&alone, true));
    assert_ne!(found, values(&start.network, true));
}

/// Statistics of all shards make the steps of one device, gradients through them included.
#[test]
fn synchronised_batch_norms_make_the_steps_of_one_device() {
    let mut start = Start::new(true);
    let (alone, losses) = start.train(&mut one(ComputePrecision::Float32), 20);
    let (apart, other) = start.train(&mut two(), 20);
    start.synchronised = true;
    for mut compute in [one(ComputePrecision::Float32), two()] {
        let (together, found) = start.train(&mut compute, 20);
        // As for two devices: the same sums in another order.
        assert!(largest_difference(&losses, &found) < 1e-3, "{losses:?} {found:?}");
        let difference = largest_difference(&values(&alone, true), &values(&together, true));
        assert!(difference < 1e-3, "{difference}");
    }
    // With statistics of their own, the devices make other steps.
    assert!(largest_difference(&losses, &other) > 1e-3);
    assert!(largest_difference(&values(&alone, true), &values(&apart, true)) > 1e-3);
}

/// A loss that compares all rows of a batch with each other gives the same gradients in any
/// division of the batch.
#[test]
fn a_loss_over_the_batch_does_not_depend_on_the_shards() {
    let start = Start::new(false);
    let train = |mut compute: Compute, parts: usize| {
        let mut network = start.network();
        let mut optimizer = SgdConfig::new().init();
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let count = compute.devices().count() * parts;
            let shards = start.voices.clone().chunk(count, 0);
            let forward = |replica: &Replica<'_, VoiceEncoder>, voices: &Tensor<4>| {
                (replica.module.forward(voices.clone().autodiff()), ())
            };
            let loss = |_: &Replica<'_, VoiceEncoder>, _, found: Output, ()| {
                let rows = found.batch.unwrap();
                assert_eq!(rows.dims(), [BATCH, 6]);
                // Cosines relative to the mean of the batch.
                let rows = rows.clone() - rows.mean_dim(0);
                let rows = rows.clone() / rows.square().sum_dim(1).sqrt();
                let cosines = rows.clone().matmul(rows.transpose()); // [batch, batch]
                let loss = cosines.square().mean();
                (loss.clone(), loss.into_scalar::<f32>())
            };
            let backward =
                compute.backward(&network, shards, LossScope::Batch, forward, loss).unwrap();
            assert!(largest_difference(&backward.aux, &vec![backward.aux[0]; count]) < 1e-5);
            losses.push(backward.aux[0]);
            norms.push(backward.gradient_norm);
            // Steps of one length. Adam's would enlarge the differences of small gradients.
            let rate = 0.05 / backward.gradient_norm;
            (network, _) = compute.step(network, &mut optimizer, rate, backward);
        }
        (losses, norms, values(&network, false))
    };
    let (losses, norms, weights) = train(one(ComputePrecision::Float32), 1);
    assert!(losses[4] < losses[0], "{losses:?}");
    for (compute, parts) in [(one(ComputePrecision::Float32), 4), (two(), 1), (two(), 2)] {
        let (found, other_norms, other) = train(compute, parts);
        // float32 sums in another order, relative to small differences of the rows.
        assert!((other_norms[0] / norms[0] - 1.0).abs() < 1e-3, "{norms:?} {other_norms:?}");
        assert!(largest_difference(&losses, &found) < 1e-3, "{parts}: {losses:?} {found:?}");
        assert!(largest_difference(&weights, &other) < 1e-3, "{parts}");
    }
}

#[test]
fn sixteen_bits_learn_like_thirty_two() {
    for batch_norm in [true, false] {
        let start = Start::new(batch_norm);
        let (_, expected) = start.train(&mut one(ComputePrecision::Float32), 30);
        let (wide, _) = start.train(&mut one(ComputePrecision::Float32), 1);
        for precision in [ComputePrecision::Bfloat16, ComputePrecision::Float16] {
            let mut compute = one(precision);
            let (_, losses) = start.train(&mut compute, 30);
            // A bfloat16 has a significand of 8 bits: each value is off by up to 1/256, the first
            // loss by less, the later ones by the effect of Adam on it.
            let first = (losses[0] / expected[0] - 1.0).abs();
            assert!(first < 0.02, "{precision}: {} against {}", losses[0], expected[0]);
            let difference = largest_difference(&losses, &expected);
            assert!(difference < 0.1, "{precision}: {losses:?} against {expected:?}");
            assert!(losses[29] < losses[0], "{precision}: {losses:?}");
            assert_eq!(compute.scale().factor(), LossScale::default().factor(), "{precision}");
            // The statistics of the first step are kept too: a tenth of those of the batch.
            let (network, _) = start.train(&mut one(precision), 1);
            let difference = largest_difference(&values(&network, true), &values(&wide, true));
            assert!(difference < 1e-3, "{precision}: {difference}");
            assert_eq!(batch_norm, values(&network, true) != values(&start.network, true));
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_skips_a_step_and_halves_the_scale() {
    let start = Start::new(true);
    let huge: LossScale = serde_json::from_str(r#"{"factor":1e12,"good_steps":7}"#).unwrap();
    let mut compute = one(ComputePrecision::Float16).with_scale(huge);
    let (network, losses) = start.train(&mut compute, 1);
    assert_eq!(compute.scale().factor(), 5e11);
    assert!(losses[0].is_finite());
    let difference = largest_difference(&values(&network, false), &values(&start.network, false));
    assert_eq!(difference, 0.0);
}

#[test]
fn a_batch_in_parts_makes_the_steps_of_the_whole() {
    let start = Start::new(false);
    let (whole, losses) = start.train(&mut one(ComputePrecision::Float32), 20);
    for (mut compute, parts) in
        [(one(ComputePrecision::Float32), 4), (one(ComputePrecision::Float32), 8), (two(), 2)]
    {
        let (in_parts, found) = start.train_in_parts(&mut compute, 20, parts);
        // As for two devices: the same sums in another order.
        assert!(largest_difference(&losses, &found) < 1e-3, "{losses:?} {found:?}");
        let difference = largest_difference(&values(&whole, false), &values(&in_parts, false));
        assert!(difference < 1e-3, "{parts} parts: {difference}");
    }
}

#[test]
fn batch_norms_see_every_part() {
    let start = Start::new(true);
    let (in_parts, _) = start.train_in_parts(&mut one(ComputePrecision::Float32), 1, 2);
    let alone = start.network();
    for half in start.voices.clone().chunk(2, 0) {
        alone.forward(half.autodiff());
    }
    assert_eq!(values(&in_parts, true), values(&alone, true));
    // In replicas, which 16 bits need, too: within the precision of bfloat16.
    let (narrow, _) = start.train_in_parts(&mut one(ComputePrecision::Bfloat16), 1, 2);
    assert!(largest_difference(&values(&narrow, true), &values(&alone, true)) < 1e-2);
}

/// A layer whose gradient is its input.
fn linear(weights: [f32; 2]) -> Linear {
    let device = Device::flex().autodiff();
    let layer = LinearConfig::new(2, 1).with_bias(false).init(&device);
    let weights = Tensor::<2>::from_floats([[weights[0]], [weights[1]]], &device);
    Linear { weight: layer.weight.map(|_| weights.require_grad()), bias: None }
}

#[test]
fn gradients_are_clipped_to_their_norm_over_all_parameters() {
    // Two layers with gradients (3, 0) and (0, 4): the norm over both is 5.
    let input = Tensor::<3>::from_floats([[[3.0, 0.0]], [[0.0, 4.0]]], &Device::flex());
    for (max, expected) in [
        (None, [[7.0, 10.0], [10.0, 6.0]]),      // 10 − 3, 10 − 4
        (Some(6.0), [[7.0, 10.0], [10.0, 6.0]]), // below the limit
        (Some(1.0), [[9.4, 10.0], [10.0, 9.2]]), // 10 − 3/5, 10 − 4/5
    ] {
        for mut compute in [one(ComputePrecision::Float32), two()] {
            compute = compute.with_clipping(max);
            let layers = vec![linear([10.0, 10.0]), linear([10.0, 10.0])];
            let mut optimizer = SgdConfig::new().init();
            let shards = vec![input.clone(); compute.devices().count()];
            let share = 1.0 / shards.len() as f64;
            let forward = |replica: &Replica<'_, Vec<Linear>>, input: &Tensor<3>| {
                let [first, second] = [0, 1].map(|index: usize| {
                    let input = input.clone().narrow(0, index, 1).squeeze_dim::<2>(0);
                    replica.module[index].forward(input.autodiff())
                });
                (first + second, ())
            };
            let loss =
                |_: &Replica<'_, Vec<Linear>>, _, found: Output, ()| (found.own.sum() * share, ());
            let backward =
                compute.backward(&layers, shards, LossScope::Shard, forward, loss).unwrap();
            assert!((backward.gradient_norm - 5.0).abs() < 1e-6, "{}", backward.gradient_norm);
            let (layers, _) = compute.step(layers, &mut optimizer, 1.0, backward);
            for (layer, expected) in layers.iter().zip(expected) {
                let found: Vec<f32> = layer.weight.val().into_data().iter().collect();
                assert!(largest_difference(&found, &expected) < 1e-5, "{max:?}: {found:?}");
            }
        }
    }
}
