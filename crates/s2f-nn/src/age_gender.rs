//! Age and sex that a face seems to have, to measure whether a produced face agrees with what is
//! known of the speaker.
//!
//! A small Xception network (Chollet, CVPR 2017) of face-api.js (MIT), with its published weights:
//! <https://github.com/justadudewhohacks/face-api.js>, `weights/age_gender_model`. It knows two
//! sexes only, and single answers can be grossly wrong. They are good for averages over many
//! produced faces; they must never be shown to a person or decide anything about one.

use std::path::Path;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};

use crate::separable::{Separable, conv, fill_conv, fill_linear, normalised};
use crate::weights::{Arrays, WeightsError, read_face_api};

/// Unlike the landmark network of the same project, which divides by 255.
const DIVISOR: f64 = 256.0;
const MAIN_BLOCKS: usize = 2;

/// The network; see the [module](self).
#[derive(Module, Debug)]
pub struct AgeGender {
    conv_in: Conv2d,
    reductions: [Reduction; 2],
    mains: Vec<Main>,
    last_reduction: Reduction,
    last: Separable,
    age: Linear,
    gender: Linear,
}

/// What the network says about a batch of faces.
#[derive(Debug, Clone)]
pub struct Impression {
    /// Age in years, `[n]`.
    pub age: Tensor<1>,
    /// Probability of male and of female, which add up to 1, `[n, 2]`.
    pub gender: Tensor<2>,
}

impl AgeGender {
    /// The network with random weights, to [load](crate::weights::load) others into; frozen.
    pub fn init(device: &Device) -> Self {
        Self {
            conv_in: conv([3, 32], 3, 2).init(device),
            reductions: [
                Reduction::init([32, 64], false, device),
                Reduction::init([64, 128], true, device),
            ],
            mains: (0..MAIN_BLOCKS).map(|_| Main::init(128, device)).collect(),
            last_reduction: Reduction::init([128, 256], true, device),
            last: Separable::init([256, 512], 1, device),
            age: LinearConfig::new(512, 1).init(device),
            gender: LinearConfig::new(512, 2).init(device),
        }
        .freeze()
    }

    /// The network with the published weights. `manifest` is
    /// `age_gender_model-weights_manifest.json`; `age_gender_model-shard1` lies beside it.
    ///
    /// # Errors
    /// [`WeightsError`] where a file is absent or not that file.
    pub fn from_face_api(manifest: &Path, device: &Device) -> Result<Self, WeightsError> {
        let filled = |mut arrays: Arrays| {
            let network = Self::init(device).filled(&mut arrays)?;
            arrays.finish().map(|()| network)
        };
        filled(read_face_api(manifest)?).map_err(|problem| problem.in_file(manifest))
    }

    /// # Shapes
    /// - `faces`: `[n, 3, 112, 112]`, channels R G B, values 0 to 255, cut out as
    ///   [`square_crop`](crate::face_crop::square_crop) does
    pub fn forward(&self, faces: Tensor<4>) -> Impression {
        let x = relu(self.conv_in.forward(normalised(faces, DIVISOR))); // [n, 32, 56, 56]
        let x = self.reductions.iter().fold(x, |x, block| block.forward(x)); // [n, 128, 14, 14]
        let x = self.mains.iter().fold(x, |x, block| block.forward(x)); // [n, 128, 14, 14]
        let x = self.last_reduction.forward(x); // [n, 256, 7, 7]
        let x = relu(self.last.forward(x)); // [n, 512, 7, 7]
        let x = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2); // [n, 512]
        Impression {
            age: self.age.forward(x.clone()).squeeze_dim(1), // [n]
            gender: softmax(self.gender.forward(x), 1),      // [n, 2]
        }
    }

    fn filled(mut self, arrays: &mut Arrays) -> Result<Self, WeightsError> {
        fill_conv(&mut self.conv_in, arrays, "entry_flow/conv_in")?;
        for (i, block) in self.reductions.iter_mut().enumerate() {
            block.fill(arrays, &format!("entry_flow/reduction_block_{i}"))?;
        }
        for (i, block) in self.mains.iter_mut().enumerate() {
            block.fill(arrays, &format!("middle_flow/main_block_{i}"))?;
        }
        self.last_reduction.fill(arrays, "exit_flow/reduction_block")?;
        self.last.fill(arrays, "exit_flow/separable_conv")?;
        fill_linear(&mut self.age, arrays, "fc/age")?;
        fill_linear(&mut self.gender, arrays, "fc/gender")?;
        Ok(self)
    }
}

/// Two separable convolutions and a max pool, beside a convolution of stride 2.
#[derive(Module, Debug)]
struct Reduction {
    separables: [Separable; 2],
    shortcut: Conv2d,
    pool: MaxPool2d,
    /// Whether the input goes through a ReLU first; the first block's has been through one.
    #[module(skip)]
    activates_input: bool,
}

impl Reduction {
    fn init(channels: [usize; 2], activates_input: bool, device: &Device) -> Self {
        let [_, outputs] = channels;
        Self {
            separables: [
                Separable::init(channels, 1, device),
                Separable::init([outputs, outputs], 1, device),
            ],
            shortcut: conv(channels, 1, 2).init(device),
            pool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Same)
                .init(),
            activates_input,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [first, second] = &self.separables;
        let y = if self.activates_input { relu(x.clone()) } else { x.clone() };
        let y = second.forward(relu(first.forward(y))); // [n, outputs, h, w]
        self.pool.forward(y) + self.shortcut.forward(x) // [n, outputs, h / 2, w / 2]
    }

    fn fill(&mut self, arrays: &mut Arrays, name: &str) -> Result<(), WeightsError> {
        for (i, separable) in self.separables.iter_mut().enumerate() {
            separable.fill(arrays, &format!("{name}/separable_conv{i}"))?;
        }
        fill_conv(&mut self.shortcut, arrays, &format!("{name}/expansion_conv"))
    }
}

/// Three separable convolutions, added to their input.
#[derive(Module, Debug)]
struct Main {
    separables: [Separable; 3],
}

impl Main {
    fn init(channels: usize, device: &Device) -> Self {
        Self { separables: [0; 3].map(|_| Separable::init([channels, channels], 1, device)) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.separables.iter().fold(x.clone(), |y, layer| layer.forward(relu(y)));
        x + y
    }

    fn fill(&mut self, arrays: &mut Arrays, name: &str) -> Result<(), WeightsError> {
        for (i, separable) in self.separables.iter_mut().enumerate() {
            separable.fill(arrays, &format!("{name}/separable_conv{i}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::{npy, published};
    use crate::reference::largest_difference;

    #[test]
    fn published_weights_give_the_published_answers() {
        let device = Device::flex();
        let path = "models/age_gender/age_gender_model-weights_manifest.json";
        let Some(path) = published(path) else { return };
        let network = AgeGender::from_face_api(&path, &device).unwrap();
        let faces = npy::<4>("models/reference/age_gender/input_rgb_u8.npy", &device);
        let found = network.forward(faces.permute([0, 3, 1, 2]));
        // Single precision on both sides; ages are up to 28.
        let age = npy("models/reference/age_gender/output_age_f32.npy", &device);
        assert!(largest_difference(found.age, age) < 1e-4);
        let gender = npy("models/reference/age_gender/output_gender_f32.npy", &device);
        assert!(largest_difference(found.gender, gender) < 1e-4);
    }

    #[test]
    fn any_number_of_faces_gives_as_many_answers() {
        let device = Device::flex();
        let network = AgeGender::init(&device);
        for n in [1, 3] {
            let found = network.forward(Tensor::ones([n, 3, 112, 112], &device));
            assert_eq!((found.age.dims(), found.gender.dims()), ([n], [n, 2]));
        }
    }

    #[test]
    fn gradients_reach_the_face() {
        let device = Device::flex().autodiff();
        let faces = Tensor::<4>::ones([1, 3, 112, 112], &device).require_grad();
        let network = AgeGender::init(&device);
        let gradients = network.forward(faces.clone()).age.sum().backward();
        let largest = faces.grad(&gradients).unwrap().abs().max().into_scalar::<f32>();
        assert!(largest > 0.0 && largest.is_finite());
    }
}
