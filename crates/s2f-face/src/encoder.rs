//! Face encoders: networks that turn an aligned face into a feature.

use std::fmt;
use std::str::FromStr;

use s2f_core::FaceSpace;
use serde::{Deserialize, Serialize};

use crate::{FaceError, PairFace};

/// Turns aligned faces into features. Can be shared by threads.
///
/// To add a face encoder, implement this trait.
pub trait FaceEncoder: Send + Sync {
    /// The face space of the features: its name, the number of dimensions, and whether features are
    /// normalised to unit length.
    fn face_space(&self) -> &FaceSpace;

    /// The features of `faces`, in their order: [`FaceSpace::dimension`] finite values each. The
    /// feature of a face does not depend on the other faces of the call.
    ///
    /// # Errors
    /// [`FaceError::Encode`] if the network fails or returns values that are not finite.
    fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError>;
}

/// The order in which a network reads the colour channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelOrder {
    /// Red, green, blue: most networks.
    #[default]
    Rgb,
    /// Blue, green, red: networks from Caffe, or trained on pictures read by OpenCV.
    Bgr,
}

impl fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

impl FromStr for ChannelOrder {
    type Err = FaceError;

    /// Parses `rgb` or `bgr`.
    fn from_str(text: &str) -> Result<Self, FaceError> {
        match text {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            _ => Err(FaceError::UnknownName {
                what: "channel order",
                name: text.to_owned(),
                known: "rgb, bgr",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_orders_are_parsed_and_written_back() {
        for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
            assert_eq!(order.to_string().parse::<ChannelOrder>().unwrap(), order);
        }
        let message = "grb".parse::<ChannelOrder>().unwrap_err().to_string();
        assert_eq!(message, "unknown channel order `grb`; hint: one of rgb, bgr");
    }
}
