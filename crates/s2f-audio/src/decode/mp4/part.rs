//! Decodes one part of a track, which an edit plays.

use std::ops::Range;

use super::super::packets::{Codec, Kept, PacketDecoder};
use super::super::pcm::PcmFormat;
use super::super::sink::Sink;
use super::super::source::{Bytes, Reader};
use super::samples::Sample;
use crate::error::Problem;

/// Decoding starts so much before the part, s: more than any codec here remembers.
const RUN_UP_S: f64 = 0.5;
/// Longer packets do not exist.
const MAX_PACKET: u32 = 1 << 20;

/// A track of uncompressed samples.
pub(super) struct PcmTrack<'b> {
    pub(super) bytes: &'b Bytes,
    pub(super) format: PcmFormat,
    /// Where the samples are, in the file that begins at `start`.
    pub(super) ranges: Vec<Range<u64>>,
    pub(super) start: u64,
}

impl PcmTrack<'_> {
    pub(super) fn decode(&self, part: Range<f64>, sink: &mut Sink) -> Result<(), Problem> {
        let (frame, rate) = (self.format.frame_bytes() as u64, f64::from(self.format.rate_hz));
        // Casts from floats saturate.
        let [from, to] = [part.start, part.end].map(|seconds| (seconds * rate).round() as u64);
        let [from, to] = [from, to].map(|frames| frames.saturating_mul(frame));
        let mut at = 0_u64; // bytes of the track before the range
        for range in &self.ranges {
            let length = range.end - range.start;
            let begin = range.start + from.saturating_sub(at).min(length);
            let end = range.start + to.saturating_sub(at).min(length);
            at = at.saturating_add(length);
            if begin >= end {
                continue;
            }
            let [begin, end] = [begin, end].map(|byte| byte.saturating_add(self.start));
            self.format.decode(self.bytes, begin..end, sink)?;
            let missing = end.saturating_sub(self.bytes.len().max(begin)) / frame;
            sink.missing_s += missing as f64 / rate.max(1.0);
        }
        Ok(())
    }
}

/// A track of packets.
pub(super) struct PacketTrack<'b> {
    pub(super) bytes: &'b Bytes,
    /// Where the file begins that the packets are in.
    pub(super) start: u64,
    pub(super) samples: Vec<Sample>,
    pub(super) track_rate: f64,
    pub(super) codec: Codec,
}

impl PacketTrack<'_> {
    pub(super) fn decode(&self, part: Range<f64>, sink: &mut Sink) -> Result<(), Problem> {
        let mut reader = Reader::new(self.bytes);
        let mut decoder = PacketDecoder::of_codec(&self.codec)?;
        let mut kept: Option<Kept> = None;
        let mut ticks = 0_u64;
        for sample in &self.samples {
            let at_s = ticks as f64 / self.track_rate;
            let length_s = f64::from(sample.ticks) / self.track_rate;
            ticks += u64::from(sample.ticks);
            if kept.is_none() && at_s + length_s + RUN_UP_S < part.start {
                continue;
            }
            let kept = kept.get_or_insert_with(|| Kept::seconds(part.clone(), at_s));
            if kept.is_complete() {
                break;
            }
            if sample.size == 0 || sample.size > MAX_PACKET {
                continue;
            }
            let offset = self.start.saturating_add(sample.offset);
            if offset.saturating_add(sample.size.into()) > reader.len() {
                // The end of a file that ends early.
                sink.missing_s += length_s.min((part.end - at_s).max(0.0));
                continue;
            }
            let packet = reader.at(offset, sample.size as usize)?;
            if !decoder.decode(packet, kept, sink)? {
                break;
            }
        }
        Ok(())
    }
}
