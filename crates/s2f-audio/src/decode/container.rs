//! Ogg, WebM and Matroska, FLAC, AAC without a container, and ADPCM in WAV: read by Symphonia,
//! packet by packet.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackFlags, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::default::get_probe;

use super::names;
use super::packets::{Kept, PacketDecoder};
use super::sink::Sink;
use super::source::Parts;
use super::tracks::{TrackChoice, choose};
use crate::error::{Problem, UNKNOWN_FORMAT};

/// Decodes one sound track of `file`, and of every stream that is chained to the first.
pub(super) fn decode(file: Parts, choice: TrackChoice, sink: &mut Sink) -> Result<(), Problem> {
    let source = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut container = get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| probe_problem(&error))?;
    loop {
        let track = Chosen::of(container.as_ref(), choice)?;
        let (before, bad_before) = (sink.seconds(), sink.bad_packets);
        let Chosen { id, mut decoder, seconds } = track;
        let mut kept = Kept::frames(decoder.pre_skip().unwrap_or(0)..u64::MAX);
        let is_chained = loop {
            match container.next_packet() {
                Ok(Some(packet)) if packet.track_id != id => {}
                Ok(Some(packet)) => {
                    if !decoder.decode_packet(&packet.as_packet_ref(), &mut kept, sink)? {
                        break false;
                    }
                }
                Ok(None) => break false,
                Err(Error::ResetRequired) => break true,
                Err(error) => {
                    sink.damage = Some(error.to_string());
                    break false;
                }
            }
        };
        let found = sink.seconds() - before;
        if let Some(seconds) = seconds
            && sink.bad_packets == bad_before
        {
            sink.missing_s += (seconds - found).max(0.0);
        }
        if !is_chained {
            return Ok(());
        }
    }
}

/// The track to decode.
struct Chosen {
    id: u32,
    decoder: PacketDecoder,
    /// How long it is according to the container.
    seconds: Option<f64>,
}

impl Chosen {
    fn of(container: &dyn FormatReader, choice: TrackChoice) -> Result<Self, Problem> {
        // A track whose codec is unknown may be a sound track.
        let kind = |track: &&Track| matches!(track.track_type(), Some(TrackType::Audio) | None);
        let one = |track: &Track| {
            let is_default = track.flags.contains(TrackFlags::DEFAULT);
            let decoder = params(track).and_then(PacketDecoder::new);
            let rate = params(track).ok().and_then(|params| params.sample_rate);
            let seconds = match (track.num_frames, rate) {
                (Some(frames), Some(rate)) => Some(frames as f64 / f64::from(rate.max(1))),
                _ => None,
            };
            (is_default, decoder.map(|decoder| Self { id: track.id, decoder, seconds }))
        };
        let tracks = container.tracks().iter().filter(kind);
        let tracks: Vec<_> = tracks.map(one).collect();
        choose(tracks, choice)
    }
}

fn params(track: &Track) -> Result<&AudioCodecParameters, Problem> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Ok(params),
        _ => Err(Problem::UnsupportedCodec(names::UNKNOWN.to_owned())),
    }
}

/// The problem if no container is found, or the container is not usable.
fn probe_problem(error: &Error) -> Problem {
    match error {
        Error::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Problem::Io(error.to_string())
        }
        Error::Unsupported(what) if what.starts_with("core (probe)") => {
            Problem::NotAudio(UNKNOWN_FORMAT)
        }
        error => Problem::Damaged(error.to_string()),
    }
}
