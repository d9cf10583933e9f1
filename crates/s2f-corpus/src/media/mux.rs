//! A video file of frames and sound that the program itself made.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use image::RgbImage;

use super::process::{Collected, Run};
use super::wav::encode_wav;
use super::{Ffmpeg, address};
use crate::{CorpusError, files};

/// H.264 where this ffmpeg has it and MPEG-4 part 2 otherwise, which is its own choice for the
/// container; each takes its own measure of quality and leaves the other.
const PICTURE: [&str; 10] =
    ["-pix_fmt", "yuv420p", "-preset", "veryfast", "-crf", "23", "-q:v", "4", "-g", "25"];
const SOUND: [&str; 4] = ["-c:a", "aac", "-b:a", "64k"];
/// The same frames and samples give the same bytes, with the same ffmpeg.
const EXACT: [&str; 12] = [
    "-map_metadata",
    "-1",
    "-fflags",
    "+bitexact",
    "-flags:v",
    "+bitexact",
    "-flags:a",
    "+bitexact",
    "-threads",
    "1",
    "-f",
    "mp4",
];

impl Ffmpeg {
    /// Writes an MP4 of `frames`, all of one even size, `rate` a second, and `sound` at 16 kHz. The
    /// file is there only when it is whole.
    ///
    /// # Errors
    /// [`CorpusError::Ffmpeg`] where it cannot encode, [`CorpusError::Io`].
    pub fn encode(
        &self,
        frames: impl Iterator<Item = RgbImage>,
        rate: u32,
        sound: &[f32],
        path: &Path,
    ) -> Result<(), CorpusError> {
        let mut frames = frames.peekable();
        let Some((width, height)) = frames.peek().map(RgbImage::dimensions) else {
            return Err(self.broken("there are no frames to encode".into()));
        };
        let mut wav = files::begin(path)?;
        wav.write_all(&encode_wav(sound)).map_err(CorpusError::io("write", wav.path()))?;
        let video = files::begin(path)?;

        let mut command = Command::new(&self.program);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        command.args(["-f", "rawvideo", "-pixel_format", "rgb24"]);
        command.args(["-video_size", &format!("{width}x{height}"), "-framerate"]);
        command.arg(rate.to_string()).args(["-i", "pipe:0", "-f", "wav", "-i"]);
        command.arg(address(wav.path())).args(PICTURE).args(SOUND).args(EXACT);
        command.arg(address(video.path()));
        let (pixels, mut sink) = io::pipe().map_err(CorpusError::io("start", &self.program))?;
        command.stdin(pixels);
        let (run, output) = Run::start(command, self)?;
        let written = frames.try_for_each(|frame| sink.write_all(frame.as_raw()));
        drop(sink);
        // It says nothing there: what is waited for is the end.
        let ended = Collected::of(output, 1, self.patience).wait();
        if let Err(error) = ended {
            return Err(self.broken(format!("it does not end: {error}")));
        }
        let end = run.end();
        if end.interrupted {
            return Err(self.broken("it was interrupted".into()));
        }
        if let Some(crash) = end.crashed {
            return Err(self.broken(crash));
        }
        if !end.said.is_empty() {
            return Err(self.broken(end.said.trim().to_owned()));
        }
        written.map_err(CorpusError::io("write", path))?;
        files::finish(video, path)
    }
}
