//! Sound and frames of a segment of a file in any format, by way of ffmpeg
//! ([`s2f_audio::ffmpeg`]). A file that cannot be used is a [`ClipError`] with its reason.
//!
//! If both sound and frames of a segment are needed, use [`sound_and_frames`]: starting ffmpeg
//! takes 60 ms of CPU time, as long as decoding several seconds of small video.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;

use image::RgbImage;
use s2f_audio::Waveform;
pub use s2f_audio::ffmpeg::Ffmpeg;
use s2f_audio::ffmpeg::{BlockReader, Collector, Exit, Run};
use s2f_core::FileError;

use crate::CorpusError;
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

mod damage;
mod diagnose;
mod frames;
mod mux;
mod rejection;
mod sound;
mod wav;

pub use damage::Damage;
use diagnose::{why_no_frames, why_no_sound};
pub use mux::encode;
pub(crate) use rejection::check_file;
use rejection::read_through;
pub use wav::encode_wav;

/// Which frames of a segment to decode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameOptions {
    /// Maximum length of the segment, s.
    pub max_s: f64,
    /// Frames per second, evenly spaced; if a video has fewer, each is decoded once.
    pub frames_per_s: f64,
    /// Larger frames are scaled down to this longer side, pixels.
    pub longest_side_px: u32,
}

/// Sound and frames of a segment.
#[derive(Debug)]
pub struct SoundAndFrames {
    /// The sound.
    pub sound: Waveform,
    /// Frames that were passed on and had been repaired, if there are any: use [`key_frames`].
    pub damage: Option<Damage>,
}

/// What [`frames()`] passed on.
#[derive(Debug)]
pub struct FramesGiven {
    /// Number of frames.
    pub count: usize,
    /// Those of them that had been repaired, if there are any: use [`key_frames`].
    pub damage: Option<Damage>,
}

/// Maximum sound of one segment, bytes of the WAV file from ffmpeg: 24 min of 48 kHz stereo.
const MAX_SOUND_BYTES: u64 = 512 << 20;

/// The sound of `media`, at most its first `max_s` seconds: at least [`Waveform::MIN_S`] long,
/// and not silent.
///
/// Short files in a format that [`s2f_audio`] reads are decoded by it, all others by ffmpeg;
/// [`s2f_audio`] downmixes and resamples in both cases.
///
/// # Errors
/// [`ClipError::Rejected`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`],
/// [`Reason::NoSound`], [`Reason::Silent`], [`Reason::TooShort`] and, if much of it cannot be
/// decoded, [`Reason::Damaged`].
pub fn sound(ffmpeg: &Ffmpeg, media: &Media, max_s: f64) -> Result<Waveform, ClipError> {
    check_file(&media.file)?;
    let length_s = length_s(media, max_s)?;
    if let Some(decoded) = sound::in_process(media, length_s)? {
        return Ok(decoded);
    }
    let mut command = ffmpeg.open(&media.file, media.start_s, length_s, &[]);
    command.args(sound::ARGUMENTS).arg("pipe:1");
    let (run, output) = Run::start(command, ffmpeg).map_err(CorpusError::from)?;
    let bytes = Collector::of(output, MAX_SOUND_BYTES, ffmpeg.timeout()).wait();
    let exit = wait(ffmpeg, run, &bytes, media)?;
    let found = sound::decode(bytes.unwrap_or_default(), length_s)
        .map_err(|problem| why_no_sound(ffmpeg, media, problem, &exit))?;
    if !exit.stderr.is_empty() {
        damage::check_sound(ffmpeg, media, length_s, found.seconds())?;
    }
    Ok(found)
}

/// Passes the frames of `media`, in order and one at a time, to `each`, until it breaks;
/// returns their number. Rotation and non-square pixels are corrected.
///
/// # Errors
/// [`ClipError::Rejected`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`], if there is not
/// a single frame [`Reason::NoPicture`], and if many are damaged [`Reason::Damaged`].
pub fn frames(
    ffmpeg: &Ffmpeg,
    media: &Media,
    options: &FrameOptions,
    each: impl FnMut(RgbImage) -> ControlFlow<()>,
) -> Result<FramesGiven, ClipError> {
    let (count, exit) = frames_with(ffmpeg, media, options, frames::decoding(options), each)?;
    let length_s = length_s(media, options.max_s)?;
    let complained = exit.is_some_and(|exit| !exit.stderr.is_empty());
    let damage = if complained { damage::frames(ffmpeg, media, length_s)? } else { None };
    Ok(FramesGiven { count, damage })
}

/// As [`frames()`], only the key frames, which build upon no other frame: in a damaged video, those
/// that the decoder did not have to repair.
///
/// # Errors
/// As [`frames()`].
pub fn key_frames(
    ffmpeg: &Ffmpeg,
    media: &Media,
    options: &FrameOptions,
    each: impl FnMut(RgbImage) -> ControlFlow<()>,
) -> Result<usize, ClipError> {
    Ok(frames_with(ffmpeg, media, options, &damage::KEY_FRAMES, each)?.0)
}

/// The number of frames, and how ffmpeg ended, unless `each` broke.
fn frames_with(
    ffmpeg: &Ffmpeg,
    media: &Media,
    options: &FrameOptions,
    decoding: &[&str],
    mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
) -> Result<(usize, Option<Exit>), ClipError> {
    check_file(&media.file)?;
    let mut command =
        ffmpeg.open(&media.file, media.start_s, length_s(media, options.max_s)?, decoding);
    command.args(frames::arguments(options)).arg("pipe:1");
    let (run, output) = Run::start(command, ffmpeg).map_err(CorpusError::from)?;
    let mut frames = BlockReader::of(output, ffmpeg.timeout());
    let mut given = 0;
    let outcome = loop {
        match frames::next(&mut frames, options.longest_side_px) {
            Ok(Some(frame)) => {
                given += 1;
                if each(frame).is_break() {
                    return Ok((given, None)); // without waiting for the rest
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let exit = wait(ffmpeg, run, &outcome, media)?;
    if given == 0 {
        return Err(why_no_frames(ffmpeg, media, &exit));
    }
    Ok((given, Some(exit)))
}

/// Sound and frames of one segment from one run of ffmpeg: the same as [`sound()`]
/// and [`frames()`], with two differences. The sound is always decoded by ffmpeg,
/// and it is complete only after the frames, so frames may be passed on before an error in the
/// sound is found.
///
/// # Errors
/// As those two; errors in the sound come first.
pub fn sound_and_frames(
    ffmpeg: &Ffmpeg,
    media: &Media,
    options: &FrameOptions,
    mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
) -> Result<SoundAndFrames, ClipError> {
    check_file(&media.file)?;
    let length_s = length_s(media, options.max_s)?;
    let mut command = ffmpeg.open(&media.file, media.start_s, length_s, frames::decoding(options));
    command.args(frames::arguments(options)).arg("pipe:1");
    // Standard output is for the frames and standard error for messages. Nothing is typed into
    // ffmpeg, so it writes the sound to the descriptor that is usually standard input.
    command.args(sound::ARGUMENTS).arg("pipe:0");
    let (sound, sink) = io::pipe().map_err(FileError::at("start", ffmpeg.program()))?;
    command.stdin(sink);
    let (run, output) = Run::start(command, ffmpeg).map_err(CorpusError::from)?;
    let sound = Collector::of(sound, MAX_SOUND_BYTES, ffmpeg.timeout());
    let mut frames = BlockReader::of(output, ffmpeg.timeout());
    let (mut given, mut enough) = (0, false);
    let outcome = loop {
        match frames::next(&mut frames, options.longest_side_px) {
            Ok(Some(frame)) if !enough => {
                given += 1;
                enough = each(frame).is_break();
            }
            // The pipe must still be emptied, since the sound arrives at the same time.
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let bytes = outcome.and_then(|()| sound.wait());
    let exit = wait(ffmpeg, run, &bytes, media)?;
    let waveform = sound::decode(bytes.unwrap_or_default(), length_s).map_err(|problem| {
        match why_no_sound(ffmpeg, media, problem, &exit) {
            // If one of the two tracks is missing, ffmpeg does not decode the other.
            ClipError::Rejected { reason: Reason::UnreadableFile, .. } if given == 0 => {
                why_no_frames(ffmpeg, media, &exit)
            }
            error => error,
        }
    })?;
    if given == 0 {
        return Err(why_no_frames(ffmpeg, media, &exit));
    }
    if exit.stderr.is_empty() {
        return Ok(SoundAndFrames { sound: waveform, damage: None });
    }
    damage::check_sound(ffmpeg, media, length_s, waveform.seconds())?;
    let damage = damage::frames(ffmpeg, media, length_s)?;
    Ok(SoundAndFrames { sound: waveform, damage })
}

/// Waits for the end of a run with this `outcome` of reading its output.
///
/// # Errors
/// If the file is not the cause, or if ffmpeg produced no output for too long.
fn wait<T>(
    ffmpeg: &Ffmpeg,
    run: Run,
    outcome: &io::Result<T>,
    media: &Media,
) -> Result<Exit, ClipError> {
    let abandoned = match outcome {
        Err(error) => match error.kind() {
            ErrorKind::TimedOut => {
                Some(format!("ffmpeg gave nothing of it for {} s", ffmpeg.timeout().as_secs()))
            }
            ErrorKind::FileTooLarge | ErrorKind::InvalidData => Some(error.to_string()),
            _ => None,
        },
        Ok(_) => None,
    };
    if let Some(detail) = abandoned {
        drop(run);
        // Is it the file, or the disk?
        check_file(&media.file)?;
        read_through(&media.file)?;
        return Err(ClipError::reject(Reason::UnreadableFile, detail));
    }
    let exit = run.wait();
    if exit.interrupted {
        return Err(CorpusError::from(ffmpeg.broken("it was interrupted".into())).into());
    }
    if !exit.stderr.is_empty() || exit.crashed.is_some() {
        check_file(&media.file)?;
        read_through(&media.file)?;
    }
    Ok(exit)
}

/// Length of `media`, at most `max_s`; infinite if there is no limit.
fn length_s(media: &Media, max_s: f64) -> Result<f64, ClipError> {
    let length_s = media.end_s.map_or(f64::INFINITY, |end_s| end_s - media.start_s).min(max_s);
    if length_s > 0.0 && media.start_s.is_finite() {
        return Ok(length_s);
    }
    let end_s = media.end_s.unwrap_or(f64::INFINITY);
    let detail = format!("the stretch from {} s to {end_s} s holds nothing", media.start_s);
    Err(ClipError::reject(Reason::TooShort, detail))
}

#[cfg(test)]
mod tests;
