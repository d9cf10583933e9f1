//! VGG-Face: the paper's face encoder.
//!
//! Parkhi, Vedaldi, Zisserman, "Deep Face Recognition", BMVC 2015, network D: VGG-16 with 2622
//! persons. The project has no weights of it. Parameters are named as in common PyTorch conversions
//! (`conv1_1` … `conv5_3`, `fc6`, `fc7`, `fc8`), so their state dictionary, saved as safetensors,
//! can be [loaded](crate::weights::load_file) directly. Weights always read R G B;
//! [`Import`](crate::weights::Import) converts those that read B G R.

use std::ops::RangeInclusive;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::{
    CHANNELS, Checks, ConfigError, Cost, WIDTH, convolution, linear, product, sum,
};

/// Mean of R, G and B over the training pictures (Caffe release of the authors).
const MEAN_RGB: [f32; 3] = [129.1863, 104.7624, 93.594];
/// Each of the five stages halves the side.
const SHRINKAGE: usize = 2usize.pow(5);
/// Convolutions in each stage.
const CONVOLUTIONS: [usize; 5] = [2, 2, 3, 3, 3];
/// Height and width of every convolution.
const KERNEL: usize = 3;
const CHECKS: Checks = Checks("VGG-Face");
/// Pixels.
const SIDE: RangeInclusive<usize> = SHRINKAGE..=1024;
const PERSONS: RangeInclusive<usize> = 1..=1 << 20;
/// Values in memory for each value that a convolution puts out, at the peak of the backward pass.
/// `examples/memory.rs` measures 3.0.
const PER_OUTPUT: u64 = 4;

/// Size of one convolution.
struct Layer {
    parameters: u64,
    /// Values that it puts out for one face.
    values: u64,
}

/// Input and widths of a [`VggFace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggFaceConfig {
    /// Side of the face, pixels: a multiple of 32 up to 1024.
    pub side: usize,
    /// Channels of the five stages of 2, 2, 3, 3 and 3 convolutions, 1 to 8192.
    pub channels: [usize; 5],
    /// Width of fc6 and fc7, 1 to 65536.
    pub hidden: usize,
    /// Width of fc8.
    pub persons: usize,
}

impl VggFaceConfig {
    /// The published network: fc7 has 4096 dimensions, fc8 2622.
    pub fn paper() -> Self {
        Self { side: 224, channels: [64, 128, 256, 512, 512], hidden: 4096, persons: 2622 }
    }

    /// Checks that a network can be built: each size is in its range, and the whole is of a size
    /// that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        CHECKS.range("side", self.side, SIDE)?;
        CHECKS.multiple("side", self.side, SHRINKAGE)?;
        for (stage, &channels) in self.channels.iter().enumerate() {
            CHECKS.range(format!("channels[{stage}]"), channels, CHANNELS)?;
        }
        CHECKS.range("hidden", self.hidden, WIDTH)?;
        CHECKS.range("persons", self.persons, PERSONS)?;
        let layers = self.layers();
        let largest = layers.iter().map(|layer| layer.values).max().unwrap_or(0);
        CHECKS.total(self.parameters(&layers), largest)
    }

    /// What the network takes with `batch` faces at a time, where gradients flow to the faces.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn cost(&self, batch: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let layers = self.layers();
        let values = sum(layers.iter().map(|layer| layer.values)).saturating_mul(PER_OUTPUT);
        Ok(Cost::new(self.parameters(&layers), values.saturating_mul(batch as u64)))
    }

    /// The convolutions in order.
    fn layers(&self) -> Vec<Layer> {
        let mut inputs = 3;
        let mut layers = Vec::new();
        for (stage, (&channels, convolutions)) in self.channels.iter().zip(CONVOLUTIONS).enumerate()
        {
            let side = self.side >> stage;
            for _ in 0..convolutions {
                let parameters = convolution(inputs, channels, KERNEL);
                layers.push(Layer { parameters, values: product([channels, side, side]) });
                inputs = channels;
            }
        }
        layers
    }

    fn parameters(&self, layers: &[Layer]) -> u64 {
        let [.., last] = self.channels;
        let side = self.side / SHRINKAGE;
        let flat = last.saturating_mul(side).saturating_mul(side);
        let connected = [
            linear(flat, self.hidden),
            linear(self.hidden, self.hidden),
            linear(self.hidden, self.persons),
        ];
        sum(layers.iter().map(|layer| layer.parameters)).saturating_add(sum(connected))
    }

    /// The network with random weights.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, device: &Device) -> Result<VggFace, ConfigError> {
        self.check()?;
        let Self { side, channels, hidden, persons } = *self;
        let conv = |inputs, outputs| {
            Conv2dConfig::new([inputs, outputs], [KERNEL, KERNEL])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let [c1, c2, c3, c4, c5] = channels;
        let last_side = side / SHRINKAGE;
        Ok(VggFace {
            conv1_1: conv(3, c1),
            conv1_2: conv(c1, c1),
            conv2_1: conv(c1, c2),
            conv2_2: conv(c2, c2),
            conv3_1: conv(c2, c3),
            conv3_2: conv(c3, c3),
            conv3_3: conv(c3, c3),
            conv4_1: conv(c3, c4),
            conv4_2: conv(c4, c4),
            conv4_3: conv(c4, c4),
            conv5_1: conv(c4, c5),
            conv5_2: conv(c5, c5),
            conv5_3: conv(c5, c5),
            fc6: LinearConfig::new(c5 * last_side * last_side, hidden).init(device),
            fc7: LinearConfig::new(hidden, hidden).init(device),
            fc8: LinearConfig::new(hidden, persons).init(device),
        })
    }
}

/// A face to a feature (fc7), and a feature to scores of persons (fc8).
///
/// The publication's dropout is left out, since it only acts while this network itself is trained.
/// [`freeze`](Module::freeze) the network if a loss runs through it.
#[derive(Module, Debug)]
pub struct VggFace {
    conv1_1: Conv2d,
    conv1_2: Conv2d,
    conv2_1: Conv2d,
    conv2_2: Conv2d,
    conv3_1: Conv2d,
    conv3_2: Conv2d,
    conv3_3: Conv2d,
    conv4_1: Conv2d,
    conv4_2: Conv2d,
    conv4_3: Conv2d,
    conv5_1: Conv2d,
    conv5_2: Conv2d,
    conv5_3: Conv2d,
    fc6: Linear,
    fc7: Linear,
    fc8: Linear,
}

impl VggFace {
    /// The feature of each face, v_f in the paper: fc7 after its ReLU, which is the input of fc8.
    /// The paper does not say whether it is taken before or after the ReLU.
    ///
    /// # Shapes
    /// - `faces`: `[n, 3 (R, G, B), side, side]`, values 0 to 255
    /// - output: `[n, hidden]`, 4096 in [`VggFaceConfig::paper`], not negative
    pub fn fc7(&self, faces: Tensor<4>) -> Tensor<2> {
        let stages: [&[&Conv2d]; 5] = [
            &[&self.conv1_1, &self.conv1_2],
            &[&self.conv2_1, &self.conv2_2],
            &[&self.conv3_1, &self.conv3_2, &self.conv3_3],
            &[&self.conv4_1, &self.conv4_2, &self.conv4_3],
            &[&self.conv5_1, &self.conv5_2, &self.conv5_3],
        ];
        let mean = Tensor::<1>::from_floats(MEAN_RGB, &faces.device()).reshape([1, 3, 1, 1]);
        let mut x = faces - mean;
        for convs in stages {
            x = convs.iter().fold(x, |x, conv| relu(conv.forward(x))); // [n, channels, s, s]
            // [n, channels, s/2, s/2]
            x = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
        }
        let x = relu(self.fc6.forward(x.flatten(1, 3))); // [n, hidden]
        relu(self.fc7.forward(x)) // [n, hidden]
    }

    /// Scores of the persons, before the softmax: f_VGG in the paper.
    ///
    /// # Shapes
    /// - `feature`: `[n, hidden]`, of a face or predicted from a voice
    /// - output: `[n, persons]`
    pub fn fc8(&self, feature: Tensor<2>) -> Tensor<2> {
        self.fc8.forward(feature)
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::{AdamConfig, GradientsParams};
    use burn::tensor::Distribution;

    use super::*;
    use crate::tests::{Reference, cpu, largest_difference, tiny_vgg_face};
    use crate::weights;

    /// Written by `reference/nn/vgg_face.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/vgg_face.safetensors");

    #[test]
    fn paper_has_the_published_number_of_parameters() {
        let network = VggFaceConfig::paper().init(&cpu()).unwrap();
        // Counted by PyTorch too, reference/nn/vgg_face.py.
        assert_eq!(network.num_params(), 145_002_878);
        assert_eq!(VggFaceConfig::paper().cost(1).unwrap().parameters, 145_002_878);
        assert_eq!(network.fc6.weight.lazy_shape().to_vec(), [25_088, 4096]);
    }

    #[test]
    fn equals_pytorch() {
        let device = cpu();
        let reference = Reference::new(REFERENCE);
        let network = tiny_vgg_face().init(&device).unwrap();
        let network = weights::load(network, &reference.weights("network.")).unwrap();
        let fc7 = network.fc7(reference.floats("faces", &device));
        // Values up to 30 after 15 layers in single precision.
        let expected = reference.floats("rgb.fc7", &device);
        assert!(largest_difference(fc7.clone(), expected) < 1e-3);
        let expected = reference.floats("rgb.fc8", &device);
        assert!(largest_difference(network.fc8(fc7), expected) < 1e-3);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let check = |config: VggFaceConfig, message: &str| {
            let error = config.init(&cpu()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        };
        let tiny = tiny_vgg_face;
        check(
            VggFaceConfig { side: 0, ..tiny() },
            "VGG-Face: side is 0; hint: use a value from 32",
        );
        check(VggFaceConfig { side: 100, ..tiny() }, "VGG-Face: side is 100; hint: use a multiple");
        let channels = [2, 0, 4, 5, 6];
        check(VggFaceConfig { channels, ..tiny() }, "VGG-Face: channels[1] is 0;");
        check(VggFaceConfig { hidden: 0, ..tiny() }, "VGG-Face: hidden is 0;");
        check(VggFaceConfig { persons: 0, ..tiny() }, "VGG-Face: persons is 0;");
    }

    #[test]
    fn a_step_lowers_the_loss() {
        let device = cpu().autodiff();
        let reference = Reference::new(REFERENCE);
        let network = tiny_vgg_face().init(&device).unwrap();
        let network = weights::load(network, &reference.weights("network.")).unwrap();
        let faces = reference.floats::<4>("faces", &device);
        let target = Tensor::random([2, 7], Distribution::Normal(0.0, 1.0), &device);
        let loss = |network: &VggFace| {
            let scores = network.fc8(network.fc7(faces.clone()));
            (scores - target.clone()).square().mean()
        };
        let before = loss(&network);
        let gradients = GradientsParams::from_grads(before.backward(), &network);
        let network = AdamConfig::new().init().step(1e-3, network, gradients);
        let after = loss(&network).into_scalar::<f32>();
        assert!(after < before.into_scalar::<f32>(), "{after}");
    }
}
