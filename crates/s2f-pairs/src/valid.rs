//! What holds for every pair, in writing and in reading.

/// How far a feature's length may be from 1 and still count as 1: what half precision costs.
const UNIT_TOLERANCE: f64 = 1e-3;

/// Maximum length of a voice, s.
const MAX_SECONDS: f32 = 24.0 * 60.0 * 60.0;

/// What is wrong with a feature of the face space `space` of `dimension` dimensions, if anything.
pub(crate) fn feature_problem(feature: &[f32], space: &str, dimension: usize) -> Option<String> {
    if feature.len() != dimension {
        let found = feature.len();
        return Some(format!("a feature of {found} dimensions, {space} has {dimension}"));
    }
    feature
        .iter()
        .any(|value| !value.is_finite())
        .then(|| "a feature with a value that is not finite".to_owned())
}

/// Whether a feature has unit length.
pub(crate) fn is_unit_length(feature: &[f32]) -> bool {
    (length(feature) - 1.0).abs() <= UNIT_TOLERANCE
}

/// The Euclidean length of a feature.
pub(crate) fn length(feature: &[f32]) -> f64 {
    feature.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
}

/// What is wrong with the length of a voice, s, if anything.
pub(crate) fn seconds_problem(seconds: f32) -> Option<String> {
    let is_possible = seconds > 0.0 && seconds <= MAX_SECONDS;
    (!is_possible).then(|| format!("a voice of {seconds} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_lasts_at_most_a_day() {
        for seconds in [f32::MIN_POSITIVE, 6.0, 86_400.0] {
            assert_eq!(seconds_problem(seconds), None, "{seconds}");
        }
        for seconds in [0.0, -1.0, 86_401.0, 1e30, f32::INFINITY, f32::NAN] {
            assert!(seconds_problem(seconds).is_some(), "{seconds}");
        }
    }
}
