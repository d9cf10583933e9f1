//! A face encoder that runs an ONNX file of the user, such as ArcFace.

use std::path::Path;

use image::RgbImage;
use rten::{Dimension, Model, NodeId};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use s2f_core::hash::{Digest, Sha256, hex};
use s2f_core::onnx::{one_thread, unoptimised};
use s2f_core::{ChannelOrder, FaceSpace, Normalisation};
use serde::{Deserialize, Serialize};

use crate::onnx_lengths;
use crate::{FaceEncoder, FaceError, FacePart, MOBILEFACE_SIDE, PairFace};

/// How an ONNX face encoder expects its pictures. The default is that of ArcFace.
///
/// In text (TOML, JSON) every key may be omitted, for example:
///
/// ```toml
/// channel_order = "bgr"
/// mean = [104.0, 117.0, 123.0]
/// scale = [1.0, 1.0, 1.0]
/// part = "head"
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnnxPreprocessing {
    /// The order of the colour channels.
    pub channel_order: ChannelOrder,
    /// Subtracted from the values 0 to 255 of each channel, in that order.
    pub mean: [f32; 3],
    /// Factor of each channel after the subtraction, in that order; not 0.
    pub scale: [f32; 3],
    /// The part of the face that the network reads.
    pub part: FacePart,
}

impl Default for OnnxPreprocessing {
    /// (value − 127.5) / 127.5, RGB, the aligned face, as InsightFace runs its recognisers.
    fn default() -> Self {
        Self {
            channel_order: ChannelOrder::Rgb,
            mean: [127.5; 3],
            scale: [1.0 / 127.5; 3],
            part: FacePart::Face,
        }
    }
}

impl OnnxPreprocessing {
    fn check(&self) -> Result<(), FaceError> {
        let invalid = |what: &str| FaceError::Preprocessing { reason: what.to_owned() };
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err(invalid("a mean is not finite"));
        }
        if !self.scale.iter().all(|scale| scale.is_finite() && *scale != 0.0) {
            return Err(invalid("a scale is 0 or not finite"));
        }
        Ok(())
    }

    /// A text that differs for different preprocessing, for [`fingerprint`].
    fn canonical(&self) -> String {
        let Self { channel_order, mean, scale, part } = self;
        format!("{channel_order} mean {mean:?} scale {scale:?} {part}")
    }
}

/// A face recogniser from an ONNX file with one input `[n, 3, side, side]` and one output
/// `[n, dimension]`. Features are normalised to unit length.
pub struct OnnxEncoder {
    model: Model,
    input: NodeId,
    output: NodeId,
    side: u32,
    preprocessing: OnnxPreprocessing,
    space: FaceSpace,
}

/// Valid sides of the input, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;

impl OnnxEncoder {
    /// Loads a recogniser. The side of its input is read from the file (112 if the file leaves it
    /// open); its dimension is determined by running it once.
    ///
    /// The name of the face space consists of the file's name and a hash of its bytes and of
    /// `preprocessing`, so that different files or preprocessing never share a face space.
    ///
    /// # Errors
    /// [`FaceError::Read`] if the file cannot be read, [`FaceError::Encoder`] if it is not such a
    /// network, [`FaceError::Preprocessing`] if a mean or scale is invalid.
    pub fn open(
        path: impl AsRef<Path>,
        preprocessing: OnnxPreprocessing,
    ) -> Result<Self, FaceError> {
        preprocessing.check()?;
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| FaceError::Read { path: path.into(), source })?;
        let wrong = |reason: String| FaceError::Encoder { path: path.into(), reason };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{name}-{}", fingerprint(&bytes, &preprocessing));
        onnx_lengths::check(&bytes).map_err(wrong)?;
        let model = unoptimised().load(bytes).map_err(|error| wrong(error.to_string()))?;
        let [input] = *model.input_ids() else {
            let inputs = model.input_ids().len();
            return Err(wrong(format!("it has {inputs} inputs instead of one")));
        };
        let [output] = *model.output_ids() else {
            let outputs = model.output_ids().len();
            return Err(wrong(format!("it has {outputs} outputs instead of one")));
        };
        let side = match model.input_shape(0) {
            Some(shape) => side(&shape).map_err(wrong)?,
            None => MOBILEFACE_SIDE,
        };
        let space = FaceSpace {
            name,
            dimension: 0,
            normalisation: Normalisation::UnitLength,
            traits: Vec::new(),
        };
        let mut encoder = Self { model, input, output, side, preprocessing, space };
        let grey = RgbImage::from_pixel(side, side, image::Rgb([128; 3]));
        encoder.space.dimension = encoder.run(&grey).map_err(wrong)?.len();
        Ok(encoder)
    }

    /// The side of the network's input, in pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The network's output for one picture of [`OnnxEncoder::side`] pixels.
    fn run(&self, picture: &RgbImage) -> Result<Vec<f32>, String> {
        let input = network_input(picture, &self.preprocessing);
        let values = self
            .model
            .run(vec![(self.input, input.into())], &[self.output], Some(one_thread()))
            .map_err(|error| error.to_string())?;
        let value = values.into_iter().next().ok_or("no output")?;
        let tensor: Tensor<f32> = value.try_into().map_err(|error| format!("{error}"))?;
        if tensor.len() < 2 || tensor.len() != tensor.size(tensor.ndim() - 1) {
            return Err(format!("one face gives an output of shape {:?}", tensor.shape()));
        }
        Ok(tensor.to_vec())
    }
}

impl FaceEncoder for OnnxEncoder {
    fn face_space(&self) -> &FaceSpace {
        &self.space
    }

    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
        let failed = |reason: String| FaceError::Encode { space: self.space.name.clone(), reason };
        // One at a time, since many exported recognisers have a fixed batch size of 1.
        let encode = |face: &PairFace| {
            let picture = face.part(self.preprocessing.part, self.side);
            let feature = self.run(&picture).map_err(failed)?;
            let length = feature.iter().map(|value| value * value).sum::<f32>().sqrt();
            if feature.len() != self.space.dimension {
                let (found, expected) = (feature.len(), self.space.dimension);
                return Err(failed(format!("{found} dimensions instead of {expected}")));
            }
            if !(length.is_finite() && length > 0.0) {
                let space = self.space.name.clone();
                let reason = format!("a feature of length {length}");
                return Err(FaceError::BadFeature { space, reason });
            }
            Ok(feature.into_iter().map(|value| value / length).collect())
        };
        faces.iter().map(encode).collect()
    }
}

/// The first 12 hexadecimal digits of the SHA-256 of the file and, unless it is the default, of the
/// preprocessing.
fn fingerprint(bytes: &[u8], preprocessing: &OnnxPreprocessing) -> String {
    let mut hash = Sha256::new_with_prefix(bytes);
    if *preprocessing != OnnxPreprocessing::default() {
        hash.update(preprocessing.canonical());
    }
    hex(&hash.finalize()[..6])
}

/// The side of an input `[n, 3, side, side]`, for any n.
fn side(shape: &[Dimension]) -> Result<u32, String> {
    let wrong = || format!("its input has the shape {shape:?} instead of [n, 3, side, side]");
    let [_, channels, height, width] = shape else { return Err(wrong()) };
    let side = match [height, width] {
        [Dimension::Fixed(height), Dimension::Fixed(width)] if height == width => {
            u32::try_from(*height).map_err(|_| wrong())?
        }
        [Dimension::Symbolic(_), Dimension::Symbolic(_)] => MOBILEFACE_SIDE,
        _ => return Err(wrong()),
    };
    let has_colours = !matches!(channels, Dimension::Fixed(channels) if *channels != 3);
    if has_colours && SIDES.contains(&side) { Ok(side) } else { Err(wrong()) }
}

/// The network's input for a picture, `[1, 3, side, side]`.
fn network_input(picture: &RgbImage, preprocessing: &OnnxPreprocessing) -> NdTensor<f32, 4> {
    let (width, height) = picture.dimensions();
    let mut values = Vec::with_capacity(picture.as_raw().len());
    for index in 0..3 {
        let channel = match preprocessing.channel_order {
            ChannelOrder::Rgb => index,
            ChannelOrder::Bgr => 2 - index,
        };
        let (mean, scale) = (preprocessing.mean[index], preprocessing.scale[index]);
        values.extend(picture.pixels().map(|pixel| (f32::from(pixel[channel]) - mean) * scale));
    }
    NdTensor::from_data([1, 3, height as usize, width as usize], values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PAIR_TEMPLATE;
    use crate::reference::{read_npy, reference_file};

    fn bgr() -> OnnxPreprocessing {
        OnnxPreprocessing {
            channel_order: ChannelOrder::Bgr,
            mean: [104.0, 117.0, 123.0],
            scale: [1.0, 0.5, 0.25],
            part: FacePart::Head,
        }
    }

    fn face() -> PairFace {
        let jpeg = std::fs::read(reference_file("encoder.jpg")).unwrap();
        PairFace::from_jpeg(jpeg, PAIR_TEMPLATE).unwrap()
    }

    // Reference: reference/face/pair_face.py, ONNX Runtime on the JPEG as Pillow decodes it. JPEG
    // decoders differ by one byte step in some pixels; the network takes means over 1024 pixels.
    #[test]
    fn features_agree_with_onnx_runtime() {
        let (_, expected) = read_npy::<f32>(&reference_file("encoder_output.npy"));
        let rgb = OnnxPreprocessing { part: FacePart::Head, ..OnnxPreprocessing::default() };
        for (preprocessing, expected) in [rgb, bgr()].into_iter().zip(expected.chunks_exact(6)) {
            let encoder = OnnxEncoder::open(reference_file("encoder.onnx"), preprocessing).unwrap();
            assert_eq!((encoder.side(), encoder.face_space().dimension), (224, 6));
            let features = encoder.encode(&[face(), face()]).unwrap();
            assert_eq!(features[0], features[1]);
            for (found, expected) in features[0].iter().zip(expected) {
                assert!((found - expected).abs() < 2e-3, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_side_defaults_to_112_if_the_file_leaves_it_open() {
        let encoder =
            OnnxEncoder::open(reference_file("encoder_open.onnx"), OnnxPreprocessing::default());
        let encoder = encoder.unwrap();
        assert_eq!((encoder.side(), encoder.face_space().dimension), (112, 4));
        let [feature] = encoder.encode(&[face()]).unwrap().try_into().unwrap();
        let length: f32 = feature.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert!(encoder.encode(&[]).unwrap().is_empty());
    }

    #[test]
    fn different_files_and_preprocessing_have_different_face_spaces() {
        let space = |name: &str, preprocessing: OnnxPreprocessing| {
            OnnxEncoder::open(reference_file(name), preprocessing)
                .unwrap()
                .face_space()
                .name
                .clone()
        };
        let plain = space("encoder.onnx", OnnxPreprocessing::default());
        assert!(plain.starts_with("encoder-") && plain.len() == "encoder-".len() + 12, "{plain}");
        assert_eq!(plain, space("encoder.onnx", OnnxPreprocessing::default()));
        assert_ne!(plain, space("encoder.onnx", bgr()));
        let open = space("encoder_open.onnx", OnnxPreprocessing::default());
        assert!(open.starts_with("encoder_open-"), "{open}");
    }

    #[test]
    fn errors_of_other_files_name_the_file() {
        let check = |path: &Path, part: &str| {
            let error = OnnxEncoder::open(path, OnnxPreprocessing::default()).err().unwrap();
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains(part), "{text}");
        };
        check(&reference_file("missing.onnx"), "cannot be read");
        check(&reference_file("pair_face.py"), "not a face encoder");
        for (other, part) in [
            ("models/yunet/yunet_n_dynamic.onnx", "outputs"),
            ("models/silero_vad/silero_vad_16k_op15.onnx", "inputs"),
        ] {
            if let Some(other) = s2f_testing::data(other) {
                check(&other, part);
            }
        }
    }

    // A published face space: the name must not change between versions.
    #[test]
    fn the_default_preprocessing_hashes_only_the_file() {
        let file = reference_file("encoder.onnx");
        let hash = s2f_core::hash::sha256(&std::fs::read(&file).unwrap());
        let encoder = OnnxEncoder::open(file, OnnxPreprocessing::default()).unwrap();
        assert_eq!(encoder.face_space().name, format!("encoder-{}", &hash[..12]));
        assert_eq!(encoder.face_space().normalisation, Normalisation::UnitLength);
    }

    #[test]
    fn invalid_preprocessing_is_an_error() {
        let preset = OnnxPreprocessing::default;
        for (preprocessing, part) in [
            (OnnxPreprocessing { mean: [0.0, f32::NAN, 0.0], ..preset() }, "mean"),
            (OnnxPreprocessing { scale: [1.0, 1.0, 0.0], ..preset() }, "scale"),
            (OnnxPreprocessing { scale: [1.0, f32::INFINITY, 1.0], ..preset() }, "scale"),
        ] {
            let error = OnnxEncoder::open(reference_file("encoder.onnx"), preprocessing).err();
            let message = error.unwrap().to_string();
            assert!(message.contains(part) && message.contains("; hint: "), "{message}");
        }
    }
}
