//! ffmpeg as a reference, and the delay between two signals.

use std::path::{Path, PathBuf};

use s2f_audio::{Problem, Waveform};

/// A folder for files that a test writes.
pub fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The standard output of ffmpeg; `None`, with a note, if it is not installed or fails.
pub fn ffmpeg(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = s2f_testing::ffmpeg()?;
    let output = command.args(["-v", "error", "-nostdin", "-y"]).args(arguments).output().unwrap();
    if output.status.success() {
        return Some(output.stdout);
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    s2f_testing::missing(&format!("ffmpeg {}: {}", arguments.join(" "), reason.trim()));
    None
}

/// 32-bit float samples, as ffmpeg writes them.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// Delay of `other` relative to `reference` in samples, by cross-correlation, within ±200.
pub fn lag(reference: &[f32], other: &[f32]) -> i32 {
    let product = |lag: i32| -> f64 {
        let (a, b) = if lag >= 0 {
            (reference, &other[lag as usize..])
        } else {
            (&reference[-lag as usize..], other)
        };
        a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum()
    };
    (-200..=200).max_by(|&a, &b| product(a).total_cmp(&product(b))).unwrap()
}

/// The example recording, encoded by ffmpeg with `arguments` as the file `name` in `folder`;
/// `None`, with a note, if that is not possible.
pub fn encoded(folder: &Path, name: &str, arguments: &str) -> Option<PathBuf> {
    let file = folder.join(name);
    let example = s2f_testing::project("examples/voices/high.flac");
    let mut all = vec!["-i", example.to_str().unwrap()];
    all.extend(arguments.split_whitespace());
    all.push(file.to_str().unwrap());
    ffmpeg(&all).map(|_| file)
}

/// What ffmpeg decodes of a file, at its own rate: mono samples and that rate.
pub fn decoded(path: &Path, options: &[&str], rate_hz: u32) -> Option<Vec<f32>> {
    let rate = rate_hz.to_string();
    let path = path.to_str().unwrap();
    let output = ["-i", path, "-ac", "1", "-ar", &rate, "-f", "f32le", "-"];
    ffmpeg(&[options, &output].concat()).map(|bytes| floats(&bytes))
}

/// The samples of ffmpeg at the file's own rate, mixed and resampled here.
pub fn by_ffmpeg(path: &Path, options: &[&str]) -> Option<Result<Waveform, Problem>> {
    let path = path.to_str().unwrap();
    let wav =
        ffmpeg(&[options, &["-i", path, "-vn", "-f", "wav", "-c:a", "pcm_f32le", "-"]].concat())?;
    let head = wav.windows(4).position(|name| name == b"fmt ").unwrap() + 8;
    let number = |at: usize| u32::from_le_bytes(wav[head + at..][..4].try_into().unwrap());
    let (channels, rate_hz) = ((number(0) >> 16) as usize, number(4));
    let samples = wav.windows(4).position(|name| name == b"data").unwrap() + 8;
    let found = Waveform::from_interleaved(&floats(&wav[samples..]), channels, rate_hz);
    Some(found.map_err(|error| error.problem))
}
