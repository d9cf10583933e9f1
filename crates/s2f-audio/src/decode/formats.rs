//! Recognises the format of a recording by its content and reads it.
//!
//! | format | file |
//! |---|---|
//! | WAV, RF64, BW64, Wave64, RIFX | `riff.rs` |
//! | AIFF, AIFF-C, Sun audio | `iff.rs` |
//! | CAF | `caf.rs` |
//! | MP4, M4A, 3GP, QuickTime | `mp4.rs` |
//! | MP3, MPEG audio layer II | `mpeg.rs` |
//! | Ogg, WebM, Matroska, FLAC, AAC | `container.rs`, by way of `ebml.rs` |

use super::sink::Sink;
use super::source::{Bytes, Part, Parts, Reader};
use super::tracks::TrackChoice;
use super::{caf, container, ebml, iff, magic_bytes, mp4, mpeg, riff};
use crate::error::{Problem, UNKNOWN_FORMAT};

/// Bytes that tell a format.
const HEAD: usize = 4096;
/// More tags than any file begins with.
const MAX_TAGS: usize = 64;

/// Decodes the recording in `bytes`.
pub(super) fn decode(bytes: &Bytes, choice: TrackChoice, sink: &mut Sink) -> Result<(), Problem> {
    let mut reader = Reader::new(bytes);
    let start = after_tags(&mut reader)?;
    let head = reader.at(start, HEAD)?.to_vec();
    let single = || match choice {
        TrackChoice::Number(number) if number != 1 => {
            Err(Problem::NoSuchTrack { asked: number, found: 1 })
        }
        _ => Ok(()),
    };
    if riff::detect(&head) {
        single().and_then(|()| riff::decode(bytes, start, sink))
    } else if iff::detect(&head) {
        single().and_then(|()| iff::decode(bytes, start, sink))
    } else if iff::detect_sun(&head) {
        single().and_then(|()| iff::decode_sun(bytes, sink))
    } else if caf::detect(&head) {
        single().and_then(|()| caf::decode(bytes, sink))
    } else if mp4::detect(&head) {
        mp4::decode(bytes, choice, sink)
    } else if ebml::detect(&head) {
        ebml::files(bytes)?.into_iter().try_for_each(|file| container::decode(file, choice, sink))
    } else if head.starts_with(b"OggS") {
        if let Some(codec) = magic_bytes::ogg_codec(&head) {
            return Err(Problem::UnsupportedCodec(codec.to_owned()));
        }
        container::decode(Parts::new(bytes, [Part::Range(start..bytes.len())]), choice, sink)
    } else if head.starts_with(b"fLaC") {
        single()?;
        let files = flac_files(bytes, start)?;
        files.into_iter().try_for_each(|file| container::decode(file, TrackChoice::Default, sink))
    } else if let Some(problem) = magic_bytes::refuse(&head) {
        Err(problem)
    } else if is_adts(&mut reader, start)? {
        single()?;
        container::decode(Parts::new(bytes, [Part::Range(start..bytes.len())]), choice, sink)
    } else if let Some(first) = mpeg::detect(&mut reader, start)? {
        single()?;
        let all = first..bytes.len();
        mpeg::decode(bytes, std::slice::from_ref(&all), sink)
    } else {
        Err(Problem::NotAudio(UNKNOWN_FORMAT))
    }
}

/// Where the file begins after the tags that some programs put first.
fn after_tags(reader: &mut Reader) -> Result<u64, Problem> {
    let mut at = 0;
    for _ in 0..MAX_TAGS {
        match mpeg::id3_length(reader.at(at, 10)?) {
            Some(length) if at + length < reader.len() => at += length,
            _ => break,
        }
    }
    Ok(at)
}

/// FLAC files that follow each other.
fn flac_files(bytes: &Bytes, start: u64) -> Result<Vec<Parts>, Problem> {
    // A file begins with its stream information, which has 34 bytes (RFC 9639, 8.2).
    const FIRST: &[u8] = b"fLaC\0\0\0\x22";
    let mut starts = vec![start];
    while let Some(found) = bytes.find(starts.last().map_or(0, |last| last + 4), FIRST)? {
        starts.push(found);
    }
    let ends = starts.clone().into_iter().skip(1).chain([bytes.len()]);
    let file = |(start, end)| Parts::new(bytes, [Part::Range(start..end)]);
    Ok(starts.into_iter().zip(ends).map(file).collect())
}

/// Whether this is a stream of AAC (ISO/IEC 13818-7, 6.2): three frames follow each other.
fn is_adts(reader: &mut Reader, start: u64) -> Result<bool, Problem> {
    let mut at = start;
    for _ in 0..3 {
        let Some([0xff, sync, _, high, middle, low, _]) = reader.array::<7>(at)? else {
            return Ok(false);
        };
        let length = u64::from(high & 3) << 11 | u64::from(middle) << 3 | u64::from(low >> 5);
        if sync & 0xf6 != 0xf0 || length < 7 {
            return Ok(false);
        }
        at += length;
    }
    Ok(true)
}
