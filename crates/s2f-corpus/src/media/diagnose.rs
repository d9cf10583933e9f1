//! Why a file gave nothing: the file itself, or the world around it. The slow look is taken at
//! files that failed, and only at them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::process::Stdio;

use s2f_audio::Problem;
use s2f_core::FileError;

use super::process::{End, Run};
use super::sound::{is_final, rejection};
use super::{Ffmpeg, address};
use crate::plan::Media;
use crate::reject::{Reason, Trouble};

/// How much of a file is read to see that it can be.
const READ_THROUGH: u64 = 1 << 30;

/// Lets through a plain file that is not empty and may be read.
pub(crate) fn gate(file: &Path) -> Result<(), Trouble> {
    let unreadable = |detail: &str| Err(Trouble::reject(Reason::UnreadableFile, detail));
    let metadata = std::fs::metadata(file).map_err(|error| unread(file, error))?;
    // Opening a pipe would wait for somebody to write into it.
    if !metadata.is_file() {
        return unreadable("not a plain file");
    }
    if metadata.len() == 0 {
        return unreadable("the file is empty (0 bytes)");
    }
    File::open(file).map(|_| ()).map_err(|error| unread(file, error))
}

/// What it means that the system does not give `file`. One that is missing where others are, or
/// whose name cannot be, is the clip's trouble; all else will hit the next clip too.
pub(super) fn unread(file: &Path, error: io::Error) -> Trouble {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match error.kind() {
        // The folder of a mount that has vanished is there, and empty.
        ErrorKind::NotFound if is_inhabited(parent.unwrap_or(Path::new("."))) => {
            Trouble::reject(Reason::MissingFile, "the file is not there (any more)")
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
            Trouble::reject(Reason::MissingFile, "no file can have such a name")
        }
        _ => FileError::at("read", file)(error).into(),
    }
}

fn is_inhabited(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Reads `file` to its end: ffmpeg takes a disk that fails for the end of a file.
pub(super) fn read_through(file: &Path) -> Result<(), Trouble> {
    let mut source = File::open(file).map_err(|error| unread(file, error))?.take(READ_THROUGH);
    let mut block = vec![0; 256 << 10];
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(file, error)),
        }
    }
}

/// The first thing that ffmpeg said of `file`, without the file's name, which is known, and
/// without addresses in memory, which differ from run to run.
pub(super) fn first_complaint(said: &str, file: &Path) -> Option<String> {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, text)) => text,
        None => line,
    };
    let name = address(file);
    let line = line.replace(&*name.to_string_lossy(), "it");
    let line = line.strip_prefix("it: ").unwrap_or(&line);
    Some(line.chars().take(200).collect())
}

/// What ffmpeg sees in a file without decoding it.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    video: bool,
    sound: bool,
    seconds: Option<f64>,
}

impl Contents {
    /// From what `ffmpeg -i` prints.
    fn parse(text: &str) -> Self {
        let mut contents = Self::default();
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("Duration: ") {
                contents.seconds = rest.split(',').next().and_then(clock);
            } else if line.starts_with("Stream #") {
                contents.video |= line.contains(": Video: ") && !line.contains("(attached pic)");
                contents.sound |= line.contains(": Audio: ");
            }
        }
        contents
    }
}

/// Seconds of `HH:MM:SS.ss`.
fn clock(text: &str) -> Option<f64> {
    text.trim()
        .split(':')
        .try_fold(0.0, |seconds, part| part.parse::<f64>().ok().map(|part| 60.0 * seconds + part))
}

impl Ffmpeg {
    /// Why the sound of `media` came to a `problem`.
    pub(super) fn why_no_sound(&self, media: &Media, problem: Problem, end: &End) -> Trouble {
        if is_final(&problem) {
            return rejection(&problem);
        }
        match self.contents(media, end) {
            Err(trouble) => trouble,
            Ok(Contents { sound: false, .. }) => rejection(&Problem::NoAudioTrack),
            Ok(contents) => beyond(media, contents.seconds, Reason::TooShort)
                .or_else(|| damaged(media, end))
                .unwrap_or_else(|| rejection(&Problem::NoSamples)),
        }
    }

    /// Why `media` gave no frame.
    pub(super) fn why_no_frames(&self, media: &Media, end: &End) -> Trouble {
        match self.contents(media, end) {
            Err(trouble) => trouble,
            Ok(Contents { video: false, .. }) => {
                Trouble::reject(Reason::NoPicture, "the file has no picture track")
            }
            Ok(contents) => beyond(media, contents.seconds, Reason::NoPicture)
                .or_else(|| damaged(media, end))
                .unwrap_or_else(|| {
                    Trouble::reject(Reason::NoPicture, "the picture track holds no frame")
                }),
        }
    }

    /// What is in the file of `media`, which gave nothing in the run that came to `end`.
    fn contents(&self, media: &Media, end: &End) -> Result<Contents, Trouble> {
        let mut command = self.command("info");
        command.arg("-i").arg(address(&media.file)).stdout(Stdio::null());
        let (run, _) = Run::start(command, self)?;
        let contents = Contents::parse(&run.end().said);
        if contents.video || contents.sound {
            return Ok(contents);
        }
        Err(damaged(media, end).unwrap_or_else(|| {
            Trouble::reject(Reason::UnreadableFile, "not sound or video that ffmpeg knows")
        }))
    }
}

/// Where the stretch lies behind the end of a file of so many seconds.
pub(super) fn beyond(media: &Media, seconds: Option<f64>, reason: Reason) -> Option<Trouble> {
    let (start_s, seconds) = (media.start_s, seconds?);
    (start_s >= seconds).then(|| {
        let detail = format!("it is {seconds:.2} s long and the stretch begins at {start_s:.2} s");
        Trouble::reject(reason, detail)
    })
}

/// Where ffmpeg had something to complain of.
fn damaged(media: &Media, end: &End) -> Option<Trouble> {
    let complaint = end.crashed.clone().or_else(|| first_complaint(&end.said, &media.file))?;
    Some(Trouble::reject(Reason::UnreadableFile, format!("the file is damaged ({complaint})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_the_same_in_every_run() {
        let check = |said: &str, expected: Option<&str>| {
            assert_eq!(first_complaint(said, Path::new("/data/a b.mp4")).as_deref(), expected);
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
    fn contents_of_what_ffmpeg_prints() {
        let text = "Input #0, mov, from 'x':\n  Duration: 01:02:03.50, start: 0.000000, bitrate: 1\n\
                    \x20   Stream #0:0[0x1](und): Video: h264, yuv420p\n  Stream #0:1: Audio: aac\n";
        let seconds = Some(3723.5);
        assert_eq!(Contents::parse(text), Contents { video: true, sound: true, seconds });
        let cover =
            "  Duration: N/A, start: 0\n Stream #0:1: Video: mjpeg, 90k tbn (attached pic)\n";
        assert_eq!(Contents::parse(cover), Contents::default());
    }
}
