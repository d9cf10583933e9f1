//! The 68 landmarks of a face, from a photograph or a produced picture.
//!
//! Four blocks of separable convolutions, `weights/face_landmark_68_model` of face-api.js. Unusual
//! shapes come out smoothed.

use std::path::Path;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::blocks::{Separable, conv, fill_conv, fill_linear, normalised};
use crate::weights::{Arrays, WeightsError};

/// Number of landmarks.
pub const POINTS: usize = 68;
/// Unlike the age and gender network of the same project, which divides by 256.
const DIVISOR: f64 = 255.0;

/// The 68 landmarks of a face, in the order of iBUG 300-W: 0 to 16 jaw, 17 to 26 brows, 27 to 35
/// nose, 36 to 47 eyes, 48 to 67 mouth.
#[derive(Module, Debug)]
pub struct Landmark68 {
    conv_in: Conv2d,
    first: Dense,
    blocks: Vec<Block>,
    head: Linear,
}

impl Landmark68 {
    /// The network with random weights, to [load](crate::weights::load) others into; frozen.
    pub fn init(device: &Device) -> Self {
        Self {
            conv_in: conv([3, 32], 3, 2).init(device),
            first: Dense::init(32, device),
            blocks: [[32, 64], [64, 128], [128, 256]].map(|c| Block::init(c, device)).into(),
            head: LinearConfig::new(256, 2 * POINTS).init(device),
        }
        .freeze()
    }

    /// The network with the published weights. `manifest` is
    /// `face_landmark_68_model-weights_manifest.json`; `face_landmark_68_model-shard1` is next to
    /// it.
    ///
    /// # Errors
    /// [`WeightsError`] if a file is missing or is another file.
    pub fn from_face_api(manifest: &Path, device: &Device) -> Result<Self, WeightsError> {
        super::load(manifest, Self::init(device), Self::fill)
    }

    /// Finds the landmarks.
    ///
    /// # Shapes
    /// - `faces`: `[n, 3 (R, G, B), 112, 112]`, values 0 to 255, from
    ///   [`SquareCrop`](super::SquareCrop)
    /// - output: `[n, 68, 2 (x, y)]`, as a share of the crop's side
    pub fn forward(&self, faces: Tensor<4>) -> Tensor<3> {
        let x = relu(self.conv_in.forward(normalised(faces, DIVISOR))); // [n, 32, 56, 56]
        let x = self.first.forward(x); // [n, 32, 56, 56]
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x)); // [n, 256, 7, 7]
        let x = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2); // [n, 256]
        let [n, _] = x.dims();
        self.head.forward(x).reshape([n, POINTS, 2]) // [n, 68, 2]
    }

    fn fill(&mut self, arrays: &mut Arrays) -> Result<(), WeightsError> {
        fill_conv(&mut self.conv_in, arrays, "dense0/conv0")?;
        self.first.fill(arrays, "dense0")?;
        for (i, block) in (1..).zip(self.blocks.iter_mut()) {
            block.down.fill(arrays, &format!("dense{i}/conv0"))?;
            block.dense.fill(arrays, &format!("dense{i}"))?;
        }
        fill_linear(&mut self.head, arrays, "fc")
    }
}

/// A separable convolution of stride 2, then a dense part.
#[derive(Module, Debug)]
struct Block {
    down: Separable,
    dense: Dense,
}

impl Block {
    fn init(channels: [usize; 2], device: &Device) -> Self {
        let [_, outputs] = channels;
        Self { down: Separable::init(channels, 2, device), dense: Dense::init(outputs, device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.dense.forward(relu(self.down.forward(x))) // [n, outputs, h / 2, w / 2]
    }
}

/// Three separable convolutions; each reads the sum of the input and of all outputs before it.
#[derive(Module, Debug)]
struct Dense {
    separables: [Separable; 3],
}

impl Dense {
    fn init(channels: usize, device: &Device) -> Self {
        Self { separables: [0; 3].map(|_| Separable::init([channels, channels], 1, device)) }
    }

    /// `x` is the output of a ReLU.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let sum = |sum: Tensor<4>, layer: &Separable| sum.clone() + layer.forward(relu(sum));
        relu(self.separables.iter().fold(x, sum))
    }

    fn fill(&mut self, arrays: &mut Arrays, block: &str) -> Result<(), WeightsError> {
        for (i, separable) in (1..).zip(self.separables.iter_mut()) {
            separable.fill(arrays, &format!("{block}/conv{i}"))?;
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
    fn published_weights_give_the_published_landmarks() {
        let device = cpu();
        let path = "models/face_landmark_68/face_landmark_68_model-weights_manifest.json";
        let Some(path) = data(path) else { return };
        let network = Landmark68::from_face_api(&path, &device).unwrap();
        let faces = npy::<4>("models/reference/face_landmark_68/input_rgb_u8.npy", &device);
        let points = network.forward(faces.permute([0, 3, 1, 2]));
        let expected = npy("models/reference/face_landmark_68/output_f32.npy", &device);
        // Single precision on both sides; shares of the side, up to 1.
        assert!(largest_difference(points, expected) < 1e-4);
    }

    #[test]
    fn any_number_of_faces_gives_as_many_landmarks() {
        let device = cpu();
        let network = Landmark68::init(&device);
        for n in [1, 3] {
            let points = network.forward(Tensor::ones([n, 3, 112, 112], &device));
            assert_eq!(points.dims(), [n, POINTS, 2]);
        }
    }
}
