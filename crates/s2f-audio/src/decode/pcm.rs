//! Uncompressed samples, and the two logarithmic codes of telephones (ITU-T G.711).

use std::ops::Range;

use super::sink::Sink;
use super::source::Bytes;
use crate::error::Problem;

/// How a sample is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Signed,
    Unsigned,
    Float,
    ALaw,
    MuLaw,
}

/// A stream of frames, one sample of each channel in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PcmFormat {
    pub(super) coding: Coding,
    /// Bytes of a sample.
    pub(super) bytes: usize,
    pub(super) big_endian: bool,
    pub(super) channels: usize,
    pub(super) rate_hz: u32,
}

/// Frames that are decoded at once, at most this many bytes of them.
const BLOCK: usize = 64 << 10;
/// More channels than any recording of a voice has.
const MAX_CHANNELS: usize = 256;

impl PcmFormat {
    /// The format, if there is such a one.
    pub(super) fn check(self) -> Result<Self, Problem> {
        let known = match self.coding {
            Coding::Signed => (1..=4).contains(&self.bytes),
            Coding::Unsigned => (1..=2).contains(&self.bytes),
            Coding::Float => self.bytes == 4 || self.bytes == 8,
            Coding::ALaw | Coding::MuLaw => self.bytes == 1,
        };
        if !known {
            return Err(Problem::UnsupportedCodec(format!("PCM of {} bits", 8 * self.bytes)));
        }
        if self.channels == 0 || self.channels > MAX_CHANNELS {
            return Err(Problem::Damaged(format!("it declares {} channels", self.channels)));
        }
        Ok(self)
    }

    pub(super) fn frame_bytes(&self) -> usize {
        self.bytes * self.channels
    }

    /// Decodes the frames in `range` of `source`; an incomplete last frame is left out.
    pub(super) fn decode(
        &self,
        source: &Bytes,
        range: Range<u64>,
        sink: &mut Sink,
    ) -> Result<(), Problem> {
        let frame = self.frame_bytes();
        let block = (BLOCK / frame).max(1) * frame;
        let mut samples = Vec::with_capacity(block / self.bytes);
        let mut at = range.start;
        while at < range.end {
            let length = usize::try_from(range.end - at).unwrap_or(block).min(block);
            let bytes = source.get(at, length)?;
            if bytes.len() < frame {
                break;
            }
            samples.clear();
            let whole = bytes.len() / frame * frame;
            samples.extend(bytes[..whole].chunks_exact(self.bytes).map(|bytes| self.sample(bytes)));
            sink.push(&samples, self.channels, self.rate_hz)?;
            at += whole as u64;
        }
        Ok(())
    }

    /// One sample, full scale −1 to 1.
    fn sample(&self, bytes: &[u8]) -> f32 {
        let mut word = [0; 8];
        let word = &mut word[..self.bytes];
        word.copy_from_slice(bytes);
        if self.big_endian {
            word.reverse();
        }
        match (self.coding, &*word) {
            (Coding::Signed, &[a]) => f32::from(a.cast_signed()) / 128.0,
            (Coding::Signed, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Coding::Signed, &[a, b, c]) => {
                i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0
            }
            (Coding::Signed, &[a, b, c, d]) => {
                i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0
            }
            (Coding::Unsigned, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Coding::Unsigned, &[a, b]) => {
                (f32::from(u16::from_le_bytes([a, b])) - 32_768.0) / 32_768.0
            }
            (Coding::Float, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Coding::Float, &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            (Coding::ALaw, &[a]) => a_law(a),
            (Coding::MuLaw, &[a]) => mu_law(a),
            _ => 0.0, // `check` allows no other size
        }
    }
}

/// ITU-T G.711, table 1a: sign, three bits of exponent, four of mantissa; even bits inverted.
fn a_law(code: u8) -> f32 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (code >> 4 & 7, i32::from(code & 0x0f));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    let value = if code & 0x80 == 0 { -magnitude } else { magnitude };
    value as f32 / 32_768.0
}

/// ITU-T G.711, table 2a: the same with all bits inverted and an offset of 33 in 14 bits.
fn mu_law(code: u8) -> f32 {
    let code = !code;
    let (exponent, mantissa) = (code >> 4 & 7, i32::from(code & 0x0f));
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    let value = if code & 0x80 == 0 { magnitude } else { -magnitude };
    value as f32 / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_every_coding() {
        let check = |coding, big_endian, bytes: &[u8], expected: f32| {
            let format =
                PcmFormat { coding, bytes: bytes.len(), big_endian, channels: 1, rate_hz: 8000 };
            assert_eq!(format.check().unwrap().sample(bytes), expected, "{format:?} {bytes:?}");
        };
        check(Coding::Unsigned, false, &[0], -1.0);
        check(Coding::Unsigned, false, &[192], 0.5);
        check(Coding::Unsigned, true, &[192, 0], 0.5);
        check(Coding::Signed, false, &[0xc0], -0.5);
        check(Coding::Signed, false, &[0, 0xc0], -0.5);
        check(Coding::Signed, true, &[0xc0, 0], -0.5);
        check(Coding::Signed, true, &[0x40, 0, 0], 0.5);
        check(Coding::Signed, false, &[0, 0, 0x40], 0.5);
        check(Coding::Signed, false, &[0, 0, 0, 0x40], 0.5);
        check(Coding::Float, true, &0.25f32.to_be_bytes(), 0.25);
        check(Coding::Float, false, &0.25f64.to_le_bytes(), 0.25);
    }

    /// The ends of the scales and the steps around 0, from the tables of ITU-T G.711.
    #[test]
    fn codes_of_telephones() {
        for (code, value) in [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256)] {
            assert_eq!(a_law(code), value as f32 / 32_768.0, "{code:#x}");
        }
        for (code, value) in [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xfe, 8)] {
            assert_eq!(mu_law(code), value as f32 / 32_768.0, "{code:#x}");
        }
    }

    #[test]
    fn impossible_formats_are_refused() {
        let format = PcmFormat {
            coding: Coding::Float,
            bytes: 4,
            big_endian: false,
            channels: 1,
            rate_hz: 1,
        };
        assert!(format.check().is_ok());
        assert!(PcmFormat { bytes: 5, ..format }.check().is_err());
        assert!(PcmFormat { channels: 0, ..format }.check().is_err());
        assert!(PcmFormat { channels: 257, ..format }.check().is_err());
    }
}
