//! How far two results are apart.

use std::fmt::Debug;

/// Fails unless `found` is within `tolerance` of `expected`.
///
/// # Panics
/// If it is not; the message starts with `what`.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, tolerance: f64, what: &dyn Debug) {
    assert!((found - expected).abs() <= tolerance, "{what:?}: {found} instead of {expected}");
}

/// The largest absolute difference between two arrays of one length.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "lengths differ");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Power of `reference` over the power of the difference, dB, over the length of the shorter.
pub fn signal_to_noise_db(reference: &[f32], other: &[f32]) -> f64 {
    let (mut signal, mut noise) = (0.0, 1e-30);
    for (&r, &o) in reference.iter().zip(other) {
        signal += f64::from(r).powi(2);
        noise += (f64::from(r) - f64::from(o)).powi(2);
    }
    10.0 * f64::log10(signal / noise)
}

/// The lines of a run's `metrics.jsonl` without the steps per second, which differ in every run.
pub fn without_speed(metrics: &str) -> String {
    const KEY: &str = ",\"steps_per_second\":";
    let line = |line: &str| match line.split_once(KEY) {
        Some((before, _)) => format!("{before}}}\n"),
        None => format!("{line}\n"),
    };
    metrics.lines().map(line).collect()
}
