//! The Core Audio Format (Apple, "Apple Core Audio Format Specification 1.0"): uncompressed
//! samples, ALAC, Opus and AAC.
//!
//! The size of the samples may be unknown (−1). They then reach to the end of the file, and the
//! chunks that describe packets come before them.

use std::ops::Range;

use super::names;
use super::opus;
use super::packets::{Codec, Kept, PacketDecoder};
use super::pcm::{Coding, PcmFormat};
use super::sink::Sink;
use super::source::{Bytes, Reader};
use crate::error::Problem;

/// File type, version and flags.
const HEAD: u64 = 8;
/// A count of edits precedes the samples.
const EDITS: u64 = 4;
/// The table of a recording of two hours has 1 MB.
const MAX_TABLE: u64 = 32 << 20;
/// Longer packets do not exist.
const MAX_PACKET: u64 = 1 << 20;

/// Whether a file begins like CAF.
pub(super) fn detect(head: &[u8]) -> bool {
    head.starts_with(b"caff")
}

/// The chunks of a file.
#[derive(Default)]
struct Chunks {
    description: Option<[u8; 32]>,
    cookie: Vec<u8>,
    table: Vec<u8>,
    data: Option<Range<u64>>,
    /// Bytes of samples that are missing.
    missing: u64,
}

/// Decodes a file.
pub(super) fn decode(bytes: &Bytes, sink: &mut Sink) -> Result<(), Problem> {
    let chunks = Chunks::read(bytes)?;
    let damaged = || Problem::Damaged("it does not describe its samples".to_owned());
    let description = chunks.description.ok_or_else(damaged)?;
    let data = chunks.data.clone().ok_or(Problem::NoSamples)?;
    let word = |at: usize| {
        u32::from_be_bytes([
            description[at],
            description[at + 1],
            description[at + 2],
            description[at + 3],
        ])
    };
    let rate = f64::from_be_bytes(description.first_chunk().copied().unwrap_or_default());
    let kind: [u8; 4] = word(8).to_be_bytes();
    let [flags, packet_bytes, packet_frames, channels, bits] = [12, 16, 20, 24, 28].map(word);
    let (channels, bits) = (channels as usize, bits as usize);
    let pcm = |coding, big_endian| {
        let width = (packet_bytes as usize).checked_div(channels).filter(|width| *width > 0);
        let bytes = width.unwrap_or(bits.div_ceil(8));
        PcmFormat { coding, bytes, big_endian, channels, rate_hz: rate as u32 }.check()
    };
    let codec = match &kind {
        b"lpcm" | b"alaw" | b"ulaw" => {
            let (is_float, little) = (flags & 1 != 0, flags & 2 != 0);
            let format = match &kind {
                b"alaw" => pcm(Coding::ALaw, true)?,
                b"ulaw" => pcm(Coding::MuLaw, true)?,
                _ => pcm(if is_float { Coding::Float } else { Coding::Signed }, !little)?,
            };
            sink.missing_s += (chunks.missing / format.frame_bytes() as u64) as f64 / rate.max(1.0);
            return format.decode(bytes, data, sink);
        }
        // Older files wrap the cookie in the atoms `frma` and `alac`.
        b"alac" => Codec::Alac(match chunks.cookie.get(24..) {
            Some(cookie) if chunks.cookie.get(4..8) == Some(b"frma") => cookie.to_vec(),
            _ => chunks.cookie.clone(),
        }),
        b"opus" => {
            let head = opus::OpusTrack::header(channels.min(255) as u8, chunks.priming());
            Codec::Opus(if channels <= 2 { head } else { chunks.cookie.clone() })
        }
        b"aac " | b"aach" | b"aacp" | b"aacl" | b"aace" => {
            return Err(Problem::UnsupportedCodec("AAC in CAF".to_owned()));
        }
        _ => return Err(Problem::UnsupportedCodec(names::mp4(&kind))),
    };
    let mut decoder = PacketDecoder::of_codec(&codec)?;
    let frames = chunks.valid_frames().map_or(u64::MAX, |frames| {
        // The table counts without the priming, the Opus header in 48 kHz.
        frames.saturating_add(u64::from(chunks.priming()))
    });
    let mut kept = Kept::frames(u64::from(chunks.priming())..frames);
    let mut reader = Reader::new(bytes);
    let (mut at, mut table) = (data.start, Table(chunks.table.get(24..).unwrap_or_default()));
    while at < data.end && !kept.is_complete() {
        let size = if packet_bytes > 0 { Some(packet_bytes.into()) } else { table.number() };
        let Some(size) = size.filter(|size| *size > 0 && *size <= MAX_PACKET) else { break };
        if packet_frames == 0 {
            table.number(); // the length of this packet, which its decoder knows
        }
        if at + size > data.end {
            break;
        }
        let packet = reader.at(at, size as usize)?;
        if !decoder.decode(packet, &mut kept, sink)? {
            break;
        }
        at += size;
    }
    Ok(())
}

impl Chunks {
    fn read(bytes: &Bytes) -> Result<Self, Problem> {
        const UNKNOWN: u64 = u64::MAX;
        let mut reader = Reader::new(bytes);
        let mut chunks = Self::default();
        let mut at = HEAD;
        while let Some([a, b, c, d, size @ ..]) = reader.array::<12>(at)? {
            let (size, content) = (u64::from_be_bytes(size), at + 12);
            let short = size.min(MAX_TABLE) as usize;
            match &[a, b, c, d] {
                b"desc" => chunks.description = reader.array(content)?,
                b"kuki" => chunks.cookie = bytes.get(content, short)?,
                b"pakt" => chunks.table = bytes.get(content, short)?,
                b"data" => {
                    let end = content.saturating_add(size).min(bytes.len());
                    chunks.data = Some((content + EDITS).min(end)..end);
                    if size != UNKNOWN {
                        chunks.missing = content.saturating_add(size) - end;
                    }
                }
                _ => {}
            }
            at = content.saturating_add(size);
        }
        Ok(chunks)
    }

    /// Number of frames without priming and padding, if a table states it.
    fn valid_frames(&self) -> Option<u64> {
        let frames = self.table.get(8..16)?.first_chunk().map(|b| u64::from_be_bytes(*b));
        frames.filter(|frames| *frames > 0)
    }

    /// Frames to leave out at the start.
    fn priming(&self) -> u16 {
        let priming = self.table.get(16..20).and_then(|b| b.first_chunk());
        priming.map_or(0, |bytes| u32::from_be_bytes(*bytes).min(u16::MAX.into()) as u16)
    }
}

/// The numbers of a packet table: seven bits a byte, the top bit says that more follow.
struct Table<'b>(&'b [u8]);

impl Table<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number = number.checked_mul(128)? | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_seven_bits_a_byte() {
        let mut table = Table(&[5, 0x81, 0x00, 0x81, 0x80, 0x7f, 0x80]);
        let found = [table.number(), table.number(), table.number(), table.number()];
        assert_eq!(found, [Some(5), Some(128), Some((1 << 14) + 127), None]);
    }
}
