//! Sound: which files are decoded in this process, and the options of ffmpeg for the others.

use std::fs;

use s2f_audio::{Limits, Problem, Waveform, is_silent, peak_dbfs};

use super::rejection::{beyond_end, is_final, read_error, sound_rejection};
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

/// Output options for the sound: WAV with the sampling rate and channels of the file, in floats
/// like the output of most decoders, so that nothing is clipped or rounded.
pub(super) const ARGUMENTS: [&str; 6] = ["-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le"];

/// Larger files are decoded by ffmpeg, which reads only what it needs, bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Longer recordings are decoded by ffmpeg if only a short segment is wanted, s. Starting it takes
/// 60 ms of CPU time, as long as decoding 45 s of AAC here, so little is lost if a recording turns
/// out to be longer.
const MAX_S: f64 = 60.0;

/// The sound of `media`, if it is short and in a format that [`s2f_audio`] reads; otherwise `None`,
/// and ffmpeg must decode it.
///
/// The difference between the two decoders is inaudible: WAV, AIFF, FLAC and ALAC are identical,
/// MP3 and Vorbis agree within 1e-6 of full scale, AAC and Opus within 1e-3. The last two may end a
/// few milliseconds earlier, if their container says that the rest of the last packet is padding.
/// High-efficiency AAC lacks the frequencies above a quarter of its sampling rate here, usually
/// 11 kHz, which a voice at 16 kHz does not contain.
pub(super) fn in_process(media: &Media, length_s: f64) -> Result<Option<Waveform>, ClipError> {
    let file = &media.file;
    let bytes = fs::metadata(file).map_err(|error| read_error(file, error))?.len();
    if bytes > MAX_BYTES || media.start_s > MAX_S {
        return Ok(None);
    }
    let bytes = fs::read(file).map_err(|error| read_error(file, error))?;
    let limits =
        Limits { max_bytes: u64::MAX, max_seconds: MAX_S.max(2.0 * (media.start_s + length_s)) };
    match s2f_audio::decode(bytes, "", &limits) {
        Ok(whole) => match beyond_end(media, Some(whole.seconds()), Reason::TooShort) {
            Some(error) => Err(error),
            None => cut(&whole, media.start_s, length_s)
                .map(Some)
                .map_err(|problem| sound_rejection(&problem)),
        },
        Err(error) if is_final(&error.problem) => Err(sound_rejection(&error.problem)),
        Err(_) => Ok(None),
    }
}

/// The sound in the WAV file that ffmpeg wrote for the segment.
pub(super) fn decode(wav: Vec<u8>, length_s: f64) -> Result<Waveform, Problem> {
    let limits = Limits { max_bytes: u64::MAX, max_seconds: f64::INFINITY };
    let whole = s2f_audio::decode(wav, "", &limits).map_err(|error| error.problem)?;
    cut(&whole, 0.0, length_s)
}

/// The part of `whole` from `start_s`, at most `length_s` long.
fn cut(whole: &Waveform, start_s: f64, length_s: f64) -> Result<Waveform, Problem> {
    let rate_hz = f64::from(Waveform::RATE_HZ);
    let samples = whole.samples();
    // Casts from floats saturate.
    let index = |seconds: f64| ((seconds * rate_hz).round() as usize).min(samples.len());
    let (start, end) = (index(start_s), index(start_s + length_s));
    if (start, end) == (0, samples.len()) {
        return Ok(whole.clone());
    }
    let part = &samples[start..end];
    let seconds = part.len() as f64 / rate_hz;
    if seconds < Waveform::MIN_S {
        return Err(Problem::TooShort { seconds });
    }
    if is_silent(part) {
        return Err(Problem::Silent { peak_dbfs: peak_dbfs(part) });
    }
    Waveform::from_interleaved(part, 1, Waveform::RATE_HZ).map_err(|error| error.problem)
}
