//! Any audio file → [`Waveform`], within limits, and checked.
//!
//! `formats.rs` recognises the format by content, never by name, and lists who reads it. All
//! readers push their samples into `sink.rs`. What they cannot read, or doubt, ffmpeg decodes if it
//! is installed (`recording.rs`). `magic_bytes.rs` names files that are clearly something else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::{AudioError, Problem};
use crate::waveform::Waveform;

mod recording;

mod formats;
mod magic_bytes;
mod names;
mod sink;
mod source;
mod tracks;

mod caf;
mod container;
mod ebml;
mod iff;
mod mp4;
mod mpeg;
mod opus;
mod packets;
mod pcm;
mod riff;

pub use recording::{DecodedBy, FfmpegUse, ReadOptions, Recording, Remark};
use sink::{Received, Sink};
use source::Bytes;
use tracks::TrackChoice;

/// Limits of a recording. Exceeding one is an error; the recording is not truncated, since a
/// picture from an unknown part of it would be misleading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Maximum size of the file in bytes; it is held in memory.
    pub max_bytes: u64,
    /// Maximum length of the recording in seconds; an hour of waveform takes 230 MB.
    pub max_seconds: f64,
}

impl Default for Limits {
    /// 512 MiB and 2 h.
    fn default() -> Self {
        Self { max_bytes: 512 << 20, max_seconds: 2.0 * 3600.0 }
    }
}

/// Reads the recording in the file at `path`: [`Recording::open`] without what else it found.
///
/// # Errors
/// Any [`Problem`]; the error names the file.
pub fn read(path: &Path, limits: &Limits) -> Result<Waveform, AudioError> {
    let options = ReadOptions { limits: *limits, ..ReadOptions::default() };
    Recording::open(path, &options).map(|recording| recording.voice)
}

/// Decodes `bytes`, a whole file, without ffmpeg; `name` is its name in error messages.
///
/// Encoder delay is removed if the container declares it. A file that ends early, or whose header
/// claims more than there is, gives the part that is there. The result is at least
/// [`Waveform::MIN_S`] long and not silent ([`is_silent`](crate::is_silent)).
///
/// # Errors
/// Any [`Problem`] except [`Problem::Io`]; the error names the file.
pub fn decode(bytes: Vec<u8>, name: &str, limits: &Limits) -> Result<Waveform, AudioError> {
    let bytes = Bytes::of_memory(bytes);
    let decoded = built_in(&bytes, TrackChoice::Readable, limits, None);
    let recording = decoded.and_then(|(received, channel)| Recording::of(received, channel));
    recording.map(|recording| recording.voice).map_err(|problem| AudioError::in_file(name, problem))
}

/// Decodes `bytes` with the decoders of this program. If channels cancel each other, one of them is
/// used; returns its number too, from 0.
fn built_in(
    bytes: &Bytes,
    choice: TrackChoice,
    limits: &Limits,
    keep_s: Option<f64>,
) -> Result<(Received, Option<usize>), Problem> {
    if bytes.len() == 0 {
        return Err(Problem::EmptyFile);
    }
    if bytes.len() > limits.max_bytes {
        return Err(Problem::TooBig { max_bytes: limits.max_bytes });
    }
    let decode = |channel| {
        let mut sink = Sink::new(channel, limits.max_seconds, keep_s);
        // Some decoders are third-party code. Should one panic on unforeseen bytes, only that file
        // fails and not the whole batch. Nothing that the closure changes is used after a panic.
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            formats::decode(bytes, choice, &mut sink).map(|()| sink)
        }));
        decoded.unwrap_or_else(|_| Err(Problem::Damaged("its decoder failed".to_owned())))
    };
    let mixed = decode(None)?;
    match mixed.better_channel() {
        Some(channel) => Ok((decode(Some(channel))?.finish()?, Some(channel))),
        None => Ok((mixed.finish()?, None)),
    }
}
