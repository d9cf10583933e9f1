//! AIFF and AIFF-C (Apple, 1991), and Sun audio: big-endian formats of samples.
//!
//! As in WAV, sizes are hints: the samples of a file that ends early are those that are there.

use super::pcm::{Coding, PcmFormat};
use super::sink::Sink;
use super::source::{Bytes, Reader};
use crate::error::Problem;

/// Length of the form's head: name, size, type.
const HEAD: u64 = 12;
/// A chunk of samples begins with offset and block size.
const SAMPLES_HEAD: u64 = 8;

/// Whether a file begins like AIFF or AIFF-C.
pub(super) fn detect(head: &[u8]) -> bool {
    head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"))
}

/// Decodes the AIFF file at `start`, and those after it.
pub(super) fn decode(bytes: &Bytes, start: u64, sink: &mut Sink) -> Result<(), Problem> {
    let mut reader = Reader::new(bytes);
    let mut format: Option<(PcmFormat, u64)> = None;
    let mut samples = None;
    let (mut at, mut has_samples) = (start, false);
    loop {
        if detect(reader.at(at, HEAD as usize)?) {
            (format, samples) = (None, None);
            at += HEAD;
            continue;
        }
        let Some([a, b, c, d, size @ ..]) = reader.array::<8>(at)? else { break };
        let (kind, size, content) = ([a, b, c, d], u32::from_be_bytes(size), at + 8);
        let end = content + u64::from(size);
        match &kind {
            b"COMM" => format = Some(common(&bytes.get(content, size.min(64) as usize)?)?),
            b"SSND" => {
                let offset = reader.array(content)?.map_or(0, u32::from_be_bytes);
                samples = Some((content + SAMPLES_HEAD + u64::from(offset), end));
            }
            _ => {}
        }
        // The two chunks come in any order.
        if let (Some((format, frames)), Some((from, end))) = (format, samples) {
            let promised = from.saturating_add(frames.saturating_mul(format.frame_bytes() as u64));
            // Neither size is filled in before a recorder is stopped.
            let is_open = end <= from || frames == 0;
            let to = if is_open { bytes.len() } else { end.max(promised) }.min(bytes.len());
            if !is_open && promised.max(end) > to {
                let missing = (promised.max(end) - to) / format.frame_bytes() as u64;
                sink.missing_s += missing as f64 / f64::from(format.rate_hz.max(1));
            }
            format.decode(bytes, from..to, sink)?;
            (samples, has_samples) = (None, true);
        }
        at = end.next_multiple_of(2);
    }
    if format.is_none() && !has_samples {
        return Err(Problem::Damaged("it does not describe its samples".to_owned()));
    }
    Ok(())
}

/// The format and the number of frames in a `COMM` chunk.
fn common(chunk: &[u8]) -> Result<(PcmFormat, u64), Problem> {
    let damaged = || Problem::Damaged("its description of the samples".to_owned());
    let (head, rest) = chunk.split_first_chunk::<18>().ok_or_else(damaged)?;
    let channels = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let frames = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
    let bits = usize::from(u16::from_be_bytes([head[6], head[7]]));
    let rate_hz = extended(&head[8..18]);
    // AIFF has no name of a codec.
    let codec: [u8; 4] = rest.first_chunk().copied().unwrap_or(*b"NONE");
    let pcm = |coding, bytes, big_endian| {
        let format = PcmFormat { coding, bytes, big_endian, channels, rate_hz };
        Ok((format.check()?, frames.into()))
    };
    match &codec.map(|byte| byte.to_ascii_lowercase()) {
        b"none" | b"twos" => pcm(Coding::Signed, bits.div_ceil(8), true),
        b"sowt" => pcm(Coding::Signed, bits.div_ceil(8), false),
        b"raw " => pcm(Coding::Unsigned, bits.div_ceil(8), true),
        b"in24" => pcm(Coding::Signed, 3, true),
        b"in32" => pcm(Coding::Signed, 4, true),
        b"fl32" => pcm(Coding::Float, 4, true),
        b"fl64" => pcm(Coding::Float, 8, true),
        b"alaw" => pcm(Coding::ALaw, 1, true),
        b"ulaw" => pcm(Coding::MuLaw, 1, true),
        b"ima4" => Err(Problem::UnsupportedCodec("IMA ADPCM (QuickTime)".to_owned())),
        _ => Err(Problem::UnsupportedCodec(format!("AIFF-C codec {}", codec.escape_ascii()))),
    }
}

/// A number of 80 bits (IEEE 754 extended), as sampling rates have it; 0 if it is none.
fn extended(bytes: &[u8]) -> u32 {
    let &[a, b, c, d, e, f, g, h, i, j] = bytes else { return 0 };
    let exponent = i32::from(u16::from_be_bytes([a, b])) - 16_383 - 63;
    let mantissa = u64::from_be_bytes([c, d, e, f, g, h, i, j]);
    let value = mantissa as f64 * 2f64.powi(exponent);
    // Casts from floats saturate.
    value.round() as u32
}

/// Whether a file begins like Sun audio.
pub(super) fn detect_sun(head: &[u8]) -> bool {
    head.starts_with(b".snd")
}

/// Decodes Sun audio (`.au`, `.snd`).
pub(super) fn decode_sun(bytes: &Bytes, sink: &mut Sink) -> Result<(), Problem> {
    const UNKNOWN: u32 = u32::MAX;
    let head = bytes.get(0, 24)?;
    let number = |at: usize| {
        head.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    };
    let [start, size, encoding, rate_hz, channels] = [4, 8, 12, 16, 20].map(number);
    let (coding, width) = match encoding {
        1 => (Coding::MuLaw, 1),
        2..=5 => (Coding::Signed, encoding as usize - 1),
        6 => (Coding::Float, 4),
        7 => (Coding::Float, 8),
        27 => (Coding::ALaw, 1),
        _ => return Err(Problem::UnsupportedCodec(format!("Sun audio codec {encoding}"))),
    };
    let channels = channels as usize;
    let format = PcmFormat { coding, bytes: width, big_endian: true, channels, rate_hz }.check()?;
    let start = u64::from(start);
    if size != UNKNOWN {
        let missing = (start + u64::from(size)).saturating_sub(bytes.len());
        let frames = missing / format.frame_bytes() as u64;
        sink.missing_s += frames as f64 / f64::from(rate_hz.max(1));
    }
    format.decode(bytes, start..bytes.len(), sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_80_bits() {
        // From the AIFF specification's examples, and by hand: 2^13 · 1.953125 = 16 000.
        assert_eq!(extended(&[0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]), 44_100);
        assert_eq!(extended(&[0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0]), 16_000);
        assert_eq!(extended(&[0; 10]), 0);
        assert_eq!(extended(&[0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), u32::MAX);
        assert_eq!(extended(&[0xff; 10]), u32::MAX);
    }
}
