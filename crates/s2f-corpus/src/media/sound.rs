//! Sound: what is decoded here, what ffmpeg is asked for, and what is wrong with what came.

use std::fs;

use s2f_audio::{Limits, Problem, Waveform, is_silent, peak_dbfs};

use super::diagnose::{beyond, unread};
use crate::plan::Media;
use crate::reject::{Reason, Trouble};

/// Output options for the sound: WAV with the rate and the channels of the file, in floats, as most
/// decoders give them, so that nothing is clipped or rounded on the way.
pub(super) const ARGUMENTS: [&str; 6] = ["-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le"];

/// Larger files are left to ffmpeg, which reads only what it needs, bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Longer recordings are left to ffmpeg where a short stretch of them is wanted. Starting it takes
/// 60 ms of a processor, as long as decoding 45 s of AAC does here, so little is lost where it
/// turns out late.
const MAX_S: f64 = 60.0;

/// The sound of `media`, where it is short and in a format that [`s2f_audio`] reads; `None` is for
/// ffmpeg to look at.
///
/// Which of the two decodes makes no difference to hear: WAV, AIFF, FLAC and ALAC come out the
/// same, MP3 and Vorbis within 1e-6 of full scale, AAC and Opus within 1e-3; these two may end some
/// milliseconds sooner, where their container says that the rest of the last packet is padding.
/// High-efficiency AAC lacks here what lies above a quarter of its sampling rate, 11 kHz for most,
/// and 16 kHz hold less than that.
pub(super) fn in_process(media: &Media, length_s: f64) -> Result<Option<Waveform>, Trouble> {
    let file = &media.file;
    let bytes = fs::metadata(file).map_err(|error| unread(file, error))?.len();
    if bytes > MAX_BYTES || media.start_s > MAX_S {
        return Ok(None);
    }
    let bytes = fs::read(file).map_err(|error| unread(file, error))?;
    let limits =
        Limits { max_bytes: u64::MAX, max_seconds: MAX_S.max(2.0 * (media.start_s + length_s)) };
    match s2f_audio::decode(bytes, "", &limits) {
        Ok(whole) => match beyond(media, Some(whole.seconds()), Reason::TooShort) {
            Some(trouble) => Err(trouble),
            None => cut(&whole, media.start_s, length_s)
                .map(Some)
                .map_err(|problem| rejection(&problem)),
        },
        Err(error) if is_final(&error.problem) => Err(rejection(&error.problem)),
        Err(_) => Ok(None),
    }
}

/// The sound in the WAV that ffmpeg made of the stretch.
pub(super) fn decode(wav: Vec<u8>, length_s: f64) -> Result<Waveform, Problem> {
    let limits = Limits { max_bytes: u64::MAX, max_seconds: f64::INFINITY };
    let whole = s2f_audio::decode(wav, "", &limits).map_err(|error| error.problem)?;
    cut(&whole, 0.0, length_s)
}

/// Whether a second decoder would find the same.
pub(super) fn is_final(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::TooShort { .. }
            | Problem::Silent { .. }
            | Problem::NotFinite { .. }
            | Problem::BadRate(_)
    )
}

/// A clip that is rejected for its sound.
pub(super) fn rejection(problem: &Problem) -> Trouble {
    let reason = match problem {
        Problem::TooShort { .. } => Reason::TooShort,
        Problem::Silent { .. } => Reason::Silent,
        Problem::NoAudioTrack | Problem::NoSamples => Reason::NoSound,
        _ => Reason::UnreadableFile,
    };
    Trouble::reject(reason, problem.to_string())
}

/// `length_s` of `whole` from `start_s` on, as far as it goes.
fn cut(whole: &Waveform, start_s: f64, length_s: f64) -> Result<Waveform, Problem> {
    let rate_hz = f64::from(Waveform::RATE_HZ);
    let samples = whole.samples();
    // From floats, whatever lies beyond the end is the end.
    let place = |seconds: f64| ((seconds * rate_hz).round() as usize).min(samples.len());
    let (start, end) = (place(start_s), place(start_s + length_s));
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
