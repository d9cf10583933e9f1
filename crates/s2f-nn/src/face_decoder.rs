//! The face decoder: a face feature to landmarks and a texture, and both to a picture.
//!
//! Paper: Cole et al., "Synthesizing Normalized Faces from Facial Identity Features", CVPR 2017,
//! retrained by Oh et al. (CVPR 2019) on VGG-Face features. No original code exists.

mod config;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
pub(crate) use config::BORDER;
pub use config::{FaceDecoderConfig, LandmarksConfig, TextureConfig};
use s2f_kernels::{Activation, linear};

use crate::texture::TextureHead;
use crate::warp::Warp;

/// A decoded face: its shape and its texture.
#[derive(Debug, Clone)]
pub struct DecodedFace {
    /// `[batch, landmarks, 2 (x, y)]`, pixels of the picture.
    pub landmarks: Tensor<3>,
    /// The face in the mean shape, `[batch, 3 (R, G, B), size, size]`, about 0 to 1 (sRGB).
    pub texture: Tensor<4>,
}

impl DecodedFace {
    /// The same faces on the autodiff device, for use together with tensors that are trained.
    #[must_use]
    pub fn autodiff(self) -> Self {
        Self { landmarks: self.landmarks.autodiff(), texture: self.texture.autodiff() }
    }

    /// The first `count` faces of the batch.
    pub fn first(&self, count: usize) -> Self {
        let landmarks = self.landmarks.clone().narrow(0, 0, count);
        Self { landmarks, texture: self.texture.clone().narrow(0, 0, count) }
    }
}

/// Feature to face.
#[derive(Module, Debug)]
pub struct FaceDecoder {
    first: Linear,
    landmarks: LandmarkHead,
    texture: TextureHead,
    warp: Warp,
}

impl FaceDecoder {
    /// f_dec of the paper's loss: the first layer, before its ReLU.
    ///
    /// # Shapes
    /// - `feature`: `[batch, D]`, in the normalisation of the face space
    /// - output: `[batch, hidden]`
    pub fn first_layer(&self, feature: Tensor<2>) -> Tensor<2> {
        linear(feature, &self.first, Activation::None)
    }

    /// Landmarks and texture of each feature.
    ///
    /// # Shapes
    /// - `feature`: `[batch, D]`, in the normalisation of the face space
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::FaceDecoderConfig;
    ///
    /// let device = Device::flex();
    /// let mean = [[80.0, 90.0], [144.0, 90.0], [112.0, 150.0]]; // eyes and mouth, pixels
    /// let border = [[-32.0, -32.0], [255.0, -32.0], [-32.0, 255.0], [255.0, 255.0]];
    /// let decoder = FaceDecoderConfig::compact(3).init(&mean, &border, &device)?;
    /// let face = decoder.forward(Tensor::zeros([1, 256], &device));
    /// assert_eq!(face.landmarks.dims(), [1, 3, 2]);
    /// assert_eq!(decoder.render(face).dims(), [1, 3, 224, 224]);
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn forward(&self, feature: Tensor<2>) -> DecodedFace {
        let hidden = relu(self.first_layer(feature)); // [batch, hidden]
        let mean = self.warp.mean().unsqueeze::<3>(); // [1, landmarks, 2]
        let [_, count, _] = mean.dims();
        let [batch, _] = hidden.dims();
        let moved = self.landmarks.forward(hidden.clone()).reshape([batch, count, 2]);
        DecodedFace { landmarks: mean + moved, texture: self.texture.forward(hidden) }
    }

    /// The picture: the texture, warped to the landmarks.
    ///
    /// # Shapes
    /// - output: `[batch, 3 (R, G, B), size, size]`, about 0 to 1 (sRGB), not clamped
    pub fn render(&self, face: DecodedFace) -> Tensor<4> {
        self.warp.forward(face.texture, face.landmarks)
    }

    /// [`render`](Self::render) for people to look at: from 0 to 1.
    ///
    /// # Shapes
    /// - output: `[batch, 3 (R, G, B), size, size]`
    pub fn picture(&self, face: DecodedFace) -> Tensor<4> {
        self.render(face).clamp(0.0, 1.0)
    }

    /// The warp, with the landmarks' mean.
    pub fn warp(&self) -> &Warp {
        &self.warp
    }

    /// The decoder of other features y, from which its own are x = y·map + offset: both are folded
    /// into the first layer.
    ///
    /// # Shapes
    /// - `map`: `[D', D]`; `offset`: `[D]`
    #[must_use]
    pub fn reading(mut self, map: Tensor<2>, offset: Tensor<1>) -> Self {
        let weight = self.first.weight.val(); // [D, hidden]
        let constant = offset.unsqueeze::<2>().matmul(weight.clone()).squeeze_dim::<1>(0);
        let bias = match &self.first.bias {
            Some(bias) => bias.val() + constant,
            None => constant,
        };
        self.first.weight = Param::from_tensor(map.matmul(weight));
        self.first.bias = Some(Param::from_tensor(bias));
        self
    }

    /// Replaces mean and components of a linear texture basis, for example by the principal
    /// components of photographs, and freezes them. A decoder with the paper's texture head is
    /// returned unchanged.
    ///
    /// # Shapes
    /// - `mean`: `[values]`, as from [`to_luma_chroma`](crate::texture::to_luma_chroma)
    /// - `basis`: `[components, values]`
    pub fn with_basis(mut self, mean: Tensor<1>, basis: Tensor<2>) -> Self {
        if let TextureHead::Basis(head) = &mut self.texture {
            head.mean = Param::from_tensor(mean).no_grad();
            head.basis = Param::from_tensor(basis).no_grad();
        }
        self
    }
}

/// Two layers that give the displacement of each landmark from its mean, pixels.
#[derive(Module, Debug)]
struct LandmarkHead {
    hidden: Linear,
    output: Linear,
}

impl LandmarkHead {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = linear(x, &self.hidden, Activation::Relu); // [batch, hidden]
        linear(x, &self.output, Activation::None) // [batch, 2 · landmarks]
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::{AdamConfig, GradientsParams};
    use burn::tensor::Distribution;

    use super::*;
    use crate::tests::{
        BORDER, LANDMARKS, Reference, cpu, largest_difference, tiny_face_decoder as tiny,
        tiny_textures,
    };
    use crate::weights::{self, Precision};

    /// Written by `reference/nn/face_decoder.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/face_decoder.safetensors");

    #[test]
    fn equals_pytorch() {
        let device = cpu();
        let reference = Reference::new(REFERENCE);
        for (name, texture) in tiny_textures() {
            let network = tiny(texture).init(&LANDMARKS, &BORDER, &device).unwrap();
            let file = reference.weights(&format!("{name}.network."));
            let network = weights::load(network, &file).unwrap();
            let decoded = network.forward(reference.floats("feature", &device));
            let moved = decoded.landmarks - network.warp().mean().unsqueeze::<3>();
            // 1e-5: float32 sums of a few dozen products around 1.
            let expected: Tensor<2> = reference.floats(&format!("{name}.landmarks"), &device);
            assert!(largest_difference(moved.flatten::<2>(1, 2), expected) < 1e-5, "{name}");
            let expected = reference.floats(&format!("{name}.texture"), &device);
            assert!(largest_difference(decoded.texture, expected) < 1e-5, "{name}");
        }
    }

    #[test]
    fn paper_has_the_published_shape() {
        let config = FaceDecoderConfig::paper();
        let mean: Vec<[f32; 2]> =
            (0..65).map(|i| [40.0 + i as f32 * 2.0, 100.0 + (i % 7) as f32 * 9.0]).collect();
        let device = cpu();
        let network = config.init(
            &mean,
            &[[-9.0, -9.0], [233.0, -9.0], [-9.0, 233.0], [233.0, 233.0]],
            &device,
        );
        let network = network.unwrap();
        // Counted by reference/nn/face_decoder.py, and the 2 × 65 coordinates of the mean
        // landmarks.
        assert_eq!(network.num_params(), 56_555_461 + 130);
        assert_eq!(config.cost(1).unwrap().parameters, 56_555_461 + 130);
        let decoded = network.forward(Tensor::zeros([1, 4096], &device));
        assert_eq!(decoded.landmarks.dims(), [1, 65, 2]);
        assert_eq!(decoded.texture.dims(), [1, 3, 224, 224]);
        assert_eq!(network.render(decoded).dims(), [1, 3, 224, 224]);
    }

    #[test]
    fn a_step_lowers_the_loss_of_the_rendered_picture() {
        for (name, texture) in tiny_textures() {
            let device = cpu().autodiff();
            device.seed(2);
            let mut network = tiny(texture).init(&LANDMARKS, &BORDER, &device).unwrap();
            let normal = Distribution::Normal(0.0, 1.0);
            let feature = Tensor::random([3, 6], normal, &device);
            let target = Tensor::random([3, 3, 16, 16], Distribution::Default, &device);
            let loss = |network: &FaceDecoder| {
                let picture = network.render(network.forward(feature.clone()));
                (picture - target.clone()).square().mean()
            };
            let before = loss(&network);
            let gradients = GradientsParams::from_grads(before.backward(), &network);
            network = AdamConfig::new().init().step(1e-3, network, gradients);
            assert!(loss(&network).into_scalar::<f32>() < before.into_scalar::<f32>(), "{name}");
        }
    }

    #[test]
    fn weights_come_back_with_the_mean_landmarks() {
        let device = cpu();
        for (_, texture) in tiny_textures() {
            let config = tiny(texture);
            let network = config.init(&LANDMARKS, &BORDER, &device).unwrap();
            let file = weights::save(&network, Precision::Full).unwrap();
            let empty = config.init(&[[0.0; 2]; 4], &BORDER, &device).unwrap();
            let again = weights::load(empty, &file).unwrap();
            let feature = Tensor::<2>::ones([1, 6], &device);
            let picture = |network: &FaceDecoder| network.render(network.forward(feature.clone()));
            assert_eq!(largest_difference(picture(&network), picture(&again)), 0.0);
        }
    }

    #[test]
    fn a_decoder_of_other_features_draws_the_same() {
        let device = cpu();
        for (name, texture) in tiny_textures() {
            let decoder = tiny(texture).init(&LANDMARKS, &BORDER, &device).unwrap();
            let map = Tensor::random([4, 6], Distribution::Normal(0.0, 1.0), &device);
            let offset = Tensor::<1>::random([6], Distribution::Normal(0.0, 1.0), &device);
            let other = Tensor::<2>::random([3, 4], Distribution::Normal(0.0, 1.0), &device);
            let own = other.clone().matmul(map.clone()) + offset.clone().unsqueeze();
            let expected = decoder.forward(own);
            let found = decoder.reading(map, offset).forward(other);
            // Sums of a few products around 1 in another order.
            assert!(largest_difference(found.texture, expected.texture) < 1e-4, "{name}");
            assert!(largest_difference(found.landmarks, expected.landmarks) < 1e-4, "{name}");
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let device = cpu();
        let [(_, deconvolution), (_, basis)] = tiny_textures();
        let good = tiny(basis);
        let few = good.init(&LANDMARKS[..3], &BORDER, &device).unwrap_err().to_string();
        assert!(few.contains("but the number of mean landmarks is 3"), "{few}");
        assert!(good.init(&LANDMARKS, &[[0.0; 2]; 257], &device).is_err());
        let check = |config: FaceDecoderConfig, message: &str| {
            let error = config.init(&LANDMARKS, &BORDER, &device).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        };
        check(
            FaceDecoderConfig { size: 15, ..good.clone() },
            "face decoder: size is 15; hint: use a",
        );
        check(
            FaceDecoderConfig { hidden: 0, ..good },
            "face decoder: hidden is 0; hint: use a value",
        );
        check(
            FaceDecoderConfig { size: 32, ..tiny(deconvolution) },
            "face decoder: size is 32, but texture.base 4 after 2 doublings is 16;",
        );
        let empty = tiny(TextureConfig::Deconvolution { base: 4, channels: vec![] });
        check(empty, "face decoder: number of texture.channels is 0;");
    }
}
