//! The order of colour channels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The order in which a network reads the colour channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelOrder {
    /// Red, green, blue: most networks, and weights from Torch or MatConvNet.
    #[default]
    Rgb,
    /// Blue, green, red: networks from Caffe, or trained on pictures read by OpenCV.
    Bgr,
}

/// A name that is not `rgb` or `bgr`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel order `{0}`; hint: one of rgb, bgr")]
pub struct UnknownChannelOrder(String);

impl fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

impl FromStr for ChannelOrder {
    type Err = UnknownChannelOrder;

    /// Parses `rgb` or `bgr`.
    fn from_str(text: &str) -> Result<Self, UnknownChannelOrder> {
        match text {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            _ => Err(UnknownChannelOrder(text.to_owned())),
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
