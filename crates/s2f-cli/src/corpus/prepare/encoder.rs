//! The face encoder and the other networks of `corpus prepare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use s2f_core::ChannelOrder;
use s2f_face::{Detector, FaceEncoder, FacePart, OnnxEncoder, OnnxPreprocessing};
use s2f_registry::{NetworkSource, Store};
use speech2face::audio::SpeechDetector;
use speech2face::{DeviceChoice, MobileFaceEncoder, VggFaceEncoder};

use crate::device::DeviceArgs;

/// Encoders with a name.
const MOBILEFACE: &str = "mobileface";
const VGG_FACE: &str = "vgg-face";

/// The options that choose the networks.
#[derive(clap::Args)]
#[command(next_help_heading = "Networks")]
pub struct NetworkArgs {
    /// Face encoder: mobileface, vgg-face (with --weights), or an ONNX face recogniser
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = MOBILEFACE)]
    encoder: String,

    /// Weights of the face encoder, if not those of `model pull`
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Order of the colour channels that an ONNX encoder expects: rgb or bgr [default: rgb]
    #[arg(long, value_name = "ORDER")]
    channels: Option<ChannelOrder>,

    /// Values that an ONNX encoder expects to be subtracted from each channel, in its order
    /// [default: 127.5,127.5,127.5]
    #[arg(long, value_name = "A,B,C", value_parser = three_numbers)]
    mean: Option<[f32; 3]>,

    /// Values that each channel is then divided by [default: 127.5,127.5,127.5]
    #[arg(long, value_name = "A,B,C", value_parser = three_numbers)]
    std: Option<[f32; 3]>,

    /// Part of the head that an ONNX encoder expects: face (forehead to chin, aligned as for
    /// ArcFace) or head (with hair) [default: face]
    #[arg(long, value_name = "PART", value_parser = face_part)]
    crop: Option<FacePart>,

    /// Face detector YuNet, if not that of `model pull yunet`
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,

    /// Another speech detector than the built-in Silero VAD
    #[arg(long, value_name = "FILE")]
    speech_detector: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgs,
}

/// The networks, ready to run.
pub struct Networks {
    pub detector: Detector,
    pub speech: SpeechDetector,
    pub encoder: Box<dyn FaceEncoder>,
}

impl NetworkArgs {
    /// Opens the networks.
    ///
    /// # Errors
    /// Names all networks that are missing, an encoder that does not exist, and options that do not
    /// apply to the encoder.
    pub fn open(&self) -> anyhow::Result<Networks> {
        self.check()?;
        let detector = NetworkSource::file_or_registered(self.detector.clone(), "yunet");
        let encoder = self.encoder_source()?;
        let store = Store::from_environment()?;
        let [detector, encoder] = store.find_all([&detector, &encoder])?;
        Ok(Networks {
            detector: Detector::open(detector)?,
            speech: match &self.speech_detector {
                Some(file) => SpeechDetector::open(file)?,
                None => SpeechDetector::shipped()?,
            },
            encoder: self.open_encoder(&encoder)?,
        })
    }

    /// The settings of the encoder that were given, by name.
    pub fn recorded(&self) -> BTreeMap<String, String> {
        let three = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
        let part = |part| if part == FacePart::Head { "head" } else { "face" }.to_owned();
        let given = [
            ("channels", self.channels.map(|order| order.to_string())),
            ("mean", self.mean.map(three)),
            ("std", self.std.map(three)),
            ("crop", self.crop.map(part)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Refuses options that would have no effect.
    fn check(&self) -> anyhow::Result<()> {
        let applicable: &[&str] = match self.encoder.as_str() {
            MOBILEFACE | VGG_FACE => &[],
            _ => &["channels", "mean", "std", "crop"],
        };
        let device = self.device.choice();
        let is_onnx = ![MOBILEFACE, VGG_FACE].contains(&self.encoder.as_str());
        if is_onnx && !matches!(device, DeviceChoice::Auto | DeviceChoice::Cpu) {
            bail!(
                "--device {device} has no effect on the face encoder {}; hint: ONNX files run on \
                 the CPU, omit --device",
                self.encoder
            );
        }
        match self.recorded().keys().find(|name| !applicable.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => bail!(
                "--{name} has no effect on the face encoder {}; hint: it is for other encoders, \
                 see --help",
                self.encoder
            ),
        }
    }

    fn encoder_source(&self) -> anyhow::Result<NetworkSource> {
        match self.encoder.as_str() {
            MOBILEFACE => Ok(NetworkSource::file_or_registered(self.weights.clone(), MOBILEFACE)),
            VGG_FACE => Ok(NetworkSource::File(self.weights.clone().context(
                "vgg-face needs its weights; hint: `speech2face model pull vgg-face` shows where \
                 to get them, then name the file with --weights",
            )?)),
            file if Path::new(file).exists() => Ok(NetworkSource::File(file.into())),
            other => bail!(
                "there is no face encoder or file called {other}; hint: use {MOBILEFACE}, \
                 {VGG_FACE}, or an ONNX file"
            ),
        }
    }

    fn open_encoder(&self, file: &Path) -> anyhow::Result<Box<dyn FaceEncoder>> {
        Ok(match self.encoder.as_str() {
            MOBILEFACE => Box::new(MobileFaceEncoder::open(file, &self.device.open()?)?),
            VGG_FACE => Box::new(VggFaceEncoder::open(file, &self.device.open()?)?),
            _ => {
                let default = OnnxPreprocessing::default();
                let preprocessing = OnnxPreprocessing {
                    channel_order: self.channels.unwrap_or(default.channel_order),
                    mean: self.mean.unwrap_or(default.mean),
                    scale: self.std.map_or(default.scale, |std| std.map(|std| 1.0 / std)),
                    part: self.crop.unwrap_or(default.part),
                };
                Box::new(OnnxEncoder::open(file, preprocessing)?)
            }
        })
    }
}

fn three_numbers(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|number| number.trim().parse().ok()).collect();
    let three = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
    three.ok_or_else(|| "three numbers with commas are needed, for example 104,117,123".to_owned())
}

fn face_part(text: &str) -> Result<FacePart, String> {
    match text {
        "face" => Ok(FacePart::Face),
        "head" => Ok(FacePart::Head),
        _ => Err("it must be face or head".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        networks: NetworkArgs,
    }

    fn parse(arguments: &str) -> NetworkArgs {
        let arguments = std::iter::once("test").chain(arguments.split_whitespace());
        Command::try_parse_from(arguments).unwrap().networks
    }

    #[test]
    fn options_that_do_not_apply_to_the_encoder_are_refused() {
        let check = |arguments: &str, option: Option<&str>| match (parse(arguments).check(), option)
        {
            (Ok(()), None) => {}
            (Err(error), Some(option)) => {
                let message = error.to_string();
                assert!(message.contains(option) && message.contains("; hint: "), "{message}");
            }
            (found, expected) => panic!("{arguments}: {found:?} is not {expected:?}"),
        };
        check("", None);
        check("--channels bgr", Some("--channels"));
        check("--encoder vgg-face --channels bgr", Some("--channels"));
        check("--encoder vgg-face --mean 1,2,3", Some("--mean"));
        check("--encoder a.onnx --channels bgr --mean 1,2,3 --std 1,1,1 --crop head", None);
        check("--encoder a.onnx --device cuda:0", Some("--device cuda:0"));
        check("--encoder a.onnx --device cpu", None);
        check("--encoder vgg-face --device cuda:0", None);
    }

    #[test]
    fn given_settings_are_recorded() {
        assert!(parse("").recorded().is_empty());
        let found = parse("--encoder a.onnx --channels bgr --mean 104,117,123.5 --crop head");
        let expected = [("channels", "bgr"), ("crop", "head"), ("mean", "104,117,123.5")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(found.recorded().into_iter().eq(expected));
    }

    #[test]
    fn three_numbers_are_three() {
        assert_eq!(three_numbers("1, 2.5,-3"), Ok([1.0, 2.5, -3.0]));
        for text in ["", "1,2", "1,2,3,4", "1,2,x"] {
            assert!(three_numbers(text).is_err(), "{text}");
        }
    }
}
