//! Any audio file → [`Waveform`], within limits, and checked.
//!
//! Formats: WAV, AIFF, FLAC, MP3, MP4 and M4A (AAC, ALAC, Opus), Ogg (Vorbis, Opus, FLAC), WebM and
//! Matroska (Opus, Vorbis), CAF. They are recognised by content, never by name. Of a video, the
//! main audio track is decoded.
//!
//! `magic_bytes.rs` refuses files that are clearly something else; `container.rs` reads all
//! containers and their codecs, except Opus packets, which `opus.rs` decodes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{AudioError, Problem};
use crate::level::{is_silent, peak_dbfs};
use crate::waveform::Waveform;

mod container;
mod edit_list;
mod magic_bytes;
mod opus;

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

/// Reads the recording in the file at `path`.
///
/// See [`decode`] for what is read and checked.
///
/// # Errors
/// Any [`Problem`]; the error names the file.
pub fn read(path: &Path, limits: &Limits) -> Result<Waveform, AudioError> {
    let name = path.display().to_string();
    let io = |error: std::io::Error| AudioError::in_file(&name, Problem::Io(error.to_string()));
    let file = File::open(path).map_err(io)?;
    // One byte over the limit is enough to refuse the file; the length of a pipe is unknown.
    let mut bytes = Vec::new();
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    decode(bytes, &name, limits)
}

/// Decodes `bytes`, a whole file; `name` is its name in error messages.
///
/// Encoder delay is removed if the container declares it. A file that ends early, or whose header
/// claims more than there is, gives the part that is there. The result is at least
/// [`Waveform::MIN_S`] long and not silent ([`is_silent`]).
///
/// # Errors
/// Any [`Problem`] except [`Problem::Io`]; the error names the file.
pub fn decode(bytes: Vec<u8>, name: &str, limits: &Limits) -> Result<Waveform, AudioError> {
    decode_unnamed(bytes, limits).map_err(|problem| AudioError::in_file(name, problem))
}

fn decode_unnamed(bytes: Vec<u8>, limits: &Limits) -> Result<Waveform, Problem> {
    if bytes.is_empty() {
        return Err(Problem::EmptyFile);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(Problem::TooBig { max_bytes: limits.max_bytes });
    }
    if let Some(problem) = magic_bytes::refuse(&bytes) {
        return Err(problem);
    }
    let waveform = container::decode(bytes, limits.max_seconds)?;
    check_signal(&waveform)?;
    Ok(waveform)
}

/// Refuses recordings that certainly contain no voice.
fn check_signal(waveform: &Waveform) -> Result<(), Problem> {
    let seconds = waveform.seconds();
    if seconds < Waveform::MIN_S {
        return Err(Problem::TooShort { seconds });
    }
    if is_silent(waveform.samples()) {
        return Err(Problem::Silent { peak_dbfs: peak_dbfs(waveform.samples()) });
    }
    Ok(())
}
