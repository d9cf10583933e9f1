//! MobileFace Identification V2: a small face-recognition network with its published weights.
//!
//! Inverted residual blocks (Sandler et al., "MobileNetV2", CVPR 2018) on an aligned face of
//! 112 × 112 pixels, then a fully connected layer to 256 dimensions. Weights and graph:
//! <https://github.com/becauseofAI/MobileFace>, `MobileFace_Identification_V2` (MIT).
//!
//! The network is never trained here: each batch normalisation, with its running statistics, is
//! folded into the convolution before it, and no weight requires a gradient. Gradients do flow to
//! the picture, so a loss can be defined on the features of a picture that another network
//! produces.

use std::path::Path;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};
use s2f_kernels::{Activation, BlockOptions, conv_block, linear};

use crate::weights::{
    Arrays, WeightsError, read_file, read_mxnet, set_tensor, set_values, transposed,
};

/// Output channels of the four stages; each begins with a block of stride 2.
const STAGES: [usize; 4] = [32, 32, 64, 128];
const BLOCKS_PER_STAGE: usize = 3;
const STEM: usize = 32;
/// Channels inside a block, as a multiple of those that enter it.
const EXPANSION: usize = 3;
/// Side of the last feature map: 112 halved five times, rounded up.
const LAST_SIDE: usize = 4;
const RELU6: BlockOptions = BlockOptions { activation: Activation::Relu6, pool: false };
const LINEAR: BlockOptions = BlockOptions { activation: Activation::None, pool: false };
/// What MXNet adds to a variance by default.
const EPSILON: f64 = 1e-3;

/// An aligned face to a 256-D feature, with published weights that are never trained here.
#[derive(Module, Debug)]
pub struct MobileFace {
    stem: Conv2d,
    blocks: Vec<Block>,
    head: Linear,
}

/// 1 × 1 to more channels, 3 × 3 within each channel, 1 × 1 to fewer channels.
#[derive(Module, Debug)]
struct Block {
    expand: Conv2d,
    depthwise: Conv2d,
    project: Conv2d,
}

impl MobileFace {
    /// Side of the aligned face, pixels.
    pub const SIDE: usize = 112;
    /// Dimension of the feature.
    pub const DIMENSION: usize = 256;

    /// The network with random weights, to [load](crate::weights::load) others into.
    pub fn init(device: &Device) -> Self {
        let mut channels = STEM;
        let blocks = STAGES.into_iter().flat_map(|stage| {
            (0..BLOCKS_PER_STAGE).map(move |index| (stage, if index == 0 { 2 } else { 1 }))
        });
        let blocks = blocks
            .map(|(stage, stride)| {
                Block::init(std::mem::replace(&mut channels, stage), stage, stride, device)
            })
            .collect();
        Self {
            stem: conv3x3([3, STEM], 2, 1).init(device),
            blocks,
            head: LinearConfig::new(channels * LAST_SIDE * LAST_SIDE, Self::DIMENSION).init(device),
        }
        .freeze()
    }

    /// The network with the published weights, from `MobileFace_Identification_V2-0000.params`.
    ///
    /// # Errors
    /// [`WeightsError`] if the file is missing or is another file.
    pub fn from_mxnet(path: &Path, device: &Device) -> Result<Self, WeightsError> {
        read_mxnet(&read_file(path)?)
            .and_then(|arrays| arrays.into_network(Self::init(device), Self::fill))
            .map_err(|problem| problem.in_file(path))
    }

    /// Features of aligned faces.
    ///
    /// Bring them to [`unit_length`](crate::unit_length) before comparing: the cosine is about 0.9
    /// for two pictures of a person, about 0 for two persons.
    ///
    /// # Shapes
    /// - `faces`: `[n, 3 (R, G, B), 112, 112]`, values 0 to 255
    /// - output: `[n, 256]`, of a length around 60
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::MobileFace;
    ///
    /// let device = Device::flex();
    /// let network = MobileFace::init(&device); // random weights
    /// let faces = Tensor::zeros([2, 3, MobileFace::SIDE, MobileFace::SIDE], &device);
    /// assert_eq!(network.forward(faces).dims(), [2, MobileFace::DIMENSION]);
    /// ```
    pub fn forward(&self, faces: Tensor<4>) -> Tensor<2> {
        let x = faces.permute([0, 2, 3, 1]).sub_scalar(127.5).mul_scalar(1.0 / 128.0);
        let x = conv_block(x, &self.stem, None, RELU6); // [n, 56, 56, 32]
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x)); // [n, 4, 4, 128]
        let x = x.permute([0, 3, 1, 2]).flatten(1, 3); // [n, 128 · 4 · 4]
        linear(x, &self.head, Activation::None) // [n, 256]
    }

    fn fill(&mut self, arrays: &mut Arrays) -> Result<(), WeightsError> {
        let convs = self
            .blocks
            .iter_mut()
            .flat_map(|block| [&mut block.expand, &mut block.depthwise, &mut block.project])
            .enumerate()
            .map(|(i, conv)| (conv, format!("convolution{i}"), format!("batchnorm{i}")));
        let stem = (&mut self.stem, "conv1".to_owned(), "bn1".to_owned());
        for (conv, layer, norm) in [stem].into_iter().chain(convs) {
            let shape = conv.weight.lazy_shape().to_vec();
            let (weight, bias) = folded(arrays, &layer, &norm, &shape)?;
            match *shape {
                // In the order in which the kernels for a CPU read them.
                [outputs, inputs, 1, 1] => {
                    let weight =
                        TensorData::new(transposed(&weight, inputs), [inputs, outputs, 1, 1]);
                    let weight = Tensor::<4>::from_data(weight, &conv.weight.lazy_device());
                    set_tensor(&mut conv.weight, weight.swap_dims(0, 1));
                }
                _ => set_values(&mut conv.weight, weight),
            }
            conv.bias.iter_mut().for_each(|parameter| set_values(parameter, bias.clone()));
        }
        let [inputs, outputs] = self.head.weight.lazy_shape().dims();
        let (weight, bias) = folded(arrays, "fc5", "fc5_bn", &[outputs, inputs])?;
        set_values(&mut self.head.weight, transposed(&weight, inputs));
        self.head.bias.iter_mut().for_each(|parameter| set_values(parameter, bias.clone()));
        Ok(())
    }
}

impl Block {
    fn init(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let inner = EXPANSION * inputs;
        Self {
            expand: Conv2dConfig::new([inputs, inner], [1, 1]).init(device),
            depthwise: conv3x3([inner, inner], stride, inner).init(device),
            project: Conv2dConfig::new([inner, outputs], [1, 1]).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = conv_block(x.clone(), &self.expand, None, RELU6); // [n, h, w, 3 · inputs]
        // [n, h / stride, w / stride, 3 · inputs]
        let y = conv_block(y, &self.depthwise, None, RELU6);
        let y = conv_block(y, &self.project, None, LINEAR); // [n, h / stride, w / stride, outputs]
        if self.depthwise.stride == [1, 1] { x + y } else { y }
    }
}

fn conv3x3(channels: [usize; 2], stride: usize, groups: usize) -> Conv2dConfig {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride, stride])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
}

/// Weight, output channels first, and bias of a layer together with the normalisation after it.
fn folded(
    arrays: &mut Arrays,
    layer: &str,
    norm: &str,
    shape: &[usize],
) -> Result<(Vec<f32>, Vec<f32>), WeightsError> {
    let outputs = shape[0];
    let mut weight = arrays.take(&format!("{layer}_weight"), shape)?;
    let mut vector = |name: String| arrays.take(&name, &[outputs]);
    // Only the first convolution has a bias of its own.
    let mut bias =
        if layer == "conv1" { vector("conv1_bias".to_owned())? } else { vec![0.0; outputs] };
    let gamma = vector(format!("{norm}_gamma"))?;
    let beta = vector(format!("{norm}_beta"))?;
    let mean = vector(format!("{norm}_moving_mean"))?;
    let variance = vector(format!("{norm}_moving_var"))?;
    for (output, row) in weight.chunks_mut(shape[1..].iter().product()).enumerate() {
        let scale = f64::from(gamma[output]) / (f64::from(variance[output]) + EPSILON).sqrt();
        row.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
        let centred = f64::from(bias[output]) - f64::from(mean[output]);
        bias[output] = (centred * scale + f64::from(beta[output])) as f32;
    }
    Ok((weight, bias))
}

#[cfg(test)]
mod tests {
    use s2f_testing::data;

    use super::*;
    use crate::tests::{Reference, cpu, largest_difference, npy};
    use crate::weights::{Precision, load, save};

    /// Written by `reference/nn/mobile_face.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/mobile_face.safetensors");

    fn with_published_weights(device: &Device) -> Option<MobileFace> {
        let path = data("models/mobileface/MobileFace_Identification_V2-0000.params")?;
        Some(MobileFace::from_mxnet(&path, device).unwrap())
    }

    #[test]
    fn any_number_of_faces_gives_as_many_features() {
        let device = cpu();
        let network = MobileFace::init(&device);
        for n in [1, 3] {
            assert_eq!(
                network
                    .forward(Tensor::zeros([n, 3, MobileFace::SIDE, MobileFace::SIDE], &device))
                    .dims(),
                [n, MobileFace::DIMENSION]
            );
        }
    }

    #[test]
    fn published_weights_give_the_published_features() {
        let device = cpu();
        let Some(network) = with_published_weights(&device) else { return };
        let faces = npy::<4>("models/reference/mobileface/input_rgb_u8.npy", &device);
        let features = network.forward(faces.permute([0, 3, 1, 2]));
        let expected = npy("models/reference/mobileface/output_f32.npy", &device);
        // Values up to 17 after 37 layers in single precision.
        assert!(largest_difference(features, expected) < 1e-3);
    }

    #[test]
    fn features_and_gradient_equal_pytorchs() {
        let device = cpu().autodiff();
        let Some(network) = with_published_weights(&device) else { return };
        let reference = Reference::new(REFERENCE);
        let colours = reference.floats::<4>("colours", &device).require_grad(); // [2, 3, 14, 14]
        let pictures = colours.clone().reshape([2, 3, 14, 1, 14, 1]).repeat(&[1, 1, 1, 8, 1, 8]);
        let features =
            network.forward(pictures.reshape([2, 3, MobileFace::SIDE, MobileFace::SIDE]));
        // As above: PyTorch computed in double precision and without folding.
        let expected = reference.floats("features", &device);
        assert!(largest_difference(features.clone(), expected) < 1e-3);

        let direction = reference.floats::<1>("direction", &device);
        let gradients = (features * direction.unsqueeze()).sum().backward();
        let gradient = Tensor::from_inner(colours.grad(&gradients).unwrap());
        // Up to 0.15; a ReLU whose input is within rounding of its corner may go the other way.
        assert!(largest_difference(gradient, reference.floats("gradient", &device)) < 1e-4);
        assert!(network.stem.weight.grad(&gradients).is_none());
    }

    #[test]
    fn the_folded_network_survives_a_file() {
        let device = cpu();
        let Some(network) = with_published_weights(&device) else { return };
        let bytes = save(&network, Precision::Half).unwrap();
        let again = load(MobileFace::init(&device), &bytes).unwrap();
        let faces = npy::<4>("models/reference/mobileface/input_rgb_u8.npy", &device);
        let faces = faces.permute([0, 3, 1, 2]);
        let [a, b] = [&network, &again].map(|n| crate::unit_length(n.forward(faces.clone())));
        let cosine = (a * b).sum_dim(1).min().into_scalar::<f32>();
        assert!(cosine > 0.9999, "{cosine}");
    }

    #[test]
    fn another_file_is_refused() {
        let Some(path) = data("models/mobileface/MobileFace_Identification_V2-symbol.json") else {
            return;
        };
        let problem = MobileFace::from_mxnet(&path, &cpu()).unwrap_err().to_string();
        assert!(problem.contains("symbol.json: not a complete MXNet parameter file"), "{problem}");
    }
}
