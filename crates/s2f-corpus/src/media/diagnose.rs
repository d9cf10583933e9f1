//! Why a file gave no sound or no frames. Files are examined in detail only after they failed.

use std::path::Path;
use std::process::Stdio;

use s2f_audio::Problem;

use super::rejection::{beyond_end, is_final, sound_rejection};
use super::run::{Exit, Run};
use super::{Ffmpeg, address};
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

/// The first message of ffmpeg about `file`, without the file's name, which is known, and without
/// memory addresses, which differ from run to run.
fn first_message(stderr: &str, file: &Path) -> Option<String> {
    let line = stderr.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, text)) => text,
        None => line,
    };
    let name = address(file);
    let line = line.replace(&*name.to_string_lossy(), "it");
    let line = line.strip_prefix("it: ").unwrap_or(&line);
    Some(line.chars().take(200).collect())
}

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

impl Ffmpeg {
    /// Why there is a `problem` with the sound of `media`.
    pub(super) fn why_no_sound(&self, media: &Media, problem: Problem, exit: &Exit) -> ClipError {
        if is_final(&problem) {
            return sound_rejection(&problem);
        }
        match self.streams(media, exit) {
            Err(error) => error,
            Ok(Streams { sound: false, .. }) => sound_rejection(&Problem::NoAudioTrack),
            Ok(streams) => beyond_end(media, streams.seconds, Reason::TooShort)
                .or_else(|| damaged(media, exit))
                .unwrap_or_else(|| sound_rejection(&Problem::NoSamples)),
        }
    }

    /// Why `media` gave no frame.
    pub(super) fn why_no_frames(&self, media: &Media, exit: &Exit) -> ClipError {
        match self.streams(media, exit) {
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
    fn streams(&self, media: &Media, exit: &Exit) -> Result<Streams, ClipError> {
        let mut command = self.command("info");
        command.arg("-i").arg(address(&media.file)).stdout(Stdio::null());
        let (run, _) = Run::start(command, self)?;
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
    fn messages_are_the_same_in_every_run() {
        let check = |stderr: &str, expected: Option<&str>| {
            assert_eq!(first_message(stderr, Path::new("/data/a b.mp4")).as_deref(), expected);
        };
        check("", None);
        check("\n \n", None);
        check(
            "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d0a8f3c2c0] moov atom not found\nfile:/data/a b.mp4: \
             Invalid data found when processing input\n",
            Some("moov atom not found"),
        );
        check("file:/data/a b.mp4: Invalid data found", Some("Invalid data found"));
        check("Error while opening file:/data/a b.mp4\n", Some("Error while opening it"));
    }

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
