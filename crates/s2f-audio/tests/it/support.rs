//! Test data, ffmpeg as a reference, and measures of similarity.

use std::path::PathBuf;
use std::process::Command;

/// A path in the project.
pub fn project(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

/// A path of the test data outside the project; `None`, with a note, if it is missing.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("S2F_SHARED").map_or_else(|| project("../shared"), PathBuf::from);
    let folder = root.join(path);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: no test data at {}", folder.display());
    None
}

/// A folder for files that a test writes.
pub fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The standard output of ffmpeg; `None`, with a note, if it is not installed or fails.
pub fn ffmpeg(arguments: &[&str]) -> Option<Vec<u8>> {
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(arguments).output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr);
            eprintln!("skipped: ffmpeg {}: {}", arguments.join(" "), reason.trim());
            None
        }
        Err(error) => {
            eprintln!("skipped: ffmpeg: {error}");
            None
        }
    }
}

/// 32-bit float samples, as ffmpeg writes them.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// Shape and bytes of a `.npy` file (NumPy's format, version 1) with elements of type `kind`.
pub fn npy(path: &str, kind: &str) -> (Vec<usize>, Vec<u8>) {
    let bytes = std::fs::read(project(path)).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"), "{path}");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..end]).unwrap();
    assert!(header.contains(&format!("'descr': '{kind}', 'fortran_order': False")), "{header}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let shape = shape.split(',').filter(|n| !n.trim().is_empty());
    (shape.map(|n| n.trim().parse().unwrap()).collect(), bytes[end..].to_vec())
}

/// Signal-to-noise ratio in dB: the power of `reference` over that of the difference, over the
/// length of the shorter.
pub fn snr_db(reference: &[f32], other: &[f32]) -> f64 {
    let (mut signal, mut noise) = (0.0, 1e-30);
    for (&r, &o) in reference.iter().zip(other) {
        signal += f64::from(r).powi(2);
        noise += (f64::from(r) - f64::from(o)).powi(2);
    }
    10.0 * f64::log10(signal / noise)
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
