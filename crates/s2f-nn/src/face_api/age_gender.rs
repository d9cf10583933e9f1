//! Apparent age and sex of a face, to measure whether a produced face agrees with what is known of
//! the speaker.
//!
//! A small Xception network (Chollet, CVPR 2017), `weights/age_gender_model` of face-api.js. It
//! distinguishes two sexes only, and a single estimate can be grossly wrong. Estimates are good for
//! averages over many produced faces; they must never be shown to a person or decide anything about
//! one.

use std::path::Path;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};

use super::blocks::{Separable, conv, fill_conv, fill_linear, normalised};
use crate::weights::{Arrays, WeightsError};

/// Unlike the landmark network of the same project, which divides by 255.
const DIVISOR: f64 = 256.0;
const MAIN_BLOCKS: usize = 2;

/// Apparent age and sex of a face.
///
/// The network distinguishes two sexes only, and a single estimate can be grossly wrong: average
/// them over many produced faces, and never let one decide anything about a person.
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

/// Estimates for a batch of faces.
#[derive(Debug, Clone)]
pub struct AgeSex {
    /// Age in years, `[n]`.
    pub age: Tensor<1>,
    /// Probabilities of male and female, which add up to 1, `[n, 2 (male, female)]`.
    pub sex: Tensor<2>,
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
    /// `age_gender_model-weights_manifest.json`; `age_gender_model-shard1` is next to it.
    ///
    /// # Errors
    /// [`WeightsError`] if a file is missing or is another file.
    pub fn from_face_api(manifest: &Path, device: &Device) -> Result<Self, WeightsError> {
        super::load(manifest, Self::init(device), Self::fill)
    }

    /// Estimates age and sex.
    ///
    /// # Shapes
    /// - `faces`: `[n, 3 (R, G, B), 112, 112]`, values 0 to 255, from
    ///   [`SquareCrop`](super::SquareCrop)
    pub fn forward(&self, faces: Tensor<4>) -> AgeSex {
        let x = relu(self.conv_in.forward(normalised(faces, DIVISOR))); // [n, 32, 56, 56]
        let x = self.reductions.iter().fold(x, |x, block| block.forward(x)); // [n, 128, 14, 14]
        let x = self.mains.iter().fold(x, |x, block| block.forward(x)); // [n, 128, 14, 14]
        let x = self.last_reduction.forward(x); // [n, 256, 7, 7]
        let x = relu(self.last.forward(x)); // [n, 512, 7, 7]
        let x = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2); // [n, 512]
        AgeSex {
            age: self.age.forward(x.clone()).squeeze_dim(1), // [n]
            sex: softmax(self.gender.forward(x), 1),         // [n, 2]
        }
    }

    fn fill(&mut self, arrays: &mut Arrays) -> Result<(), WeightsError> {
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
        fill_linear(&mut self.gender, arrays, "fc/gender")
    }
}

/// Two separable convolutions and a max pool, beside a convolution of stride 2.
#[derive(Module, Debug)]
struct Reduction {
    separables: [Separable; 2],
    shortcut: Conv2d,
    pool: MaxPool2d,
    /// Whether the input goes through a ReLU first; that of the first block already has.
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
    use s2f_testing::data;

    use super::*;
    use crate::tests::{cpu, largest_difference, npy};

    #[test]
    fn published_weights_give_the_published_estimates() {
        let device = cpu();
        let path = "models/age_gender/age_gender_model-weights_manifest.json";
        let Some(path) = data(path) else { return };
        let network = AgeGender::from_face_api(&path, &device).unwrap();
        let faces = npy::<4>("models/reference/age_gender/input_rgb_u8.npy", &device);
        let found = network.forward(faces.permute([0, 3, 1, 2]));
        // Single precision on both sides; ages are up to 28.
        let age = npy("models/reference/age_gender/output_age_f32.npy", &device);
        assert!(largest_difference(found.age, age) < 1e-4);
        let sex = npy("models/reference/age_gender/output_gender_f32.npy", &device);
        assert!(largest_difference(found.sex, sex) < 1e-4);
    }

    #[test]
    fn any_number_of_faces_gives_as_many_estimates() {
        let device = cpu();
        let network = AgeGender::init(&device);
        for n in [1, 3] {
            let found = network.forward(Tensor::ones([n, 3, 112, 112], &device));
            assert_eq!((found.age.dims(), found.sex.dims()), ([n], [n, 2]));
        }
    }

    #[test]
    fn gradients_reach_the_face() {
        let device = cpu().autodiff();
        let faces = Tensor::<4>::ones([1, 3, 112, 112], &device).require_grad();
        let network = AgeGender::init(&device);
        let gradients = network.forward(faces.clone()).age.sum().backward();
        let largest = faces.grad(&gradients).unwrap().abs().max().into_scalar::<f32>();
        assert!(largest > 0.0 && largest.is_finite());
    }
}
