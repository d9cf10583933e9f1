//! Why a file gave no sound or no frames. Files are examined in detail only after they failed.

use std::process::Stdio;

use s2f_audio::Problem;
use s2f_audio::ffmpeg::{Exit, Ffmpeg, Run, address, first_message};

use super::rejection::{beyond_end, is_final, sound_rejection};
use crate::CorpusError;
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

/// The streams of a file, which ffmpeg lists without decoding it.
#[derive(Debug, Default, PartialEq)]
struct Streams {
    video: bool,
    sound: bool,
    seconds: Option<f64>,
}

impl Streams {
    /// Parses the output of `ffmpeg -i`.
    fn parse(text: &str) -> Self {
        let mut streams = Self::default();
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("Duration: ") {
                streams.seconds = rest.split(',').next().and_then(parse_timestamp);
            } else if line.starts_with("Stream #") {
                streams.video |= line.contains(": Video: ") && !line.contains("(attached pic)");
                streams.sound |= line.contains(": Audio: ");
            }
        }
        streams
    }
}

/// Seconds of `HH:MM:SS.ss`.
fn parse_timestamp(text: &str) -> Option<f64> {
    text.trim()
        .split(':')
        .try_fold(0.0, |seconds, part| part.parse::<f64>().ok().map(|part| 60.0 * seconds + part))
}

/// Why there is a `problem` with the sound of `media`.
pub(super) fn why_no_sound(
    ffmpeg: &Ffmpeg,
    media: &Media,
    problem: Problem,
    exit: &Exit,
) -> ClipError {
    if is_final(&problem) {
        return sound_rejection(&problem);
    }
    match streams(ffmpeg, media, exit) {
        Err(error) => error,
        Ok(Streams { sound: false, .. }) => sound_rejection(&Problem::NoAudioTrack),
        Ok(streams) => beyond_end(media, streams.seconds, Reason::TooShort)
            .or_else(|| damaged(media, exit))
            .unwrap_or_else(|| sound_rejection(&Problem::NoSamples)),
    }
}

/// Why `media` gave no frame.
pub(super) fn why_no_frames(ffmpeg: &Ffmpeg, media: &Media, exit: &Exit) -> ClipError {
    match streams(ffmpeg, media, exit) {
        Err(error) => error,
        Ok(Streams { video: false, .. }) => {
            ClipError::reject(Reason::NoPicture, "the file has no video track")
        }
        Ok(streams) => beyond_end(media, streams.seconds, Reason::NoPicture)
            .or_else(|| damaged(media, exit))
            .unwrap_or_else(|| {
                ClipError::reject(Reason::NoPicture, "the video track has no frames")
            }),
    }
}

/// The streams in the file of `media`, which gave nothing in the run that ended with `exit`.
fn streams(ffmpeg: &Ffmpeg, media: &Media, exit: &Exit) -> Result<Streams, ClipError> {
    let mut command = ffmpeg.command("info");
    command.arg("-i").arg(address(&media.file)).stdout(Stdio::null());
    let (run, _) = Run::start(command, ffmpeg).map_err(CorpusError::from)?;
    let streams = Streams::parse(&run.wait().stderr);
    if streams.video || streams.sound {
        return Ok(streams);
    }
    Err(damaged(media, exit).unwrap_or_else(|| {
        ClipError::reject(
            Reason::UnreadableFile,
            "not an audio or video format that ffmpeg supports",
        )
    }))
}

/// The rejection if ffmpeg crashed or printed an error.
fn damaged(media: &Media, exit: &Exit) -> Option<ClipError> {
    let message = exit.crashed.clone().or_else(|| first_message(&exit.stderr, &media.file))?;
    Some(ClipError::reject(Reason::UnreadableFile, format!("the file is damaged ({message})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_parsed_from_the_output_of_ffmpeg() {
        let text = "Input #0, mov, from 'x':\n  Duration: 01:02:03.50, start: 0.0, bitrate: 1\n\
                    \x20   Stream #0:0[0x1](und): Video: h264, yuv\n  Stream #0:1: Audio: aac\n";
        let seconds = Some(3723.5);
        assert_eq!(Streams::parse(text), Streams { video: true, sound: true, seconds });
        let cover =
            "  Duration: N/A, start: 0\n Stream #0:1: Video: mjpeg, 90k tbn (attached pic)\n";
        assert_eq!(Streams::parse(cover), Streams::default());
    }
}
