//! The options of `corpus prepare` that choose the networks.

use std::path::PathBuf;

use s2f_core::ChannelOrder;
use s2f_face::FacePart;
use speech2face::{
    CorpusNetworksError, DeviceChoice, FaceEncoderChoice, NetworkChoice, OnnxSettings,
};

use crate::device::DeviceArgs;

/// The options.
#[derive(clap::Args)]
#[command(next_help_heading = "Networks")]
pub struct NetworkArgs {
    /// Face encoder: mobileface, vgg-face (with --weights), or an ONNX face recogniser
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = FaceEncoderChoice::MOBILEFACE)]
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
    #[arg(long, value_name = "PART")]
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

impl NetworkArgs {
    /// The networks.
    ///
    /// # Errors
    /// Names an encoder that does not exist, and options that do not apply to the encoder.
    pub fn choice(&self) -> Result<NetworkChoice, CorpusNetworksError> {
        let Self { channels, mean, std, crop, .. } = *self;
        let settings = OnnxSettings { channels, mean, std, crop };
        Ok(NetworkChoice {
            encoder: FaceEncoderChoice::named(&self.encoder, self.weights.clone(), settings)?,
            detector: self.detector.clone(),
            speech_detector: self.speech_detector.clone(),
        })
    }

    /// The device of the face encoder.
    pub fn device(&self) -> DeviceChoice {
        self.device.choice()
    }
}

fn three_numbers(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|number| number.trim().parse().ok()).collect();
    let three = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
    three.ok_or_else(|| "three numbers with commas are needed, for example 104,117,123".to_owned())
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

    #[test]
    fn options_become_a_choice() {
        let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let parse = |arguments: &str| {
            let arguments = std::iter::once("test").chain(arguments.split_whitespace());
            Command::try_parse_from(arguments).unwrap().networks.choice()
        };
        assert_eq!(parse("").unwrap(), NetworkChoice::default());
        let options = "--channels bgr --mean 104,117,123.5 --std 1,2,3 --crop head --detector a";
        let settings = OnnxSettings {
            channels: Some(ChannelOrder::Bgr),
            mean: Some([104.0, 117.0, 123.5]),
            std: Some([1.0, 2.0, 3.0]),
            crop: Some(FacePart::Head),
        };
        let expected = NetworkChoice {
            encoder: FaceEncoderChoice::Onnx { file: onnx.into(), settings },
            detector: Some("a".into()),
            speech_detector: None,
        };
        assert_eq!(parse(&format!("--encoder {onnx} {options}")).unwrap(), expected);
        assert!(parse("--channels bgr").is_err());
    }

    #[test]
    fn three_numbers_are_three() {
        assert_eq!(three_numbers("1, 2.5,-3"), Ok([1.0, 2.5, -3.0]));
        for text in ["", "1,2", "1,2,3,4", "1,2,x"] {
            assert!(three_numbers(text).is_err(), "{text}");
        }
    }
}
