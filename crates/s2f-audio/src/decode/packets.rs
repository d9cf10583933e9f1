//! Decoders of packets, whatever container they are in, and the part of a track that is kept.

use std::ops::Range;

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
};
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::get_codecs;

use super::names;
use super::opus::{self, OpusTrack};
use super::sink::Sink;
use crate::error::Problem;

/// Sixteen times the longest packet of any codec here: a FLAC block of 65 535 frames.
const MAX_PACKET_FRAMES: u64 = 1 << 20;
/// After this many failed packets in a row, the rest of the track is ignored.
const MAX_BAD_PACKETS: usize = 1000;

/// A codec whose packets are stored in MP4 or CAF, with what its decoder has to know.
#[derive(Debug, Clone)]
pub(super) enum Codec {
    /// With its AudioSpecificConfig.
    Aac(Vec<u8>),
    /// With its magic cookie.
    Alac(Vec<u8>),
    /// With the stream information of its header.
    Flac(Vec<u8>),
    Mp2,
    Mp3,
    /// With its identification header.
    Opus(Vec<u8>),
    /// The same as MP4 has it.
    OpusInMp4(Vec<u8>),
}

/// A decoder for the packets of one track, in order.
pub(super) struct PacketDecoder {
    kind: Kind,
    /// The samples of the last packet, interleaved.
    samples: Vec<f32>,
    bad_in_a_row: usize,
}

enum Kind {
    Opus(Box<OpusTrack>),
    Other(Box<dyn AudioDecoder>),
}

impl PacketDecoder {
    /// A decoder for a track of a container that describes it itself.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self, Problem> {
        if params.codec == CODEC_ID_OPUS {
            let head = params.extra_data.as_deref().unwrap_or_default();
            return Ok(Self::of(Kind::Opus(Box::new(OpusTrack::new(head, false)?))));
        }
        // A decoder reserves memory for the number of frames that the container declares.
        if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_PACKET_FRAMES) {
            return Err(Problem::Damaged("its header declares impossibly long packets".into()));
        }
        let decoder = get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default());
        let decoder = decoder.map_err(|error| match error {
            Error::Unsupported(_) => Problem::UnsupportedCodec(names::codec(params)),
            error => Problem::Damaged(error.to_string()),
        })?;
        Ok(Self::of(Kind::Other(decoder)))
    }

    /// A decoder for a track of MP4 or CAF.
    pub(super) fn of_codec(codec: &Codec) -> Result<Self, Problem> {
        let params = |codec: AudioCodecId, extra: &[u8]| {
            let mut params = AudioCodecParameters::new();
            params.for_codec(codec);
            if !extra.is_empty() {
                params.with_extra_data(extra.into());
            }
            Self::new(&params)
        };
        match codec {
            Codec::Aac(config) if config.len() < 2 => {
                Err(Problem::Damaged("its AAC header".into()))
            }
            Codec::Aac(config) => params(CODEC_ID_AAC, config),
            Codec::Alac(cookie) => params(CODEC_ID_ALAC, cookie),
            Codec::Flac(info) => params(CODEC_ID_FLAC, info),
            Codec::Mp2 => params(CODEC_ID_MP2, &[]),
            Codec::Mp3 => params(CODEC_ID_MP3, &[]),
            Codec::Opus(head) => Ok(Self::of(Kind::Opus(Box::new(OpusTrack::new(head, false)?)))),
            Codec::OpusInMp4(head) => {
                Ok(Self::of(Kind::Opus(Box::new(OpusTrack::new(head, true)?))))
            }
        }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, samples: Vec::new(), bad_in_a_row: 0 }
    }

    /// Frames to leave out at the start, which an Opus header declares.
    pub(super) fn pre_skip(&self) -> Option<u64> {
        match &self.kind {
            Kind::Opus(track) => Some(track.pre_skip()),
            Kind::Other(_) => None,
        }
    }

    /// Decodes one packet of a track whose container only says where its packets are.
    ///
    /// # Errors
    /// As [`decode_packet`](Self::decode_packet).
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        kept: &mut Kept,
        sink: &mut Sink,
    ) -> Result<bool, Problem> {
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        self.decode_packet(&packet, kept, sink)
    }

    /// Decodes one packet, without the padding that its container states, and passes on what `kept`
    /// keeps. Returns whether to go on; a packet that cannot be decoded is counted.
    ///
    /// # Errors
    /// As [`Sink::push`].
    pub(super) fn decode_packet(
        &mut self,
        packet: &PacketRef<'_>,
        kept: &mut Kept,
        sink: &mut Sink,
    ) -> Result<bool, Problem> {
        let decoded = match &mut self.kind {
            Kind::Opus(track) => track
                .decode(packet.data, packet.trim_end.get(), &mut self.samples)
                .map(|()| (track.channels(), opus::RATE_HZ))
                .map_err(ToOwned::to_owned),
            Kind::Other(decoder) => {
                decoder.decode_ref(packet).map_err(|error| error.to_string()).map(|decoded| {
                    decoded.copy_to_vec_interleaved(&mut self.samples);
                    (decoded.spec().channels().count(), decoded.spec().rate())
                })
            }
        };
        match decoded {
            Ok((channels, rate_hz)) => {
                (sink.packets, self.bad_in_a_row) = (sink.packets + 1, 0);
                kept.push(&self.samples, channels, rate_hz, sink)?;
                Ok(true)
            }
            Err(damage) => {
                sink.bad_packets += 1;
                sink.damage = Some(damage);
                self.bad_in_a_row += 1;
                Ok(self.bad_in_a_row <= MAX_BAD_PACKETS)
            }
        }
    }
}

/// The part of a track that is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    range: Limits,
    at: u64,
}

#[derive(Debug, Clone)]
enum Limits {
    Frames(Range<u64>),
    /// Until the rate is known.
    Seconds(Range<f64>),
}

impl Kept {
    pub(super) fn frames(range: Range<u64>) -> Self {
        Self { range: Limits::Frames(range), at: 0 }
    }

    /// A range of a track whose first sample to come is at `at_s`.
    pub(super) fn seconds(range: Range<f64>, at_s: f64) -> Self {
        let inside = range.start - at_s..range.end - at_s;
        Self { range: Limits::Seconds(inside), at: 0 }
    }

    /// Whether nothing more is kept.
    pub(super) fn is_complete(&self) -> bool {
        matches!(&self.range, Limits::Frames(range) if self.at >= range.end)
    }

    /// Passes on what is kept of the next samples of the track.
    pub(super) fn push(
        &mut self,
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
        sink: &mut Sink,
    ) -> Result<(), Problem> {
        if channels == 0 {
            return Ok(());
        }
        if let Limits::Seconds(range) = &self.range {
            // Casts from floats saturate.
            let frames = |seconds: f64| (seconds * f64::from(rate_hz)).round() as u64;
            self.range = Limits::Frames(frames(range.start)..frames(range.end));
        }
        let Limits::Frames(range) = &self.range else { return Ok(()) };
        let frames = (samples.len() / channels) as u64;
        let from = range.start.saturating_sub(self.at).min(frames);
        let to = range.end.saturating_sub(self.at).min(frames).max(from);
        self.at += frames;
        sink.push(&samples[from as usize * channels..to as usize * channels], channels, rate_hz)
    }
}
