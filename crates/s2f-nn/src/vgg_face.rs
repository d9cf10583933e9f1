//! VGG-Face: the paper's face encoder.
//!
//! Parkhi, Vedaldi, Zisserman, "Deep Face Recognition", BMVC 2015, network D: VGG-16 with 2622
//! persons. The project has no weights of it. Parameters are named as in the PyTorch conversions
//! that circulate (`conv1_1` … `conv5_3`, `fc6`, `fc7`, `fc8`), so that their state dictionary,
//! saved as safetensors, [loads](crate::weights::load_file) as it is.

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
/// Values that the backward pass keeps for each value that a convolution puts out. Measured: TODO.
const KEPT_PER_OUTPUT: u64 = 4;

/// Size of one convolution.
struct Layer {
    parameters: u64,
    /// Values that it puts out for one face.
    values: u64,
}

/// In which order the first convolution reads the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelOrder {
    /// Weights that came through Torch.
    Rgb,
    /// Weights that came through Caffe or Keras.
    Bgr,
}

/// Widths and input of a [`VggFace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggFaceConfig {
    /// Side of the face in pixels, a multiple of 32.
    pub side: usize,
    /// Channels of the five stages of 2, 2, 3, 3 and 3 convolutions.
    pub channels: [usize; 5],
    /// Width of fc6 and fc7.
    pub hidden: usize,
    /// Width of fc8.
    pub persons: usize,
    /// How the weights read colours; pictures are always handed over as R G B.
    pub channel_order: ChannelOrder,
}

impl VggFaceConfig {
    /// The published network: fc7 has 4096 dimensions, fc8 2622.
    pub fn paper() -> Self {
        Self {
            side: 224,
            channels: [64, 128, 256, 512, 512],
            hidden: 4096,
            persons: 2622,
            channel_order: ChannelOrder::Rgb,
        }
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
        let values = sum(layers.iter().map(|layer| layer.values)).saturating_mul(KEPT_PER_OUTPUT);
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
        let Self { side, channels, hidden, persons, channel_order } = *self;
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
            channel_order,
        })
    }
}

/// The network; see the [module](self).
///
/// The publication's dropout acts only while the network itself is trained and is left out:
/// here it is used as it comes. [`freeze`](Module::freeze) it where a loss runs through it.
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
    #[module(skip)]
    channel_order: ChannelOrder,
}

impl VggFace {
    /// The feature of each face, v_f in the paper: fc7 after its ReLU, which is what fc8 reads.
    /// The paper does not say whether it took it before or after.
    ///
    /// # Shapes
    /// - `faces`: `[n, 3, side, side]`, channels R G B, values 0 to 255
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
        if self.channel_order == ChannelOrder::Bgr {
            x = x.flip([1]);
        }
        for convs in stages {
            x = convs.iter().fold(x, |x, conv| relu(conv.forward(x))); // [n, c, s, s]
            x = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2])); // [n, c, s/2, s/2]
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
    use crate::reference::{Reference, largest_difference};
    use crate::weights;

    /// Written by `reference/nn/vgg_face.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/vgg_face.safetensors");

    fn tiny(channel_order: ChannelOrder) -> VggFaceConfig {
        VggFaceConfig { side: 64, channels: [2, 3, 4, 5, 6], hidden: 8, persons: 7, channel_order }
    }

    #[test]
    fn paper_has_the_published_number_of_parameters() {
        let network = VggFaceConfig::paper().init(&Device::flex()).unwrap();
        // Counted by PyTorch too, reference/nn/vgg_face.py.
        assert_eq!(network.num_params(), 145_002_878);
        assert_eq!(network.fc6.weight.lazy_shape().to_vec(), [25_088, 4096]);
    }

    #[test]
    fn equals_pytorch() {
        let device = Device::flex();
        let reference = Reference::new(REFERENCE);
        for (order, name) in [(ChannelOrder::Rgb, "rgb"), (ChannelOrder::Bgr, "bgr")] {
            let network = tiny(order).init(&device).unwrap();
            let network = weights::load(network, &reference.weights("network.")).unwrap();
            let fc7 = network.fc7(reference.floats("faces", &device));
            let expected = reference.floats(&format!("{name}.fc7"), &device);
            // Numbers up to 30 after 15 layers in single precision.
            assert!(largest_difference(fc7.clone(), expected) < 1e-3, "{name}");
            let expected = reference.floats(&format!("{name}.fc8"), &device);
            assert!(largest_difference(network.fc8(fc7), expected) < 1e-3, "{name}");
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let sound = || tiny(ChannelOrder::Rgb);
        let check = |config: VggFaceConfig| {
            assert!(config.init(&Device::flex()).is_err(), "{config:?}");
        };
        check(VggFaceConfig { side: 0, ..sound() });
        check(VggFaceConfig { side: 100, ..sound() });
        check(VggFaceConfig { channels: [2, 0, 4, 5, 6], ..sound() });
        check(VggFaceConfig { hidden: 0, ..sound() });
        check(VggFaceConfig { persons: 0, ..sound() });
    }

    #[test]
    fn a_step_lowers_the_loss() {
        let device = Device::flex().autodiff();
        let reference = Reference::new(REFERENCE);
        let network = tiny(ChannelOrder::Rgb).init(&device).unwrap();
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
