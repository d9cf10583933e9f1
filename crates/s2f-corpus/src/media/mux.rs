//! Encodes frames and sound of a synthetic clip as a video file.

use std::io::{self, Write};
use std::path::Path;

use image::RgbImage;
use s2f_audio::ffmpeg::{Collector, Ffmpeg, Run, address};
use s2f_core::{AtomicFile, FileError};

use super::wav::encode_wav;
use crate::CorpusError;

/// H.264 if this ffmpeg supports it, otherwise MPEG-4 part 2: its defaults for the container. Each
/// uses its own quality option and ignores the other.
const PICTURE: [&str; 10] =
    ["-pix_fmt", "yuv420p", "-preset", "veryfast", "-crf", "23", "-q:v", "4", "-g", "25"];
const SOUND: [&str; 4] = ["-c:a", "aac", "-b:a", "64k"];
/// With these, the same frames and samples give the same bytes with the same ffmpeg.
const DETERMINISTIC: [&str; 12] = [
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

/// Writes an MP4 file of `frames`, all of the same even size, `rate` per second, and `sound` at
/// 16 kHz. The file exists only once it is complete.
///
/// # Errors
/// [`CorpusError::Ffmpeg`] if it cannot encode, [`CorpusError::File`].
pub fn encode(
    ffmpeg: &Ffmpeg,
    frames: impl Iterator<Item = RgbImage>,
    rate: u32,
    sound: &[f32],
    path: &Path,
) -> Result<(), CorpusError> {
    let mut frames = frames.peekable();
    let Some((width, height)) = frames.peek().map(RgbImage::dimensions) else {
        return Err(ffmpeg.broken("there are no frames to encode".into()).into());
    };
    let mut wav = AtomicFile::create(path)?;
    wav.write_all(&encode_wav(sound)).map_err(FileError::at("write", wav.temporary_path()))?;
    let video = AtomicFile::create(path)?;

    let mut command = ffmpeg.writer();
    command.args(["-f", "rawvideo", "-pixel_format", "rgb24"]);
    command.args(["-video_size", &format!("{width}x{height}"), "-framerate"]);
    command.arg(rate.to_string()).args(["-i", "pipe:0", "-f", "wav", "-i"]);
    command.arg(address(wav.temporary_path())).args(PICTURE).args(SOUND).args(DETERMINISTIC);
    command.arg(address(video.temporary_path()));
    let (pixels, mut sink) = io::pipe().map_err(FileError::at("start", ffmpeg.program()))?;
    command.stdin(pixels);
    let (run, output) = Run::start(command, ffmpeg)?;
    let written = frames.try_for_each(|frame| sink.write_all(frame.as_raw()));
    drop(sink);
    // Nothing is written there: this waits for the end.
    let ended = Collector::of(output, 1, ffmpeg.timeout()).wait();
    if let Err(error) = ended {
        return Err(ffmpeg.broken(format!("it does not end: {error}")).into());
    }
    let exit = run.wait();
    if exit.interrupted {
        return Err(ffmpeg.broken("it was interrupted".into()).into());
    }
    if let Some(crash) = exit.crashed {
        return Err(ffmpeg.broken(crash).into());
    }
    if !exit.stderr.is_empty() {
        return Err(ffmpeg.broken(exit.stderr.trim().to_owned()).into());
    }
    written.map_err(FileError::at("write", path))?;
    Ok(video.commit()?)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use image::Rgb;

    use super::*;
    use crate::media::{FrameOptions, sound_and_frames};
    use crate::plan::Media;

    const RATE: u32 = 25;
    const SECONDS: u32 = 2;

    /// A grey level for each frame, and a tone.
    fn film() -> (Vec<RgbImage>, Vec<f32>) {
        let frames = (0..SECONDS * RATE)
            .map(|n| RgbImage::from_pixel(64, 48, Rgb([(50 + 3 * n) as u8; 3])))
            .collect();
        let tone = (0..SECONDS * 16_000).map(|n| 0.5 * (n as f32 * 0.2).sin()).collect();
        (frames, tone)
    }

    #[test]
    fn frames_and_sound_come_back() {
        let ffmpeg = match Ffmpeg::find() {
            Ok(ffmpeg) => ffmpeg,
            Err(error) => return s2f_testing::missing(&error.to_string()),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let (frames, tone) = film();
        encode(&ffmpeg, frames.into_iter(), RATE, &tone, &path).unwrap();

        let media = Media { file: path.clone(), start_s: 0.0, end_s: None };
        let take = FrameOptions { max_s: 10.0, frames_per_s: 25.0, longest_side_px: 64 };
        let mut levels = Vec::new();
        let sound = sound_and_frames(&ffmpeg, &media, &take, |frame| {
            levels.push(frame.get_pixel(32, 24).0[1]);
            ControlFlow::Continue(())
        })
        .unwrap()
        .sound;
        assert_eq!(levels.len(), (SECONDS * RATE) as usize);
        for (n, level) in levels.into_iter().enumerate() {
            // Lossy, and 8 bit of another colour space on the way.
            assert!((f64::from(level) - (50 + 3 * n) as f64).abs() <= 6.0, "frame {n}: {level}");
        }
        // A frame of AAC is 64 ms; the tone is not delayed, as the file states the encoder's delay.
        assert!((sound.seconds() - f64::from(SECONDS)).abs() < 0.07, "{} s", sound.seconds());
        let (a, b) = (&tone[4_000..28_000], &sound.samples()[4_000..28_000]);
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        assert!(cosine > 0.98, "{cosine}");
        // No temporary file is left.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn if_encoding_fails_no_file_is_left() {
        let Ok(ffmpeg) = Ffmpeg::find() else { return s2f_testing::missing("there is no ffmpeg") };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let (_, tone) = film();
        let nothing = encode(&ffmpeg, std::iter::empty(), RATE, &tone, &path);
        assert!(matches!(nothing, Err(CorpusError::Ffmpeg { .. })), "{nothing:?}");
        // H.264 in 4:2:0 has no odd sizes.
        let odd = std::iter::repeat_n(RgbImage::new(63, 47), 3);
        let odd = encode(&ffmpeg, odd, RATE, &tone, &path);
        assert!(matches!(odd, Err(CorpusError::Ffmpeg { .. })), "{odd:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
