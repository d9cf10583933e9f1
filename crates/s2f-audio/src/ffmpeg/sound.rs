//! A whole recording, decoded by ffmpeg and read while it is decoded.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::{BlockReader, Ffmpeg, Run, first_message};
use crate::error::Problem;

/// Output: WAV with the sampling rate and channels of the file, in floats like the output of most
/// decoders, so that nothing is clipped or rounded.
const OUTPUT: [&str; 5] = ["-f", "wav", "-c:a", "pcm_f32le", "pipe:1"];
/// Decoded frames that are passed on at once.
const BLOCK_FRAMES: usize = 4096;
/// The head of ffmpeg's output has some hundred bytes.
const MAX_HEAD: usize = 64 << 10;

/// Why ffmpeg gave no sound, or the receiver refused it.
pub(crate) enum FfmpegSound {
    /// It cannot read the file; its message.
    Unreadable(String),
    /// The receiver wants no more.
    Refused(Problem),
}

/// Decodes the sound of `file`: track `track`, counted from 1 among the sound tracks, or the
/// default one. Passes samples, channels and sampling rate to `each`.
///
/// # Errors
/// [`FfmpegSound`].
pub(crate) fn decode(
    ffmpeg: &Ffmpeg,
    file: &Path,
    track: Option<usize>,
    max_s: f64,
    mut each: impl FnMut(&[f32], usize, u32) -> Result<(), Problem>,
) -> Result<(), FfmpegSound> {
    // A little more than is allowed, so that a recording that is too long is noticed.
    let mut command = ffmpeg.open(file, 0.0, max_s + 1.0, &["-vn", "-sn", "-dn"]);
    if let Some(track) = track {
        command.args(["-map", &format!("0:a:{}", track.saturating_sub(1))]);
    }
    command.args(["-vn", "-sn", "-dn"]).args(OUTPUT);
    let started = Run::start(command, ffmpeg);
    let (run, output) = started.map_err(|error| FfmpegSound::Unreadable(error.problem))?;
    let mut pipe = BlockReader::of(output, ffmpeg.timeout());
    let outcome = pass_on(&mut pipe, &mut each);
    match outcome {
        Ok(frames) => {
            let exit = run.wait();
            if frames > 0 && exit.crashed.is_none() && !exit.interrupted {
                return Ok(());
            }
            let message = exit.crashed.or_else(|| first_message(&exit.stderr, file));
            let message = message.unwrap_or_else(|| "it found no sound".to_owned());
            Err(FfmpegSound::Unreadable(message))
        }
        Err(Stop::Receiver(problem)) => Err(FfmpegSound::Refused(problem)),
        Err(Stop::Pipe(error)) if error.kind() == ErrorKind::TimedOut => {
            let seconds = ffmpeg.timeout().as_secs();
            Err(FfmpegSound::Unreadable(format!("it gave nothing for {seconds} s")))
        }
        Err(Stop::Pipe(error)) => Err(FfmpegSound::Unreadable(error.to_string())),
    }
}

enum Stop {
    Pipe(io::Error),
    Receiver(Problem),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

/// Reads WAV in 32-bit floats from a pipe; returns the number of frames.
fn pass_on(
    pipe: &mut impl Read,
    each: &mut impl FnMut(&[f32], usize, u32) -> Result<(), Problem>,
) -> Result<u64, Stop> {
    let Some((channels, rate_hz)) = head(pipe)? else { return Ok(0) };
    let frame = 4 * channels;
    let mut bytes = vec![0; BLOCK_FRAMES * frame];
    let mut samples = Vec::with_capacity(BLOCK_FRAMES * channels);
    let mut frames = 0;
    loop {
        let mut filled = 0;
        while filled < bytes.len() {
            match pipe.read(&mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        let whole = filled / frame * frame;
        samples.clear();
        samples.extend(bytes[..whole].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)));
        each(&samples, channels, rate_hz).map_err(Stop::Receiver)?;
        frames += (whole / frame) as u64;
        if filled < bytes.len() {
            return Ok(frames);
        }
    }
}

/// Channels and sampling rate; `None` if nothing was written.
fn head(pipe: &mut impl Read) -> Result<Option<(usize, u32)>, Stop> {
    let bad = || io::Error::new(ErrorKind::InvalidData, "its output is not WAV");
    let mut start = [0; 12];
    match pipe.read_exact(&mut start) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut format = None;
    loop {
        let mut chunk = [0; 8];
        pipe.read_exact(&mut chunk)?;
        let [a, b, c, d, size @ ..] = chunk;
        let size = u32::from_le_bytes(size) as usize;
        if [a, b, c, d] == *b"data" {
            return format.map(Some).ok_or_else(|| bad().into());
        }
        if size > MAX_HEAD {
            return Err(bad().into());
        }
        let mut content = vec![0; size.next_multiple_of(2)];
        pipe.read_exact(&mut content)?;
        if [a, b, c, d] == *b"fmt "
            && let &[_, _, low, high, a, b, c, d, ..] = &content[..]
        {
            let channels = usize::from(u16::from_le_bytes([low, high]));
            format = Some((channels, u32::from_le_bytes([a, b, c, d])));
            if channels == 0 {
                return Err(bad().into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wav_is_read_from_a_pipe() {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x03\0\x02\0\x40\x1f\0\0".to_vec();
        wav.extend([0; 8]);
        wav.extend(b"LIST\x03\0\0\0abc\0data\xff\xff\xff\xff");
        let head = wav.len();
        wav.extend([0.5_f32, -0.5, 0.25, 1.0].iter().flat_map(|sample| sample.to_le_bytes()));
        let read = |bytes: &[u8]| {
            let mut found = Vec::new();
            let mut each = |samples: &[f32], channels: usize, rate_hz: u32| {
                assert_eq!((channels, rate_hz), (2, 8000));
                found.extend_from_slice(samples);
                Ok(())
            };
            let frames = pass_on(&mut &bytes[..], &mut each).ok();
            (frames, found)
        };
        assert_eq!(read(&wav), (Some(2), vec![0.5, -0.5, 0.25, 1.0]));
        assert_eq!(read(&wav[..wav.len() - 1]), (Some(1), vec![0.5, -0.5]));
        assert_eq!(read(&wav[..head]), (Some(0), vec![]));
        assert_eq!(read(&[]), (Some(0), vec![]));
        assert_eq!(read(&wav[..30]).0, None);
    }
}
