//! The face encoder whose features a face decoder reconstructs, as a differentiable part of
//! training.

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use s2f_core::FaceSpace;
use s2f_face::{
    FacePart, MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE, PAIR_SIDE, PAIR_TEMPLATE, PairFace, Similarity,
    alignment_points, mobileface_crop,
};
use s2f_nn::{MobileFace, VggFace, VggFaceConfig, normalise, warp, weights};

use crate::TrainError;
use crate::config::{FaceData, FaceEncoderFile};
use crate::networks::Networks;

/// A face encoder.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is only one at a time")]
pub(crate) enum FaceNetwork {
    /// MobileFace V2, the shipped model's face space.
    MobileFace(MobileFace),
    /// VGG-Face's fc7, the paper's.
    VggFace(VggFace),
}

impl FaceNetwork {
    /// The file of its weights: verified if it is a published one.
    pub(crate) fn file(data: &FaceData) -> Result<PathBuf, TrainError> {
        let networks = Networks::new(data.models.as_deref());
        match &data.face_encoder {
            FaceEncoderFile::Mobileface(file) => {
                networks.published("data.face_encoder.mobileface", "mobileface", file)
            }
            FaceEncoderFile::VggFace(file) => Ok(networks.of_user(file)),
        }
    }

    /// Reads the weights.
    pub(crate) fn open(data: &FaceData, device: &Device) -> Result<Self, TrainError> {
        let file = Self::file(data)?;
        Ok(match &data.face_encoder {
            FaceEncoderFile::Mobileface(_) => {
                Self::MobileFace(MobileFace::from_mxnet(&file, device)?)
            }
            FaceEncoderFile::VggFace(_) => {
                let network = VggFaceConfig::paper().init(device)?;
                Self::VggFace(weights::load_file(network.no_grad(), &file)?)
            }
        })
    }

    /// The crop of a photograph that the network reads.
    pub(crate) fn crop(
        file: &FaceEncoderFile,
        picture: &RgbImage,
        points: &[[f32; 2]; 5],
    ) -> Result<RgbImage, TrainError> {
        Ok(match file {
            FaceEncoderFile::Mobileface(_) => mobileface_crop(picture, points)?,
            FaceEncoderFile::VggFace(_) => {
                PairFace::cut(picture, points)?.part(FacePart::Head, PAIR_SIDE)
            }
        })
    }

    /// Features of crops.
    ///
    /// # Shapes
    /// - `crops`: `[n, 3, side, side]`, 0 to 255
    /// - output: `[n, D]`, in the network's face space
    pub(crate) fn forward(&self, crops: Tensor<4>) -> Tensor<2> {
        match self {
            Self::MobileFace(network) => {
                normalise(network.forward(crops), &FaceSpace::mobileface())
            }
            Self::VggFace(network) => network.fc7(crops),
        }
    }

    /// Features of rendered pictures; differentiable in the pictures.
    ///
    /// The pictures are aligned to the network's template by their landmarks. If that shrinks them,
    /// they are sampled more finely and averaged.
    ///
    /// # Shapes
    /// - `pictures`: `[n, 3, 224, 224]`, 0 to 1
    /// - `landmarks`: `[n, landmarks, 2]`, pixels; no gradient flows through them
    /// - output: `[n, D]`, in the network's face space
    pub(crate) fn features(
        &self,
        pictures: Tensor<4>,
        landmarks: Tensor<3>,
    ) -> Result<Tensor<2>, TrainError> {
        let (template, side, fine) = match self {
            Self::MobileFace(_) => (&MOBILEFACE_TEMPLATE, MOBILEFACE_SIDE as usize, 2),
            Self::VggFace(_) => (&PAIR_TEMPLATE, PAIR_SIDE as usize, 1),
        };
        let device = pictures.device();
        let [count, points, _] = landmarks.dims();
        let sampled = side * fine;
        let values: Vec<f32> = landmarks.detach().into_data().iter().collect();
        let mut x = Vec::with_capacity(count * sampled * sampled);
        let mut y = Vec::with_capacity(count * sampled * sampled);
        for face in values.chunks_exact(points * 2) {
            let points = alignment_points(face.as_chunks().0)?;
            let from_template = Similarity::fit(&points, template)?.inverse();
            for row in 0..sampled {
                for column in 0..sampled {
                    let place = |i: usize| (i as f32 + 0.5) / fine as f32 - 0.5;
                    let [px, py] = from_template.apply([place(column), place(row)]);
                    x.push(px);
                    y.push(py);
                }
            }
        }
        let grid = |values: Vec<f32>| {
            Tensor::<3>::from_data(TensorData::new(values, [count, sampled, sampled]), &device)
        };
        let crops = warp::sample(pictures, grid(x), grid(y)); // [n, 3, sampled, sampled]
        let crops = avg_pool2d(crops, AvgPoolOptions::new([fine, fine])); // [n, 3, side, side]
        Ok(self.forward(crops.clamp(0.0, 1.0) * 255.0))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn the_gradient_of_vgg_face_flows_to_the_picture() {
        let device = Device::flex().autodiff();
        let config = VggFaceConfig { side: 224, channels: [1, 1, 2, 2, 2], hidden: 5, persons: 3 };
        let network = FaceNetwork::VggFace(config.init(&device).unwrap());
        let pictures =
            Tensor::<4>::random([2, 3, 224, 224], Distribution::Uniform(0.2, 0.8), &device)
                .require_grad();
        let circle = |i: usize| {
            let turn = i as f32;
            [112.0 + 40.0 * turn.cos(), 112.0 + 50.0 * turn.sin()]
        };
        let landmarks: Vec<f32> = (0..2 * s2f_face::LANDMARK_COUNT).flat_map(circle).collect();
        let landmarks = Tensor::<3>::from_data(
            TensorData::new(landmarks, [2, s2f_face::LANDMARK_COUNT, 2]),
            &device,
        );
        let features = network.features(pictures.clone(), landmarks).unwrap();
        assert_eq!(features.dims(), [2, 5]);
        let gradients = features.sum().backward();
        assert_eq!(pictures.grad(&gradients).unwrap().dims(), [2, 3, 224, 224]);
    }
}
