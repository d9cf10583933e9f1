//! How much of a segment ffmpeg had to repair.
//!
//! A decoder conceals what it cannot decode: it repeats parts of other frames, and all frames that
//! build upon them are smeared, up to the next key frame. It leaves out sound that it cannot
//! decode. If ffmpeg complained about a file, it decodes it again here, without output, to count.

use std::io::Read;
use std::process::Stdio;

use s2f_audio::ffmpeg::{BlockReader, Ffmpeg, Run};

use crate::CorpusError;
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

/// A segment is rejected if a larger share of its frames cannot be decoded, or of its sound.
const MAX_SHARE: f64 = 0.05;
/// Input options that make errors of a decoder lose the frame, instead of a guess at it.
const EXPLODE: [&str; 2] = ["-err_detect", "explode"];
/// Input options for frames that build upon no other.
pub(super) const KEY_FRAMES: [&str; 4] = ["-skip_frame", "nokey", "-err_detect", "explode"];
/// The longest report of ffmpeg's progress, bytes: some hundred every half second.
const MAX_PROGRESS: u64 = 4 << 20;

/// What could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damage {
    /// Frames that could not be decoded, and all frames.
    frames: (u64, u64),
}

/// Whether frames of `media` had to be repaired; looked at only if ffmpeg complained.
///
/// # Errors
/// [`ClipError::Rejected`] for [`Reason::Damaged`] if there are many of them.
pub(super) fn frames(
    ffmpeg: &Ffmpeg,
    media: &Media,
    length_s: f64,
) -> Result<Option<Damage>, ClipError> {
    let count = |decoding: &[&str]| {
        let found = progress(ffmpeg, media, length_s, decoding, "0:V:0")?;
        Ok::<u64, ClipError>(found.frames)
    };
    let (all, good) = (count(&[])?, count(&EXPLODE)?);
    let bad = all.saturating_sub(good);
    if bad == 0 {
        return Ok(None);
    }
    let share = bad as f64 / all as f64;
    if share > MAX_SHARE {
        let percent = 100.0 * share;
        let detail = format!("{bad} of {all} frames ({percent:.0} %) are damaged");
        return Err(ClipError::reject(Reason::Damaged, detail));
    }
    Ok(Some(Damage { frames: (bad, all) }))
}

/// Checks that little of the sound of `media` is missing, of which `found_s` were decoded.
///
/// # Errors
/// [`ClipError::Rejected`] for [`Reason::Damaged`].
pub(super) fn check_sound(
    ffmpeg: &Ffmpeg,
    media: &Media,
    length_s: f64,
    found_s: f64,
) -> Result<(), ClipError> {
    let all_s = progress(ffmpeg, media, length_s, &[], "0:a:0")?.seconds;
    let missing_s = all_s - found_s;
    if missing_s <= MAX_SHARE * all_s {
        return Ok(());
    }
    let percent = 100.0 * missing_s / all_s;
    let detail = format!("{missing_s:.2} of {all_s:.2} s of sound ({percent:.0} %) are damaged");
    Err(ClipError::reject(Reason::Damaged, detail))
}

/// How far ffmpeg came.
#[derive(Debug, Default, PartialEq)]
struct Progress {
    frames: u64,
    seconds: f64,
}

/// Decodes one stream of `media` to nothing.
fn progress(
    ffmpeg: &Ffmpeg,
    media: &Media,
    length_s: f64,
    decoding: &[&str],
    stream: &str,
) -> Result<Progress, ClipError> {
    let mut command = ffmpeg.open(&media.file, media.start_s, length_s, decoding);
    command.args(["-map", stream, "-fps_mode", "passthrough", "-f", "null"]);
    command.args(["-progress", "pipe:1", "-"]).stdin(Stdio::null());
    let (run, output) = Run::start(command, ffmpeg).map_err(CorpusError::from)?;
    let mut text = Vec::new();
    let read = BlockReader::of(output, ffmpeg.timeout()).take(MAX_PROGRESS).read_to_end(&mut text);
    if let Err(error) = read {
        return Err(ClipError::reject(Reason::UnreadableFile, error.to_string()));
    }
    run.wait();
    Ok(Progress::parse(&String::from_utf8_lossy(&text)))
}

impl Progress {
    /// The last values of a report.
    fn parse(text: &str) -> Self {
        let mut progress = Self::default();
        for line in text.lines() {
            match line.split_once('=') {
                Some(("frame", count)) => {
                    progress.frames = count.trim().parse().unwrap_or(progress.frames);
                }
                Some(("out_time_us", time)) => {
                    let seconds = time.trim().parse::<f64>().map(|time| time * 1e-6);
                    progress.seconds = seconds.unwrap_or(progress.seconds);
                }
                _ => {}
            }
        }
        progress
    }
}

impl Damage {
    /// Number of frames that could not be decoded.
    pub fn bad_frames(&self) -> u64 {
        self.frames.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_counts() {
        let text = "frame=10\nout_time_us=400000\nprogress=continue\nframe=97\nfps=0.0\n\
                    out_time_us=4000000\nout_time_ms=4000000\nprogress=end\n";
        assert_eq!(Progress::parse(text), Progress { frames: 97, seconds: 4.0 });
        assert_eq!(Progress::parse("out_time_us=N/A\n"), Progress::default());
    }
}
