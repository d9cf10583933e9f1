//! MPEG audio: MP3, and layers I and II.
//!
//! A file is a sequence of frames, with tags before, between and after them. Several files joined
//! to one are one longer sequence: where a frame describes a stream, or the sampling rate changes,
//! a stream begins. What such a frame says about the number of frames is only believed if it is
//! right.

use std::ops::Range;

use super::packets::{Codec, Kept, PacketDecoder};
use super::sink::Sink;
use super::source::{Bytes, Reader};
use crate::error::Problem;

mod header;

use header::{Header, StreamInfo};

/// So many frames in a row are no coincidence.
const SURE: usize = 4;
/// The first frame is searched in this many bytes.
const SEARCH: u64 = 128 << 10;
/// Samples that every decoder of layer III is late by, and that LAME does not count.
const DECODER_DELAY: u64 = 529;

/// Where frames begin at or after `start`, if this is MPEG audio.
pub(super) fn detect(reader: &mut Reader, start: u64) -> Result<Option<u64>, Problem> {
    let end = reader.len();
    let mut at = start;
    while at < end.min(start.saturating_add(SEARCH)) {
        if chain(reader, at, end, SURE)? {
            return Ok(Some(at));
        }
        at = next_candidate(reader, at + 1, end)?;
    }
    Ok(None)
}

/// The next byte from `at` on that a frame may begin with.
fn next_candidate(reader: &mut Reader, at: u64, end: u64) -> Result<u64, Problem> {
    const STEP: usize = 4096;
    let mut at = at;
    while at < end {
        let block = reader.at(at, STEP)?;
        match block.iter().position(|byte| *byte == 0xff) {
            Some(found) => return Ok(at + found as u64),
            None if block.is_empty() => break,
            None => at += block.len() as u64,
        }
    }
    Ok(end)
}

/// Whether `count` frames of one stream follow each other from `at` on, or fewer up to the end.
fn chain(reader: &mut Reader, at: u64, end: u64, count: usize) -> Result<bool, Problem> {
    let mut at = at;
    let mut first: Option<Header> = None;
    for number in 0..count {
        if number > 1 && at == end {
            return Ok(true);
        }
        let Some(header) = Header::parse(reader.at(at, Header::BYTES)?) else { return Ok(false) };
        if header.size == 0 || !first.get_or_insert(header).continues(&header) {
            return Ok(false);
        }
        at += u64::from(header.size);
    }
    Ok(true)
}

/// The frames of one stream.
struct Stream {
    header: Header,
    info: StreamInfo,
    /// Where each frame is, and its length.
    frames: Vec<(u64, u32)>,
}

/// Decodes all streams in `ranges` of a file, in order.
pub(super) fn decode(bytes: &Bytes, ranges: &[Range<u64>], sink: &mut Sink) -> Result<(), Problem> {
    let mut reader = Reader::new(bytes);
    let mut frames = Reader::new(bytes);
    for range in ranges {
        let mut stream: Option<Stream> = None;
        let (mut at, end) = (range.start, range.end.min(bytes.len()));
        while at + (Header::BYTES as u64) < end {
            let header = Header::parse(reader.at(at, Header::BYTES)?);
            let header = header.filter(|header| header.size >= Header::BYTES as u32);
            let is_next = |stream: &Stream| header.is_some_and(|h| h.continues(&stream.header));
            // A frame of the same kind, or the first of several of another.
            let found = match header {
                Some(header) if stream.as_ref().is_some_and(is_next) => Some(header),
                Some(header) if chain(&mut reader, at, end, 2)? => Some(header),
                _ => None,
            };
            let Some(header) = found else {
                at = skip(&mut reader, at, end)?;
                continue;
            };
            let next = at + u64::from(header.size);
            if next > end {
                break;
            }
            let info = header.stream_info(reader.at(at, header.size as usize)?);
            if info.is_some() || !stream.as_ref().is_some_and(|s| header.continues(&s.header)) {
                let new = Stream { header, info: info.unwrap_or_default(), frames: Vec::new() };
                if let Some(ended) = stream.replace(new) {
                    ended.decode(&mut frames, sink)?;
                }
            }
            if let (None, Some(stream)) = (info, &mut stream) {
                stream.frames.push((at, header.size));
            }
            at = next;
        }
        if let Some(last) = stream {
            last.decode(&mut frames, sink)?;
        }
    }
    Ok(())
}

/// Skips a tag, or what is no frame, at `at`.
fn skip(reader: &mut Reader, at: u64, end: u64) -> Result<u64, Problem> {
    const APE_HEAD: u64 = 32;
    let head = reader.at(at, APE_HEAD as usize)?;
    if let Some(length) = id3_length(head) {
        return Ok(at + length);
    }
    if head.starts_with(b"TAG") {
        return Ok(at + 128);
    }
    if let Some([_, _, _, _, a, b, c, d]) = head.strip_prefix(b"APETAGEX").and_then(|h| h.get(..8))
    {
        return Ok(at + APE_HEAD + u64::from(u32::from_le_bytes([*a, *b, *c, *d])));
    }
    next_candidate(reader, at + 1, end)
}

/// Length of an ID3v2 tag that begins here (ID3v2.4.0, 3.1).
pub(super) fn id3_length(head: &[u8]) -> Option<u64> {
    let [major, _, flags, a, b, c, d] = *head.strip_prefix(b"ID3")?.first_chunk::<7>()?;
    let digits = [a, b, c, d];
    if major == 0xff || digits.iter().any(|digit| digit & 0x80 != 0) {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| size << 7 | u64::from(*digit));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

impl Stream {
    fn decode(&self, reader: &mut Reader, sink: &mut Sink) -> Result<(), Problem> {
        let codec = match self.header.layer {
            3 => Codec::Mp3,
            2 => Codec::Mp2,
            _ => return Err(Problem::UnsupportedCodec("MPEG audio, layer I".to_owned())),
        };
        let mut decoder = PacketDecoder::of_codec(&codec)?;
        let mut kept = Kept::frames(self.kept());
        let before = sink.packets;
        for &(at, size) in &self.frames {
            let frame = reader.at(at, size as usize)?;
            if kept.is_complete() || !decoder.decode(frame, &mut kept, sink)? {
                break;
            }
        }
        if sink.packets == before && !self.frames.is_empty() {
            let Header { layer, kbit_per_s, channels, .. } = self.header;
            let [layer, s] =
                [["I", "II", "III"][usize::from(layer) - 1], if channels == 1 { "" } else { "s" }];
            return Err(Problem::UnsupportedCodec(format!(
                "MPEG audio, layer {layer}, with {channels} channel{s} and {kbit_per_s} kbit/s"
            )));
        }
        let missing =
            self.info.frames.map_or(0, u64::from).saturating_sub(self.frames.len() as u64);
        let samples = missing * u64::from(self.header.samples);
        sink.missing_s += samples as f64 / f64::from(self.header.rate_hz);
        Ok(())
    }

    /// The samples to keep: without the encoder's delay and padding, if they are stated. The
    /// padding is at the end of the frames that were counted.
    fn kept(&self) -> Range<u64> {
        let Some((delay, padding)) = self.info.gaps else { return 0..u64::MAX };
        let start = u64::from(delay) + DECODER_DELAY;
        let samples = self.frames.len() as u64 * u64::from(self.header.samples);
        let is_whole = self.info.frames.is_some_and(|frames| frames as usize == self.frames.len());
        let end = samples.saturating_sub(u64::from(padding).saturating_sub(DECODER_DELAY));
        if is_whole && end > start { start..end } else { start..u64::MAX }
    }
}
