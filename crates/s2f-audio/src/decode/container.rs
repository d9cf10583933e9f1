//! The way through a container: its main sound track, packet by packet, into a waveform.

use super::edit_list::{Edit, sound_edit};
use super::opus::{self, OpusTrack};
use crate::error::Problem;
use crate::waveform::{Waveform, WaveformBuilder};
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

/// Packets in a row that may fail before the rest of the file is given up.
const MAX_BAD_PACKETS: usize = 1000;

/// Decodes the main sound track of the container in `bytes`, up to `max_s` seconds.
pub(super) fn decode(bytes: Vec<u8>, max_s: f64) -> Result<Waveform, Problem> {
    // The decoders belong to others. They are to return errors, and should one panic on bytes that
    // nobody thought of, it is that file that is bad and not the batch it is in. Nothing of what
    // the closure changes is seen after a panic.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_track(bytes, max_s)));
    decoded.unwrap_or_else(|_| Err(Problem::Damaged("its decoder gave up".to_owned())))
}

fn decode_track(bytes: Vec<u8>, max_s: f64) -> Result<Waveform, Problem> {
    let edit = sound_edit(&bytes);
    let source =
        MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut container = get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| no_container(&error))?;
    let track = container.default_track(TrackType::Audio).ok_or(Problem::NoAudioTrack)?;
    let track_id = track.id;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(Problem::UnsupportedCodec("something unknown".to_owned()));
    };
    let mut decoder = Decoder::new(params, container.format_info().format)?;
    let mut sound = Sound::new(max_s, decoder.part(edit));
    let mut damage = None;
    let mut bad_packets = 0;
    while let Some(packet) = next_packet(container.as_mut(), &mut damage) {
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet, &mut sound.packet) {
            Ok(format) => {
                bad_packets = 0;
                sound.take(format)?;
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
    sound.finish(damage)
}

/// The next packet; none at the end of the file, where the file breaks, and where a second
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

/// Why the search for a container failed: at the end of it there was none, or it is beyond use.
fn no_container(error: &Error) -> Problem {
    match error {
        Error::IoError(_) => Problem::NotAudio("no format that is known"),
        Error::Unsupported(what) if what.starts_with("core (probe)") => {
            Problem::NotAudio("no format that is known")
        }
        Error::Unsupported(what) => Problem::UnsupportedCodec((*what).to_owned()),
        error => Problem::Damaged(error.to_string()),
    }
}

/// What people call the codecs that containers name and nobody here decodes.
fn name_of(codec: AudioCodecId) -> String {
    let name = match codec {
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_AC4 => "AC-4",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_MUSEPACK => "Musepack",
        _ => "something unknown",
    };
    name.to_owned()
}

/// The part of a track that is heard: frames to leave out, then s to keep.
#[derive(Clone, Copy)]
struct Part {
    start: Start,
    length_s: Option<f64>,
}

#[derive(Clone, Copy)]
enum Start {
    Frames(u64),
    Seconds(f64),
}

/// Rate and channels of a packet's samples.
#[derive(Clone, Copy)]
struct Format {
    rate_hz: u32,
    channels: usize,
}

/// Sixteen times the longest packet of any codec here, a FLAC block of 65 535 samples.
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
        // A decoder takes memory for as many frames as the container says a packet may have.
        if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_PACKET_FRAMES) {
            return Err(Problem::Damaged("its packets are said to be impossibly long".into()));
        }
        get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map(Self::Other)
            .map_err(|error| match error {
                Error::Unsupported(_) => Problem::UnsupportedCodec(name_of(params.codec)),
                error => Problem::Damaged(error.to_string()),
            })
    }

    /// What of the track is heard, by its own header or by the container's edit list.
    fn part(&self, edit: Option<Edit>) -> Part {
        match (self, edit) {
            // The pre-skip, and an edit list says the same once more.
            (Self::Opus(track), _) => {
                Part { start: Start::Frames(track.pre_skip()), length_s: None }
            }
            (Self::Other(_), Some(edit)) => {
                Part { start: Start::Seconds(edit.start_s), length_s: edit.length_s }
            }
            (Self::Other(_), None) => Part { start: Start::Frames(0), length_s: None },
        }
    }

    /// Replaces `samples` by those of `packet`.
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Format, Error> {
        match self {
            Self::Opus(track) => {
                // The page's position tells how much of the last packet is padding.
                track.decode(&packet.data, packet.trim_end.get(), samples)?;
                Ok(Format { rate_hz: opus::RATE_HZ, channels: track.channels() })
            }
            Self::Other(decoder) => {
                let decoded = decoder.decode(packet)?;
                decoded.copy_to_vec_interleaved(samples);
                let spec = decoded.spec();
                Ok(Format { rate_hz: spec.rate(), channels: spec.channels().count() })
            }
        }
    }
}

/// What has been heard so far.
struct Sound {
    max_s: f64,
    part: Part,
    /// The samples of the packet at hand.
    packet: Vec<f32>,
    heard: Option<Heard>,
}

struct Heard {
    builder: WaveformBuilder,
    rate_hz: u32,
    /// Frames yet to be left out, and then to be kept.
    skip: u64,
    keep: u64,
}

impl Sound {
    fn new(max_s: f64, part: Part) -> Self {
        Self { max_s, part, packet: Vec::new(), heard: None }
    }

    /// Adds the packet at hand, whose samples have the given format.
    fn take(&mut self, Format { rate_hz, channels }: Format) -> Result<(), Problem> {
        if channels == 0 || self.packet.is_empty() {
            return Ok(());
        }
        let heard = match &mut self.heard {
            Some(heard) => heard,
            none => none.insert(Heard::new(rate_hz, self.part)?),
        };
        if heard.rate_hz != rate_hz {
            return Err(Problem::Damaged("its sampling rate changes midway".to_owned()));
        }
        let frames = (self.packet.len() / channels) as u64;
        let from = heard.skip.min(frames);
        let to = frames.min(from.saturating_add(heard.keep));
        heard.skip -= from;
        heard.keep -= to - from;
        let kept = &self.packet[from as usize * channels..to as usize * channels];
        heard.builder.push_interleaved(kept, channels);
        if heard.builder.seconds() > self.max_s {
            return Err(Problem::TooLong { max_s: self.max_s });
        }
        Ok(())
    }

    fn finish(self, damage: Option<String>) -> Result<Waveform, Problem> {
        match (self.heard, damage) {
            (Some(heard), _) => heard.builder.finish().map_err(|error| error.problem),
            (None, Some(reason)) => Err(Problem::Damaged(reason)),
            (None, None) => Err(Problem::NoSamples),
        }
    }
}

impl Heard {
    fn new(rate_hz: u32, part: Part) -> Result<Self, Problem> {
        let frames = |seconds: f64| (seconds * f64::from(rate_hz)).round() as u64;
        Ok(Self {
            builder: WaveformBuilder::new(rate_hz).map_err(|error| error.problem)?,
            rate_hz,
            skip: match part.start {
                Start::Frames(skip) => skip,
                Start::Seconds(seconds) => frames(seconds),
            },
            keep: part.length_s.map_or(u64::MAX, frames),
        })
    }
}
