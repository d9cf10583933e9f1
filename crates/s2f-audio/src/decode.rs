//! Any audio file → [`Waveform`], with limits on what is taken and a check of what came out.
//!
//! WAV, AIFF, FLAC, MP3, MP4 and M4A (AAC, ALAC, Opus), Ogg (Vorbis, Opus, FLAC), WebM and
//! Matroska (Opus, Vorbis), CAF. The content decides, never the name. A video gives its
//! main sound track.

use crate::error::{AudioError, Problem};
use crate::waveform::Waveform;
use std::fs::File;
use std::io::Read;
use std::path::Path;

mod edit_list;
mod opus;
mod sniff;
mod stream;

/// How much is taken before a recording is refused. Beyond either limit is an error and not a
/// cut: a picture from an unknown part of a recording would mislead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Size of the file, bytes; it is held in memory.
    pub max_bytes: u64,
    /// Length of the recording, s; an hour of waveform takes 230 MB.
    pub max_seconds: f64,
}

impl Default for Limits {
    /// 512 MiB and 2 h.
    fn default() -> Self {
        Self { max_bytes: 512 << 20, max_seconds: 2.0 * 3600.0 }
    }
}

/// The quietest peak that can be a voice, dB of full scale: three steps of 16 bit. The dither of a
/// recorder whose microphone is off stays below it.
const SILENCE_DBFS: f64 = -80.0;

/// Reads the recording in the file at `path`.
///
/// What [`decode`] says holds here.
///
/// # Errors
/// Any [`Problem`]; the error names the file.
pub fn read(path: &Path, limits: &Limits) -> Result<Waveform, AudioError> {
    let name = path.display().to_string();
    let io = |error: std::io::Error| AudioError::in_file(&name, Problem::Io(error.to_string()));
    let file = File::open(path).map_err(io)?;
    // One byte over the limit is enough to refuse it; the length of a pipe is not known before.
    let mut bytes = Vec::new();
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    decode(bytes, &name, limits)
}

/// Decodes `bytes`, a whole file that messages call `name`.
///
/// Encoder delay is cut off where the container tells it. A file that ends early, or whose header
/// claims more than there is, gives what is there. What comes out is sound of at least
/// [`Waveform::MIN_S`], above silence, and finite throughout.
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
    if let Some(problem) = sniff::refuse(&bytes) {
        return Err(problem);
    }
    let waveform = stream::decode(bytes, limits.max_seconds)?;
    check_signal(&waveform)?;
    Ok(waveform)
}

/// Refuses what holds no voice for certain.
fn check_signal(waveform: &Waveform) -> Result<(), Problem> {
    let seconds = waveform.seconds();
    if seconds < Waveform::MIN_S {
        return Err(Problem::TooShort { seconds });
    }
    let peak_dbfs = waveform.peak_dbfs();
    if peak_dbfs < SILENCE_DBFS {
        return Err(Problem::Silent { peak_dbfs });
    }
    Ok(())
}
