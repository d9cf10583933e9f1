//! Face encoders: what turns an aligned face into numbers, and one that runs a user's ONNX file.

use std::path::Path;

use image::RgbImage;
use rten::{Dimension, Model, ModelOptions, NodeId};
use rten_tensor::NdTensor;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use sha2::{Digest, Sha256};

use crate::runtime::one_thread;
use crate::{FaceError, FacePart, MOBILEFACE_SIDE, PairFace};

/// Turns aligned faces into features. May be shared by threads.
pub trait FaceEncoder: Send + Sync {
    /// Name of the face space: features of two names cannot be compared or mixed.
    fn space(&self) -> &str;

    /// Numbers a feature has.
    fn dimension(&self) -> usize;

    /// Whether features are divided by their Euclidean length; otherwise they are what the
    /// network gives.
    fn unit_length(&self) -> bool;

    /// The feature of each face, [`FaceEncoder::dimension`] finite numbers, in the order of
    /// `faces`; one face gives the same numbers whatever faces stand beside it.
    ///
    /// # Errors
    /// [`FaceError::Encode`] where the network does not run, or gives numbers that are not finite.
    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError>;
}

/// How an ONNX face encoder wants its pictures. The default is ArcFace's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnnxSettings {
    /// Order of the colours.
    pub channels: ChannelOrder,
    /// Taken off each value of 0 to 255, in that order.
    pub mean: [f32; 3],
    /// Multiplied with what is left.
    pub scale: [f32; 3],
    /// What of the face the network wants to see.
    pub part: FacePart,
}

/// Order in which a network reads colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

impl Default for OnnxSettings {
    /// (value - 127.5) / 127.5, red first, the aligned face: as InsightFace runs its recognisers.
    fn default() -> Self {
        Self {
            channels: ChannelOrder::Rgb,
            mean: [127.5; 3],
            scale: [1.0 / 127.5; 3],
            part: FacePart::Face,
        }
    }
}

/// A face recogniser from an ONNX file: one input `[n, 3, side, side]`, one output
/// `[n, dimension]`. Its features have unit length.
pub struct OnnxEncoder {
    model: Model,
    input: NodeId,
    output: NodeId,
    side: u32,
    settings: OnnxSettings,
    space: String,
    dimension: usize,
}

/// Sides that are believed.
const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;

impl OnnxEncoder {
    /// Loads a recogniser. Its input's side is read from the file, 112 where the file leaves it
    /// open, and its dimension is found by running it once.
    ///
    /// The face space is named after the file and after a hash of its bytes and of `settings`, so
    /// that no other file and no other settings share it.
    ///
    /// # Errors
    /// [`FaceError::Read`] where the file cannot be read, [`FaceError::Encoder`] where it is no
    /// such network.
    pub fn open(path: impl AsRef<Path>, settings: OnnxSettings) -> Result<Self, FaceError> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| FaceError::Read { path: path.into(), source })?;
        let wrong = |reason: String| FaceError::Encoder { path: path.into(), reason };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let space = format!("{name}-{}", fingerprint(&bytes, &settings));
        let model =
            ModelOptions::with_all_ops().load(bytes).map_err(|error| wrong(error.to_string()))?;
        let [input] = *model.input_ids() else {
            let inputs = model.input_ids().len();
            return Err(wrong(format!("it has {inputs} inputs and should have one")));
        };
        let [output] = *model.output_ids() else {
            let outputs = model.output_ids().len();
            return Err(wrong(format!("it has {outputs} outputs and should have one")));
        };
        let side = match model.input_shape(0) {
            Some(shape) => side(&shape).map_err(wrong)?,
            None => MOBILEFACE_SIDE,
        };
        let mut encoder = Self { model, input, output, side, settings, space, dimension: 0 };
        let trial = RgbImage::from_pixel(side, side, image::Rgb([128; 3]));
        encoder.dimension = encoder.run(&trial).map_err(wrong)?.len();
        Ok(encoder)
    }

    /// Side of the network's input, in pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The network's output for one picture of the right side.
    fn run(&self, picture: &RgbImage) -> Result<Vec<f32>, String> {
        let input = network_input(picture, &self.settings);
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
    fn space(&self) -> &str {
        &self.space
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn unit_length(&self) -> bool {
        true
    }

    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
        let failed = |reason: String| FaceError::Encode { space: self.space.clone(), reason };
        // One by one: many exported recognisers have a batch of 1 written into them.
        let encode = |face: &PairFace| {
            let picture = face.part(self.settings.part, self.side);
            let feature = self.run(&picture).map_err(failed)?;
            let length = feature.iter().map(|value| value * value).sum::<f32>().sqrt();
            if feature.len() != self.dimension {
                return Err(failed(format!("{} numbers, not {}", feature.len(), self.dimension)));
            }
            if !(length.is_finite() && length > 0.0) {
                return Err(failed(format!("a feature of length {length}")));
            }
            Ok(feature.into_iter().map(|value| value / length).collect())
        };
        faces.iter().map(encode).collect()
    }
}

/// First 12 hexadecimal digits of the SHA-256 of the file's bytes and of the settings.
fn fingerprint(bytes: &[u8], settings: &OnnxSettings) -> String {
    let mut hash = Sha256::new_with_prefix(bytes);
    if *settings != OnnxSettings::default() {
        hash.update(format!("{settings:?}"));
    }
    hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The side of an input `[n, 3, side, side]`; the batch may be of any size.
fn side(shape: &[Dimension]) -> Result<u32, String> {
    let wrong = || format!("its input has the shape {shape:?}, not [n, 3, side, side]");
    let [_, channels, height, width] = shape else { return Err(wrong()) };
    let side = match [height, width] {
        [Dimension::Fixed(height), Dimension::Fixed(width)] if height == width => {
            u32::try_from(*height).map_err(|_| wrong())?
        }
        [Dimension::Symbolic(_), Dimension::Symbolic(_)] => MOBILEFACE_SIDE,
        _ => return Err(wrong()),
    };
    let colours = !matches!(channels, Dimension::Fixed(channels) if *channels != 3);
    if colours && SIDES.contains(&side) { Ok(side) } else { Err(wrong()) }
}

/// `[1, 3, side, side]`.
fn network_input(picture: &RgbImage, settings: &OnnxSettings) -> NdTensor<f32, 4> {
    let (width, height) = picture.dimensions();
    let mut values = Vec::with_capacity(picture.as_raw().len());
    for place in 0..3 {
        let channel = match settings.channels {
            ChannelOrder::Rgb => place,
            ChannelOrder::Bgr => 2 - place,
        };
        let (mean, scale) = (settings.mean[place], settings.scale[place]);
        values.extend(picture.pixels().map(|pixel| (f32::from(pixel[channel]) - mean) * scale));
    }
    NdTensor::from_data([1, 3, height as usize, width as usize], values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PAIR_TEMPLATE;
    use crate::reference::{read_npy, reference_file};

    fn bgr() -> OnnxSettings {
        OnnxSettings {
            channels: ChannelOrder::Bgr,
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
    // decoders differ by a step of a byte here and there; the network takes means over 1024
    // pixels.
    #[test]
    fn features_agree_with_onnx_runtime() {
        let (_, expected) = read_npy::<f32>(&reference_file("encoder_output.npy"));
        let rgb = OnnxSettings { part: FacePart::Head, ..OnnxSettings::default() };
        for (settings, expected) in [rgb, bgr()].into_iter().zip(expected.chunks_exact(6)) {
            let encoder = OnnxEncoder::open(reference_file("encoder.onnx"), settings).unwrap();
            assert_eq!((encoder.side(), encoder.dimension()), (224, 6));
            let features = encoder.encode(&[face(), face()]).unwrap();
            assert_eq!(features[0], features[1]);
            for (found, expected) in features[0].iter().zip(expected) {
                assert!((found - expected).abs() < 2e-3, "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_file_that_leaves_the_side_open_gets_the_usual_one() {
        let encoder =
            OnnxEncoder::open(reference_file("encoder_open.onnx"), OnnxSettings::default());
        let encoder = encoder.unwrap();
        assert_eq!((encoder.side(), encoder.dimension()), (112, 4));
        let [feature] = encoder.encode(&[face()]).unwrap().try_into().unwrap();
        let length: f32 = feature.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert!(encoder.encode(&[]).unwrap().is_empty());
    }

    #[test]
    fn files_and_settings_have_face_spaces_of_their_own() {
        let space = |name: &str, settings: OnnxSettings| {
            OnnxEncoder::open(reference_file(name), settings).unwrap().space().to_owned()
        };
        let plain = space("encoder.onnx", OnnxSettings::default());
        assert!(plain.starts_with("encoder-") && plain.len() == "encoder-".len() + 12, "{plain}");
        assert_eq!(plain, space("encoder.onnx", OnnxSettings::default()));
        assert_ne!(plain, space("encoder.onnx", bgr()));
        let open = space("encoder_open.onnx", OnnxSettings::default());
        assert!(open.starts_with("encoder_open-"), "{open}");
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let check = |path: &Path, part: &str| {
            let error = OnnxEncoder::open(path, OnnxSettings::default()).err().unwrap();
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains(part), "{text}");
        };
        check(&reference_file("missing.onnx"), "cannot be read");
        check(&reference_file("pair_face.py"), "no face encoder");
        for (other, part) in [
            ("models/yunet/yunet_n_dynamic.onnx", "outputs"),
            ("models/silero_vad/silero_vad_16k_op15.onnx", "inputs"),
        ] {
            if let Some(other) = crate::reference::published(other) {
                check(&other, part);
            }
        }
    }
}
