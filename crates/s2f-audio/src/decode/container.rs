//! Decodes the main audio track of a container (WAV, AIFF, FLAC, MP3, MP4, Ogg, WebM, Matroska,
//! CAF) packet by packet to a waveform.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AC3, CODEC_ID_AC4, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_MUSEPACK, CODEC_ID_OPUS,
    CODEC_ID_SPEEX, CODEC_ID_WAVPACK, CODEC_ID_WMA,
};
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::FORMAT_ID_ISOMP4;
use symphonia::core::formats::{FormatId, FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::default::{get_codecs, get_probe};

use super::edit_list::{Edit, audio_edit};
use super::opus::{self, OpusTrack};
use crate::error::Problem;
use crate::waveform::{Waveform, WaveformBuilder};

/// After this many failed packets in a row, the rest of the file is ignored.
const MAX_BAD_PACKETS: usize = 1000;

/// Decodes the main audio track of the container in `bytes`; more than `max_s` seconds are an
/// error.
pub(super) fn decode(bytes: Vec<u8>, max_s: f64) -> Result<Waveform, Problem> {
    // The decoders are third-party code. Should one panic on unforeseen bytes, only that file fails
    // and not the whole batch. Nothing that the closure changes is used after a panic.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_track(bytes, max_s)));
    decoded.unwrap_or_else(|_| Err(Problem::Damaged("its decoder failed".to_owned())))
}

fn decode_track(bytes: Vec<u8>, max_s: f64) -> Result<Waveform, Problem> {
    let edit = audio_edit(&bytes);
    let source =
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut container = get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| probe_problem(&error))?;
    let track = container.default_track(TrackType::Audio).ok_or(Problem::NoAudioTrack)?;
    let track_id = track.id;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(Problem::UnsupportedCodec("an unknown codec".to_owned()));
    };
    let mut decoder = Decoder::new(params, container.format_info().format)?;
    let mut track = TrackSamples::new(max_s, decoder.excerpt(edit));
    let mut damage = None;
    let mut bad_packets = 0;
    while let Some(packet) = next_packet(container.as_mut(), &mut damage) {
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet, &mut track.packet) {
            Ok(format) => {
                bad_packets = 0;
                track.add_packet(format)?;
            }
            Err(error) => {
                bad_packets += 1;
                damage = Some(error.to_string());
                if bad_packets > MAX_BAD_PACKETS {
                    break;
                }
            }
        }
    }
    track.finish(damage)
}

/// The next packet; `None` at the end of the file, where the file is damaged, and where a second
/// recording is chained to the first.
fn next_packet(container: &mut dyn FormatReader, damage: &mut Option<String>) -> Option<Packet> {
    match container.next_packet() {
        Ok(packet) => packet,
        Err(Error::ResetRequired) => None,
        Err(error) => {
            *damage = Some(error.to_string());
            None
        }
    }
}

/// The problem if no container is found, or the container is not usable.
fn probe_problem(error: &Error) -> Problem {
    match error {
        Error::IoError(_) => Problem::NotAudio("its format is unknown"),
        Error::Unsupported(what) if what.starts_with("core (probe)") => {
            Problem::NotAudio("its format is unknown")
        }
        Error::Unsupported(what) => Problem::UnsupportedCodec((*what).to_owned()),
        error => Problem::Damaged(error.to_string()),
    }
}

/// The usual name of a codec that is not decoded here.
fn codec_name(codec: AudioCodecId) -> String {
    let name = match codec {
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_AC4 => "AC-4",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_MUSEPACK => "Musepack",
        _ => "an unknown codec",
    };
    name.to_owned()
}

/// The part of a track to keep: where it starts, then its length in seconds.
#[derive(Clone, Copy)]
struct Excerpt {
    start: Start,
    length_s: Option<f64>,
}

#[derive(Clone, Copy)]
enum Start {
    Frames(u64),
    Seconds(f64),
}

/// Sampling rate and number of channels of a packet.
#[derive(Clone, Copy)]
struct PacketFormat {
    rate_hz: u32,
    channels: usize,
}

/// Sixteen times the longest packet of any codec here: a FLAC block of 65 535 frames.
const MAX_PACKET_FRAMES: u64 = 1 << 20;

enum Decoder {
    Opus(Box<OpusTrack>),
    Other(Box<dyn AudioDecoder>),
}

impl Decoder {
    fn new(params: &AudioCodecParameters, container: FormatId) -> Result<Self, Problem> {
        if params.codec == CODEC_ID_OPUS {
            return Ok(Self::Opus(Box::new(OpusTrack::new(
                params,
                container == FORMAT_ID_ISOMP4,
            )?)));
        }
        // A decoder reserves memory for the number of frames that the container declares.
        if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_PACKET_FRAMES) {
            return Err(Problem::Damaged("its header declares impossibly long packets".into()));
        }
        get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map(Self::Other)
            .map_err(|error| match error {
                Error::Unsupported(_) => Problem::UnsupportedCodec(codec_name(params.codec)),
                error => Problem::Damaged(error.to_string()),
            })
    }

    /// The part of the track to keep, from its own header or the container's edit list.
    fn excerpt(&self, edit: Option<Edit>) -> Excerpt {
        match (self, edit) {
            // The pre-skip; an edit list only repeats it.
            (Self::Opus(track), _) => {
                Excerpt { start: Start::Frames(track.pre_skip()), length_s: None }
            }
            (Self::Other(_), Some(edit)) => {
                Excerpt { start: Start::Seconds(edit.start_s), length_s: edit.length_s }
            }
            (Self::Other(_), None) => Excerpt { start: Start::Frames(0), length_s: None },
        }
    }

    /// Replaces `samples` with those of `packet`, interleaved.
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<PacketFormat, Error> {
        match self {
            Self::Opus(track) => {
                // The position of the page gives the padding of the last packet.
                track.decode(&packet.data, packet.trim_end.get(), samples)?;
                Ok(PacketFormat { rate_hz: opus::RATE_HZ, channels: track.channels() })
            }
            Self::Other(decoder) => {
                let decoded = decoder.decode(packet)?;
                decoded.copy_to_vec_interleaved(samples);
                let spec = decoded.spec();
                Ok(PacketFormat { rate_hz: spec.rate(), channels: spec.channels().count() })
            }
        }
    }
}

/// The samples of a track decoded so far.
struct TrackSamples {
    max_s: f64,
    excerpt: Excerpt,
    /// The samples of the current packet, interleaved.
    packet: Vec<f32>,
    /// From the first packet on.
    writer: Option<TrackWriter>,
}

/// Appends packets to a waveform.
struct TrackWriter {
    builder: WaveformBuilder,
    rate_hz: u32,
    /// Frames still to skip.
    skip: u64,
    /// Frames still to keep after them.
    keep: u64,
}

impl TrackSamples {
    fn new(max_s: f64, excerpt: Excerpt) -> Self {
        Self { max_s, excerpt, packet: Vec::new(), writer: None }
    }

    /// Appends the current packet.
    fn add_packet(
        &mut self,
        PacketFormat { rate_hz, channels }: PacketFormat,
    ) -> Result<(), Problem> {
        if channels == 0 || self.packet.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(TrackWriter::new(rate_hz, self.excerpt)?),
        };
        if writer.rate_hz != rate_hz {
            return Err(Problem::Damaged("its sampling rate changes midway".to_owned()));
        }
        let frames = (self.packet.len() / channels) as u64;
        let from = writer.skip.min(frames);
        let to = frames.min(from.saturating_add(writer.keep));
        writer.skip -= from;
        writer.keep -= to - from;
        let kept = &self.packet[from as usize * channels..to as usize * channels];
        writer.builder.push_interleaved(kept, channels);
        if writer.builder.seconds() > self.max_s {
            return Err(Problem::TooLong { max_s: self.max_s });
        }
        Ok(())
    }

    fn finish(self, damage: Option<String>) -> Result<Waveform, Problem> {
        match (self.writer, damage) {
            (Some(writer), _) => writer.builder.finish().map_err(|error| error.problem),
            (None, Some(reason)) => Err(Problem::Damaged(reason)),
            (None, None) => Err(Problem::NoSamples),
        }
    }
}

impl TrackWriter {
    fn new(rate_hz: u32, excerpt: Excerpt) -> Result<Self, Problem> {
        let frames = |seconds: f64| (seconds * f64::from(rate_hz)).round() as u64;
        Ok(Self {
            builder: WaveformBuilder::new(rate_hz).map_err(|error| error.problem)?,
            rate_hz,
            skip: match excerpt.start {
                Start::Frames(skip) => skip,
                Start::Seconds(seconds) => frames(seconds),
            },
            keep: excerpt.length_s.map_or(u64::MAX, frames),
        })
    }
}
