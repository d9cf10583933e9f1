//! The networks that prepare a corpus: face detector, speech detector and face encoder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use s2f_audio::{SpeechDetector, SpeechError};
use s2f_core::ChannelOrder;
use s2f_face::{Detector, FaceEncoder, FaceError, FacePart, OnnxEncoder, OnnxPreprocessing};
use s2f_nn::weights::WeightsError;
use s2f_registry::{NetworkSource, RegistryError, Store};

use crate::device::{DeviceChoice, DeviceError};
use crate::face_encoder::{MobileFaceEncoder, VggFaceEncoder};

const VGG_FACE: &str = "vgg-face";

/// Which networks prepare a corpus. By default, they are YuNet and MobileFace, as
/// `speech2face model pull` fetched them, and the built-in Silero VAD.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkChoice {
    /// The face encoder.
    pub encoder: FaceEncoderChoice,
    /// Another file of the face detector YuNet.
    pub detector: Option<PathBuf>,
    /// Another speech detector, an ONNX file with the inputs of Silero VAD.
    pub speech_detector: Option<PathBuf>,
}

/// Which face encoder computes the features of a corpus.
#[derive(Debug, Clone, PartialEq)]
pub enum FaceEncoderChoice {
    /// MobileFace V2, the face space of the shipped model.
    MobileFace {
        /// Another file than that of `model pull`.
        weights: Option<PathBuf>,
    },
    /// VGG-Face, the paper's face space.
    VggFace {
        /// Its weights, as `model import vgg-face` writes them.
        weights: PathBuf,
    },
    /// Any face recogniser.
    Onnx {
        /// The ONNX file.
        file: PathBuf,
        /// What it expects.
        settings: OnnxSettings,
    },
}

impl Default for FaceEncoderChoice {
    fn default() -> Self {
        Self::MobileFace { weights: None }
    }
}

/// What an ONNX face recogniser expects, where it differs from [`OnnxPreprocessing::default`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OnnxSettings {
    /// Order of the colour channels.
    pub channels: Option<ChannelOrder>,
    /// Subtracted from the values 0 to 255 of each channel, in its order.
    pub mean: Option<[f32; 3]>,
    /// The values of each channel are then divided by it; not 0.
    pub std: Option<[f32; 3]>,
    /// Part of the head.
    pub crop: Option<FacePart>,
}

/// The networks, ready to run.
pub struct CorpusNetworks {
    /// Detects faces.
    pub detector: Detector,
    /// Detects speech.
    pub speech: SpeechDetector,
    /// Encodes faces.
    pub encoder: Box<dyn FaceEncoder>,
}

/// Why the networks cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusNetworksError {
    /// A face encoder that does not exist.
    #[error(
        "there is no face encoder or file called {name}; hint: use {}, {VGG_FACE}, or an ONNX file",
        FaceEncoderChoice::MOBILEFACE
    )]
    UnknownEncoder {
        /// Its name.
        name: String,
    },
    /// VGG-Face without weights.
    #[error(
        "{VGG_FACE} needs its weights; hint: `speech2face model pull {VGG_FACE}` shows where to \
         get them, then give their file as weights"
    )]
    NoWeights,
    /// A setting that does not apply to the encoder.
    #[error(
        "{setting} has no effect on the face encoder {encoder}; hint: leave it out, it is for \
         other encoders"
    )]
    NoEffect {
        /// Name of the setting.
        setting: &'static str,
        /// Name of the encoder.
        encoder: String,
    },
    /// A device that does not apply to the encoder.
    #[error(
        "the device {device} has no effect on the face encoder {}; hint: ONNX files run on the \
         CPU, leave the device out", file.display()
    )]
    NoEffectOfDevice {
        /// The device.
        device: DeviceChoice,
        /// The encoder.
        file: PathBuf,
    },
    /// A network that was not pulled, or a file that cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The face detector or the face encoder.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The weights of the face encoder.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The speech detector.
    #[error(transparent)]
    Speech(#[from] SpeechError),
}

impl FaceEncoderChoice {
    /// Name of the default encoder.
    pub const MOBILEFACE: &str = "mobileface";

    /// The encoder `mobileface` or `vgg-face`, or that of an ONNX file.
    ///
    /// # Errors
    /// [`CorpusNetworksError::UnknownEncoder`], [`CorpusNetworksError::NoWeights`], and
    /// [`CorpusNetworksError::NoEffect`] for settings of another encoder.
    pub fn named(
        name: &str,
        weights: Option<PathBuf>,
        settings: OnnxSettings,
    ) -> Result<Self, CorpusNetworksError> {
        let no_effect = |setting| {
            let encoder = name.to_owned();
            Err(CorpusNetworksError::NoEffect { setting, encoder })
        };
        if let Self::MOBILEFACE | VGG_FACE = name {
            return match (name, settings.given().next(), weights) {
                (_, Some((setting, _)), _) => no_effect(setting),
                (Self::MOBILEFACE, None, weights) => Ok(Self::MobileFace { weights }),
                (_, None, Some(weights)) => Ok(Self::VggFace { weights }),
                (_, None, None) => Err(CorpusNetworksError::NoWeights),
            };
        }
        if !Path::new(name).exists() {
            return Err(CorpusNetworksError::UnknownEncoder { name: name.to_owned() });
        }
        match weights {
            Some(_) => no_effect("weights"),
            None => Ok(Self::Onnx { file: name.into(), settings }),
        }
    }

    /// The settings that were given, by name, to be recorded with the pairs.
    pub fn recorded(&self) -> BTreeMap<String, String> {
        match self {
            Self::MobileFace { .. } | Self::VggFace { .. } => BTreeMap::new(),
            Self::Onnx { settings, .. } => {
                settings.given().map(|(name, value)| (name.to_owned(), value)).collect()
            }
        }
    }

    fn source(&self) -> NetworkSource {
        match self {
            Self::MobileFace { weights } => {
                NetworkSource::file_or_registered(weights.clone(), Self::MOBILEFACE)
            }
            Self::VggFace { weights: file } | Self::Onnx { file, .. } => {
                NetworkSource::File(file.clone())
            }
        }
    }

    fn open(
        &self,
        file: &Path,
        device: DeviceChoice,
    ) -> Result<Box<dyn FaceEncoder>, CorpusNetworksError> {
        Ok(match self {
            Self::MobileFace { .. } => Box::new(MobileFaceEncoder::open(file, &device.open()?)?),
            Self::VggFace { .. } => Box::new(VggFaceEncoder::open(file, &device.open()?)?),
            Self::Onnx { settings, .. } => {
                if !matches!(device, DeviceChoice::Auto | DeviceChoice::Cpu) {
                    let file = file.to_owned();
                    return Err(CorpusNetworksError::NoEffectOfDevice { device, file });
                }
                Box::new(OnnxEncoder::open(file, settings.preprocessing())?)
            }
        })
    }
}

impl OnnxSettings {
    /// Names and values.
    fn given(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let three = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        let settings = [
            ("channels", self.channels.map(|order| order.to_string())),
            ("crop", self.crop.map(|part| part.to_string())),
            ("mean", self.mean.map(three)),
            ("std", self.std.map(three)),
        ];
        settings.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    fn preprocessing(&self) -> OnnxPreprocessing {
        let default = OnnxPreprocessing::default();
        OnnxPreprocessing {
            channel_order: self.channels.unwrap_or(default.channel_order),
            mean: self.mean.unwrap_or(default.mean),
            scale: self.std.map_or(default.scale, |std| std.map(|std| 1.0 / std)),
            part: self.crop.unwrap_or(default.part),
        }
    }
}

impl CorpusNetworks {
    /// Opens the networks, the face encoder on `device`.
    ///
    /// # Errors
    /// Names all networks that are missing, a file that is not that of its network, and a device
    /// that this build or this computer lacks, or that has no effect.
    pub fn open(choice: &NetworkChoice, device: DeviceChoice) -> Result<Self, CorpusNetworksError> {
        let detector = NetworkSource::file_or_registered(choice.detector.clone(), "yunet");
        let encoder = choice.encoder.source();
        let store = Store::from_environment()?;
        let [detector, encoder] = store.find_all([&detector, &encoder])?;
        Ok(Self {
            detector: Detector::open(detector)?,
            speech: match &choice.speech_detector {
                Some(file) => SpeechDetector::open(file)?,
                None => SpeechDetector::shipped()?,
            },
            encoder: choice.encoder.open(&encoder, device)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONNX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    #[test]
    fn settings_that_do_not_apply_to_the_encoder_are_refused() {
        let all = OnnxSettings {
            channels: Some(ChannelOrder::Bgr),
            mean: Some([104.0, 117.0, 123.5]),
            std: Some([1.0; 3]),
            crop: Some(FacePart::Head),
        };
        let only_mean = OnnxSettings { channels: None, std: None, crop: None, ..all };
        let named = |name, weights: Option<&str>, settings| {
            FaceEncoderChoice::named(name, weights.map(PathBuf::from), settings)
        };
        for (name, weights, settings, word) in [
            ("mobileface", None, all, "channels"),
            ("vgg-face", Some("a"), only_mean, "mean"),
            ("vgg-face", None, OnnxSettings::default(), "pull vgg-face"),
            (ONNX, Some("a"), all, "weights"),
            ("arcface", None, all, "arcface"),
        ] {
            let message = named(name, weights, settings).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("; hint: "), "{message}");
        }
        let default = named("mobileface", None, OnnxSettings::default()).unwrap();
        assert_eq!(default, FaceEncoderChoice::default());
        assert!(default.recorded().is_empty());
        let onnx = named(ONNX, None, all).unwrap();
        let expected =
            [("channels", "bgr"), ("crop", "head"), ("mean", "104,117,123.5"), ("std", "1,1,1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(onnx.recorded().into_iter().eq(expected));
    }

    #[test]
    fn devices_without_effect_are_refused() {
        let onnx = FaceEncoderChoice::named(ONNX, None, OnnxSettings::default()).unwrap();
        let message = |device| onnx.open(ONNX.as_ref(), device).err().unwrap().to_string();
        let refused = message("cuda:0".parse().unwrap());
        assert!(refused.contains("the device cuda:0") && refused.contains(ONNX), "{refused}");
        // What it says of this file is another matter.
        assert!(!message(DeviceChoice::Cpu).contains("the device"));
    }
}
