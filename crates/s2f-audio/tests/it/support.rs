//! ffmpeg as a reference, and the delay between two signals.

use std::path::PathBuf;

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
