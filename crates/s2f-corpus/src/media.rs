//! Sound and frames of a segment of a file in any format. Only this module runs ffmpeg.
//!
//! Files are untrusted: ffmpeg may open only regular files of known containers, so that a playlist
//! cannot make it open other files or the network, and it runs on one thread within limits of time
//! and memory. A file that cannot be used is a [`ClipError`] with its reason.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use image::RgbImage;
use s2f_audio::Waveform;
use s2f_core::FileError;

use crate::CorpusError;
use crate::plan::Media;
use crate::reject::{ClipError, Reason};

mod diagnose;
mod frames;
mod mux;
mod rejection;
mod run;
mod sound;
mod wav;

pub(crate) use rejection::check_file;
use rejection::read_through;
use run::{BlockReader, Collector, Exit, Run};
pub use wav::encode_wav;

/// The installed ffmpeg. Can be shared by threads.
///
/// Starting it takes 60 ms of CPU time, as long as decoding several seconds of small video: if both
/// sound and frames of a segment are needed, use [`sound_and_frames`](Self::sound_and_frames).
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    /// How long it may produce no output.
    timeout: Duration,
}

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

/// The environment variable with the path of the program; otherwise `ffmpeg` is searched on `PATH`.
const VARIABLE: &str = "S2F_FFMPEG";
/// How long ffmpeg may produce no output before it is killed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Containers that may be opened: no playlists, picture sequences or devices.
const CONTAINERS: &str = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dv,eac3,flac,flv,ivf,matroska,\
    webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,tta,w64,wav,wv";
/// Frames with more pixels (8K) are refused before they are decoded.
const MAX_PIXELS: &str = "36000000";
/// Maximum size of a single allocation of ffmpeg, bytes.
const MAX_ALLOCATION: &str = "536870912";
/// Maximum sound of one segment, bytes of the WAV file from ffmpeg: 24 min of 48 kHz stereo.
const MAX_SOUND_BYTES: u64 = 512 << 20;

impl Ffmpeg {
    /// The program that the environment variable `S2F_FFMPEG` names, otherwise `ffmpeg` on `PATH`.
    ///
    /// # Errors
    /// [`CorpusError::Ffmpeg`] if it does not start.
    pub fn find() -> Result<Self, CorpusError> {
        let program = std::env::var_os(VARIABLE).unwrap_or_else(|| "ffmpeg".into());
        let ffmpeg = Self { program: program.into(), timeout: TIMEOUT };
        let works = Command::new(&ffmpeg.program)
            .arg("-version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| ffmpeg.broken(error.to_string()))?;
        if !works.success() {
            return Err(ffmpeg.broken(format!("{works}")));
        }
        Ok(ffmpeg)
    }

    /// The sound of `media`, at most its first `max_s` seconds: at least [`Waveform::MIN_S`] long,
    /// and not silent.
    ///
    /// Short files in a format that [`s2f_audio`] reads are decoded by it, all others by ffmpeg;
    /// [`s2f_audio`] downmixes and resamples in both cases.
    ///
    /// # Errors
    /// [`ClipError::Rejected`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`],
    /// [`Reason::NoSound`], [`Reason::Silent`] and [`Reason::TooShort`].
    pub fn sound(&self, media: &Media, max_s: f64) -> Result<Waveform, ClipError> {
        check_file(&media.file)?;
        let length_s = length_s(media, max_s)?;
        if let Some(decoded) = sound::in_process(media, length_s)? {
            return Ok(decoded);
        }
        let mut command = self.open(media, length_s, &[]);
        command.args(sound::ARGUMENTS).arg("pipe:1");
        let (run, output) = Run::start(command, self)?;
        let bytes = Collector::of(output, MAX_SOUND_BYTES, self.timeout).wait();
        let exit = self.wait(run, &bytes, media)?;
        let bytes = bytes.unwrap_or_default();
        sound::decode(bytes, length_s).map_err(|problem| self.why_no_sound(media, problem, &exit))
    }

    /// Passes the frames of `media`, in order and one at a time, to `each`, until it breaks;
    /// returns their number. Rotation and non-square pixels are corrected.
    ///
    /// # Errors
    /// [`ClipError::Rejected`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`] and, if
    /// there is not a single frame, [`Reason::NoPicture`].
    pub fn frames(
        &self,
        media: &Media,
        options: &FrameOptions,
        mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
    ) -> Result<usize, ClipError> {
        check_file(&media.file)?;
        let mut command =
            self.open(media, length_s(media, options.max_s)?, frames::decoding(options));
        command.args(frames::arguments(options)).arg("pipe:1");
        let (run, output) = Run::start(command, self)?;
        let mut frames = BlockReader::of(output, self.timeout);
        let mut given = 0;
        let outcome = loop {
            match frames::next(&mut frames, options.longest_side_px) {
                Ok(Some(frame)) => {
                    given += 1;
                    if each(frame).is_break() {
                        return Ok(given); // without waiting for the rest
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let exit = self.wait(run, &outcome, media)?;
        if given == 0 {
            return Err(self.why_no_frames(media, &exit));
        }
        Ok(given)
    }

    /// Sound and frames of one segment from one run of ffmpeg: the same as [`sound`](Self::sound)
    /// and [`frames`](Self::frames), with two differences. The sound is always decoded by ffmpeg,
    /// and it is complete only after the frames, so frames may be passed on before an error in the
    /// sound is found.
    ///
    /// # Errors
    /// As those two; errors in the sound come first.
    pub fn sound_and_frames(
        &self,
        media: &Media,
        options: &FrameOptions,
        mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
    ) -> Result<Waveform, ClipError> {
        check_file(&media.file)?;
        let length_s = length_s(media, options.max_s)?;
        let mut command = self.open(media, length_s, frames::decoding(options));
        command.args(frames::arguments(options)).arg("pipe:1");
        // Standard output is for the frames and standard error for messages. Nothing is typed into
        // ffmpeg, so it writes the sound to the descriptor that is usually standard input.
        command.args(sound::ARGUMENTS).arg("pipe:0");
        let (sound, sink) = io::pipe().map_err(FileError::at("start", &self.program))?;
        command.stdin(sink);
        let (run, output) = Run::start(command, self)?;
        let sound = Collector::of(sound, MAX_SOUND_BYTES, self.timeout);
        let mut frames = BlockReader::of(output, self.timeout);
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
        let exit = self.wait(run, &bytes, media)?;
        let waveform = sound::decode(bytes.unwrap_or_default(), length_s).map_err(|problem| {
            match self.why_no_sound(media, problem, &exit) {
                // If one of the two tracks is missing, ffmpeg does not decode the other.
                ClipError::Rejected { reason: Reason::UnreadableFile, .. } if given == 0 => {
                    self.why_no_frames(media, &exit)
                }
                error => error,
            }
        })?;
        if given == 0 {
            return Err(self.why_no_frames(media, &exit));
        }
        Ok(waveform)
    }

    /// The command up to the outputs: the segment of `media`, opened within limits.
    fn open(&self, media: &Media, length_s: f64, decoding: &[&str]) -> Command {
        let mut command = self.command("error");
        command.args(["-max_alloc", MAX_ALLOCATION, "-threads", "1", "-filter_threads", "1"]);
        command.args(["-max_pixels", MAX_PIXELS]).args(decoding);
        if media.start_s > 0.0 {
            command.args(["-ss", &format!("{:.6}", media.start_s)]);
        }
        if length_s.is_finite() {
            command.args(["-t", &format!("{length_s:.6}")]);
        }
        command.arg("-i").arg(address(&media.file));
        command
    }

    /// ffmpeg with messages of `level`, which may open only files of known containers.
    fn command(&self, level: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-nostdin", "-hide_banner", "-v", level]);
        command.args(["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]);
        // Would make it write files, or colour its messages.
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        command.stdin(Stdio::null());
        command
    }

    /// Waits for the end of a run with this `outcome` of reading its output.
    ///
    /// # Errors
    /// If the file is not the cause, or if ffmpeg produced no output for too long.
    fn wait<T>(&self, run: Run, outcome: &io::Result<T>, media: &Media) -> Result<Exit, ClipError> {
        let abandoned = match outcome {
            Err(error) => match error.kind() {
                ErrorKind::TimedOut => {
                    Some(format!("ffmpeg gave nothing of it for {} s", self.timeout.as_secs()))
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
            return Err(self.broken("it was interrupted".into()).into());
        }
        if !exit.stderr.is_empty() || exit.crashed.is_some() {
            check_file(&media.file)?;
            read_through(&media.file)?;
        }
        Ok(exit)
    }

    fn broken(&self, problem: String) -> CorpusError {
        CorpusError::Ffmpeg { program: self.program.clone(), problem }
    }
}

/// The name of a file for ffmpeg, which cannot be mistaken for an option or a network address.
fn address(file: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(file);
    address
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
