//! Sound and frames of a stretch of a file, whatever its format; nothing else runs ffmpeg.
//!
//! A file is material of unknown origin: ffmpeg gets it as a plain file of a known container, so
//! that no playlist among the data can open other files or the network, on one thread and within
//! limits of time and memory. What cannot be used comes back as a [`Trouble`] with its reason.

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
use crate::reject::{Reason, Trouble};

mod diagnose;
mod frames;
mod mux;
mod process;
mod sound;
mod wav;

pub(crate) use wav::encode_wav;

pub(crate) use diagnose::gate;
use diagnose::read_through;
use process::{Blocks, Collected, End, Run};

/// The ffmpeg that is installed. One may be shared by threads.
///
/// Starting it takes 60 ms of a processor, as long as decoding several seconds of small video:
/// where sound and frames of one stretch are wanted, [`sound_and_frames`](Self::sound_and_frames)
/// is the way.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    /// How long it may give nothing.
    patience: Duration,
}

/// Which frames are wanted, and how much of the stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Take {
    /// The stretch is cut to this length, s.
    pub max_s: f64,
    /// Frames a second, evenly spread; where a video has fewer, each comes once.
    pub frames_per_s: f64,
    /// Larger frames are scaled down to this longer side, pixels; smaller ones stay as they are.
    pub longest_side_px: u32,
}

/// Names the program; without it `ffmpeg` is looked for on the path.
const VARIABLE: &str = "S2F_FFMPEG";
/// How long ffmpeg may give nothing before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Containers that are opened. Playlists, picture sequences and devices are not among them.
const CONTAINERS: &str = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dv,eac3,flac,flv,ivf,matroska,\
    webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,tta,w64,wav,wv";
/// Frames beyond 8K are refused before they are decoded.
const MAX_PIXELS: &str = "36000000";
/// The largest single piece of memory that ffmpeg may ask for, bytes.
const MAX_ALLOCATION: &str = "536870912";
/// The most sound of one stretch, bytes of WAV as it leaves ffmpeg: 24 min of 48 kHz stereo.
const MAX_SOUND_BYTES: u64 = 512 << 20;

impl Ffmpeg {
    /// The program that `S2F_FFMPEG` names, else `ffmpeg` on the path.
    ///
    /// # Errors
    /// [`CorpusError::Ffmpeg`] where it does not start.
    pub fn find() -> Result<Self, CorpusError> {
        let program = std::env::var_os(VARIABLE).unwrap_or_else(|| "ffmpeg".into());
        let ffmpeg = Self { program: program.into(), patience: PATIENCE };
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

    /// The sound of `media`, at most its first `max_s` seconds: at least
    /// [`Waveform::MIN_S`] of it, above silence.
    ///
    /// What is short and in a format that [`s2f_audio`] reads is decoded by it, everything else by
    /// ffmpeg; mixing down and resampling are [`s2f_audio`]'s in both cases.
    ///
    /// # Errors
    /// [`Trouble::Reject`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`],
    /// [`Reason::NoSound`], [`Reason::Silent`] and [`Reason::TooShort`].
    pub fn sound(&self, media: &Media, max_s: f64) -> Result<Waveform, Trouble> {
        gate(&media.file)?;
        let length_s = length_s(media, max_s)?;
        if let Some(decoded) = sound::in_process(media, length_s)? {
            return Ok(decoded);
        }
        let mut command = self.open(media, length_s, &[]);
        command.args(sound::ARGUMENTS).arg("pipe:1");
        let (run, output) = Run::start(command, self)?;
        let bytes = Collected::of(output, MAX_SOUND_BYTES, self.patience).wait();
        let end = self.end(run, &bytes, media)?;
        let bytes = bytes.unwrap_or_default();
        sound::decode(bytes, length_s).map_err(|problem| self.why_no_sound(media, problem, &end))
    }

    /// Gives the frames of `media`, in order and one at a time, to `each`, until it breaks; says
    /// how many it gave. Rotation and pixels that are not square are taken account of.
    ///
    /// # Errors
    /// [`Trouble::Reject`] for [`Reason::MissingFile`], [`Reason::UnreadableFile`] and, where there
    /// is not a single frame, [`Reason::NoPicture`].
    pub fn frames(
        &self,
        media: &Media,
        take: &Take,
        mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
    ) -> Result<usize, Trouble> {
        gate(&media.file)?;
        let mut command = self.open(media, length_s(media, take.max_s)?, frames::decoding(take));
        command.args(frames::arguments(take)).arg("pipe:1");
        let (run, output) = Run::start(command, self)?;
        let mut frames = Blocks::of(output, self.patience);
        let mut given = 0;
        let outcome = loop {
            match frames::next(&mut frames, take.longest_side_px) {
                Ok(Some(frame)) => {
                    given += 1;
                    if each(frame).is_break() {
                        return Ok(given); // the rest is not waited for
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let end = self.end(run, &outcome, media)?;
        if given == 0 {
            return Err(self.why_no_frames(media, &end));
        }
        Ok(given)
    }

    /// Sound and frames of one stretch by one run of ffmpeg: what [`sound`](Self::sound) and
    /// [`frames`](Self::frames) say holds here, with two differences. The sound is always ffmpeg's
    /// to decode, and it is known only after the frames: where there is trouble with it, frames
    /// may have been given.
    ///
    /// # Errors
    /// As those two; trouble with the sound comes first.
    pub fn sound_and_frames(
        &self,
        media: &Media,
        take: &Take,
        mut each: impl FnMut(RgbImage) -> ControlFlow<()>,
    ) -> Result<Waveform, Trouble> {
        gate(&media.file)?;
        let length_s = length_s(media, take.max_s)?;
        let mut command = self.open(media, length_s, frames::decoding(take));
        command.args(frames::arguments(take)).arg("pipe:1");
        // ffmpeg has three pipes. Nothing is typed into it and errors need theirs, so the sound
        // leaves through the one that is standard input elsewhere.
        command.args(sound::ARGUMENTS).arg("pipe:0");
        let (sound, sink) = io::pipe().map_err(FileError::at("start", &self.program))?;
        command.stdin(sink);
        let (run, output) = Run::start(command, self)?;
        let sound = Collected::of(sound, MAX_SOUND_BYTES, self.patience);
        let mut frames = Blocks::of(output, self.patience);
        let (mut given, mut enough) = (0, false);
        let outcome = loop {
            match frames::next(&mut frames, take.longest_side_px) {
                Ok(Some(frame)) if !enough => {
                    given += 1;
                    enough = each(frame).is_break();
                }
                // They are still taken off the pipe: the sound is on its way beside them.
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let bytes = outcome.and_then(|()| sound.wait());
        let end = self.end(run, &bytes, media)?;
        let waveform = sound::decode(bytes.unwrap_or_default(), length_s).map_err(|problem| {
            match self.why_no_sound(media, problem, &end) {
                // Where one of the two tracks is missing, ffmpeg does not begin with the other.
                Trouble::Reject { reason: Reason::UnreadableFile, .. } if given == 0 => {
                    self.why_no_frames(media, &end)
                }
                trouble => trouble,
            }
        })?;
        if given == 0 {
            return Err(self.why_no_frames(media, &end));
        }
        Ok(waveform)
    }

    /// The command up to the outputs: the stretch of `media`, opened with care.
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

    /// ffmpeg, which is to say what is of `level`, and may open known containers in files only.
    fn command(&self, level: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-nostdin", "-hide_banner", "-v", level]);
        command.args(["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]);
        // Would make it write files, or colour what is read here.
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        command.stdin(Stdio::null());
        command
    }

    /// How a run ended whose output came to an `outcome`.
    ///
    /// # Errors
    /// Where it was not the file's fault, and where the file kept it busy without an end.
    fn end<T>(&self, run: Run, outcome: &io::Result<T>, media: &Media) -> Result<End, Trouble> {
        let given_up = match outcome {
            Err(error) => match error.kind() {
                ErrorKind::TimedOut => {
                    Some(format!("ffmpeg gave nothing of it for {} s", self.patience.as_secs()))
                }
                ErrorKind::FileTooLarge | ErrorKind::InvalidData => Some(error.to_string()),
                _ => None,
            },
            Ok(_) => None,
        };
        if let Some(detail) = given_up {
            drop(run);
            // Is it the file, or what lies under it?
            gate(&media.file)?;
            read_through(&media.file)?;
            return Err(Trouble::reject(Reason::UnreadableFile, detail));
        }
        let end = run.end();
        if end.interrupted {
            return Err(self.broken("it was interrupted".into()).into());
        }
        if !end.said.is_empty() || end.crashed.is_some() {
            gate(&media.file)?;
            read_through(&media.file)?;
        }
        Ok(end)
    }

    fn broken(&self, problem: String) -> CorpusError {
        CorpusError::Ffmpeg { program: self.program.clone(), problem }
    }
}

/// How ffmpeg is told of a file: not a name that could be an option or an address of the network.
fn address(file: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(file);
    address
}

/// How much of `media` is wanted, s; infinite where nothing limits it.
fn length_s(media: &Media, max_s: f64) -> Result<f64, Trouble> {
    let length_s = media.end_s.map_or(f64::INFINITY, |end_s| end_s - media.start_s).min(max_s);
    if length_s > 0.0 && media.start_s.is_finite() {
        return Ok(length_s);
    }
    let end_s = media.end_s.unwrap_or(f64::INFINITY);
    let detail = format!("the stretch from {} s to {end_s} s holds nothing", media.start_s);
    Err(Trouble::reject(Reason::TooShort, detail))
}

#[cfg(test)]
mod tests;
