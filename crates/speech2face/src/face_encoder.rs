//! Face encoders: published networks from a face to its feature, on the tensor library.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use s2f_core::FaceSpace;
use s2f_face::{FaceEncoder, FaceError, FacePart, PairFace};
use s2f_nn::weights::{self, WeightsError};
use s2f_nn::{MobileFace, VggFace, VggFaceConfig, unit_length};

/// MobileFace V2: 256 dimensions, unit length; the face space of the shipped model.
pub struct MobileFaceEncoder {
    network: MobileFace,
    space: FaceSpace,
    device: Device,
}

impl MobileFaceEncoder {
    /// Loads `MobileFace_Identification_V2-0000.params`, as its authors published it.
    ///
    /// # Errors
    /// [`WeightsError`] if the file is not that file.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self, WeightsError> {
        let network = MobileFace::from_mxnet(path.as_ref(), device)?;
        Ok(Self { network, space: FaceSpace::mobileface(), device: device.clone() })
    }
}

impl FaceEncoder for MobileFaceEncoder {
    fn face_space(&self) -> &FaceSpace {
        &self.space
    }

    // One by one: a batch is no faster on a CPU.
    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
        let feature = |face: &PairFace| {
            let picture = to_tensor(&face.mobileface(), &self.device);
            finite(unit_length(self.network.forward(picture)), &self.space)
        };
        faces.iter().map(feature).collect()
    }
}

/// VGG-Face with the user's weights: fc7, 4096 dimensions; the paper's face space.
pub struct VggFaceEncoder {
    network: VggFace,
    space: FaceSpace,
    side: u32,
    device: Device,
}

impl VggFaceEncoder {
    /// Loads weights in safetensors, with the names of [`VggFace`], that read R G B, as
    /// `speech2face model import vgg-face` writes them.
    ///
    /// # Errors
    /// [`FaceError::Encoder`] if the file does not contain them.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self, FaceError> {
        let path = path.as_ref();
        let wrong = |reason: String| FaceError::Encoder { path: path.to_owned(), reason };
        let config = VggFaceConfig::paper();
        let network = config.init(device).map_err(|error| wrong(error.to_string()))?;
        let network = weights::load_file(network.no_grad(), path)
            .map_err(|error| wrong(error.to_string()))?;
        let space = FaceSpace::vgg_face();
        Ok(Self { network, space, side: config.side as u32, device: device.clone() })
    }
}

impl FaceEncoder for VggFaceEncoder {
    fn face_space(&self) -> &FaceSpace {
        &self.space
    }

    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
        let feature = |face: &PairFace| {
            let picture = to_tensor(&face.part(FacePart::Head, self.side), &self.device);
            finite(self.network.fc7(picture), &self.space)
        };
        faces.iter().map(feature).collect()
    }
}

/// A picture as an input of the networks, `[1, 3, height, width]`, values 0 to 255.
fn to_tensor(picture: &RgbImage, device: &Device) -> Tensor<4> {
    let (width, height) = picture.dimensions();
    let values: Vec<f32> = picture.iter().map(|&value| f32::from(value)).collect();
    let data = TensorData::new(values, [1, height as usize, width as usize, 3]);
    Tensor::from_data(data, device).permute([0, 3, 1, 2])
}

fn finite(feature: Tensor<2>, space: &FaceSpace) -> Result<Vec<f32>, FaceError> {
    let values: Vec<f32> = feature.into_data().iter().collect();
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    let reason = "a feature that is not finite".into();
    Err(FaceError::BadFeature { space: space.name.clone(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_refused_by_name() {
        let device = Device::flex();
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference");
        for name in ["nn/vgg_face.safetensors", "README.md", "missing"] {
            let path = reference.join(name);
            let error = VggFaceEncoder::open(&path, &device).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
            let error = MobileFaceEncoder::open(&path, &device).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
