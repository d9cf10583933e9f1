//! The formants of a voice, and the apparent length of the vocal tract from their spacing.
//!
//! Linear prediction gives the resonances of the voiced frames (Markel & Gray 1976); their medians
//! represent the speaker's mean vowel. The formants of a tube closed at one end are the odd
//! multiples of half their spacing. The best-fitting spacing gives the length of the tube (Reby &
//! McComb 2003; "formant spacing" in Pisanski et al., "Vocal indicators of body size in men and
//! women", Animal Behaviour 95, 2014). Within one sex it is weakly informative: in that
//! meta-analysis it explains up to 10 % of the variance of height.

use realfft::num_complex::Complex64;

use crate::pitch::{Voicing, voiced_frames};
use crate::resample::resample;
use crate::waveform::Waveform;

/// The formants of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Formants {
    /// Medians of the first to fourth formant over the voiced frames, Hz.
    pub medians_hz: [f64; 4],
    /// Formant spacing that fits the medians best, Hz; about 1000 for men and 1150 for women.
    pub spacing_hz: f64,
    /// Length of the vocal tract for that spacing, cm; about 17 for men and 15 for women.
    pub tract_length_cm: f64,
}

/// Upper limit of the search, Hz. The same for all speakers: the usual 5000 for men and 5500 for
/// women would presuppose the sex.
const CEILING_HZ: f64 = 5_300.0;
const RATE_HZ: u32 = 2 * CEILING_HZ as u32;
/// Two coefficients for each of five formants.
const ORDER: usize = 10;
/// Samples of a frame: 30 ms.
const WINDOW: usize = RATE_HZ as usize * 30 / 1000;
/// Corner frequency of the pre-emphasis, Hz.
const PRE_EMPHASIS_HZ: f64 = 50.0;
/// Resonances with a larger bandwidth only tilt the spectrum, and those below the minimum are the
/// voice itself, Hz.
const MAX_BANDWIDTH_HZ: f64 = 1_000.0;
const MIN_FORMANT_HZ: f64 = 150.0;
/// Resonances this close to the ceiling are artefacts of the resampler, Hz.
const MARGIN_HZ: f64 = 50.0;
/// Minimum number of frames with four formants.
const MIN_FRAMES: usize = 10;
/// Speed of sound in the vocal tract, cm/s (Pisanski et al. 2014).
const SOUND_CM_PER_S: f64 = 35_000.0;

/// The formants of the voice in `waveform`; `None` if fewer than ten voiced frames have four.
pub fn formants(waveform: &Waveform) -> Option<Formants> {
    // The rates are constants within the resampler's range.
    let mut samples: Vec<f64> = resample(waveform.samples(), Waveform::RATE_HZ, RATE_HZ)
        .unwrap_or_default()
        .into_iter()
        .map(f64::from)
        .collect();
    let coefficient = (-std::f64::consts::TAU * PRE_EMPHASIS_HZ / f64::from(RATE_HZ)).exp();
    for n in (1..samples.len()).rev() {
        samples[n] -= coefficient * samples[n - 1];
    }
    let hamming: Vec<f64> = (0..WINDOW)
        .map(|n| 0.54 - 0.46 * (std::f64::consts::TAU * n as f64 / (WINDOW - 1) as f64).cos())
        .collect();
    let (voiced, _) = voiced_frames(waveform, Voicing::CLEAR);
    // Frames overlap by two thirds, so every other one suffices.
    let found: Vec<[f64; 4]> = voiced
        .iter()
        .step_by(2)
        .filter_map(|frame| {
            let centre = (frame.time_s * f64::from(RATE_HZ)) as usize;
            let start = centre.checked_sub(WINDOW / 2)?;
            let frame = samples.get(start..start + WINDOW)?;
            let frame: Vec<f64> = frame.iter().zip(&hamming).map(|(s, w)| s * w).collect();
            first_four(&linear_prediction(&frame)?)
        })
        .collect();
    if found.len() < MIN_FRAMES {
        return None;
    }
    let medians_hz = [0, 1, 2, 3].map(|i| median(found.iter().map(|frame| frame[i]).collect()));
    // Least squares for F_i = (2i - 1)/2 · spacing.
    let (numerator, denominator) = medians_hz.iter().zip([0.5, 1.5, 2.5, 3.5]).fold(
        (0.0, 0.0),
        |(numerator, denominator), (formant, multiple)| {
            (numerator + formant * multiple, denominator + multiple * multiple)
        },
    );
    let spacing_hz = numerator / denominator;
    Some(Formants { medians_hz, spacing_hz, tract_length_cm: SOUND_CM_PER_S / (2.0 * spacing_hz) })
}

/// The prediction polynomial `1 + a₁z⁻¹ + …` of `frame`, by the autocorrelation method and the
/// Levinson–Durbin recursion; `None` for a frame of zeros.
fn linear_prediction(frame: &[f64]) -> Option<[f64; ORDER + 1]> {
    let correlation: [f64; ORDER + 1] =
        std::array::from_fn(|lag| frame[lag..].iter().zip(frame).map(|(x, y)| x * y).sum());
    let mut polynomial = [0.0; ORDER + 1];
    polynomial[0] = 1.0;
    // A little white noise keeps the equations of a pure tone solvable.
    let mut error = correlation[0] * (1.0 + 1e-6);
    for order in 1..=ORDER {
        if error <= 0.0 {
            return None;
        }
        let sum: f64 = (0..order).map(|i| polynomial[i] * correlation[order - i]).sum();
        let reflection = -sum / error;
        let before = polynomial;
        for i in 1..=order {
            polynomial[i] = before[i] + reflection * before[order - i];
        }
        error *= 1.0 - reflection * reflection;
    }
    Some(polynomial)
}

/// The four lowest formants of `polynomial`, Hz.
fn first_four(polynomial: &[f64; ORDER + 1]) -> Option<[f64; 4]> {
    let rate = f64::from(RATE_HZ);
    let mut formants: Vec<f64> = roots(polynomial)
        .into_iter()
        .filter_map(|root| {
            let hz = root.arg() * rate / std::f64::consts::TAU;
            let bandwidth_hz = -root.norm().ln() * rate / std::f64::consts::PI;
            let formant = (MIN_FORMANT_HZ..CEILING_HZ - MARGIN_HZ).contains(&hz)
                && bandwidth_hz < MAX_BANDWIDTH_HZ;
            formant.then_some(hz)
        })
        .collect();
    formants.sort_by(f64::total_cmp);
    formants.first_chunk().copied()
}

/// All roots of `z¹⁰ + a₁z⁹ + … + a₁₀`, by the Durand–Kerner method.
fn roots(polynomial: &[f64; ORDER + 1]) -> [Complex64; ORDER] {
    const STEPS: usize = 100;
    const TOLERANCE: f64 = 1e-9;
    // Starting points on a circle, rotated so that none is real.
    let mut roots: [Complex64; ORDER] = std::array::from_fn(|k| {
        Complex64::from_polar(0.9, std::f64::consts::TAU * (k as f64 + 0.25) / ORDER as f64)
    });
    for _ in 0..STEPS {
        let mut largest_step = 0.0f64;
        for k in 0..ORDER {
            let root = roots[k];
            let value = polynomial.iter().fold(Complex64::ZERO, |sum, &a| sum * root + a);
            let others = roots
                .iter()
                .enumerate()
                .filter(|&(j, _)| j != k)
                .fold(Complex64::ONE, |product, (_, other)| product * (root - other));
            let step = value / others;
            roots[k] -= step;
            largest_step = largest_step.max(step.norm());
        }
        if largest_step < TOLERANCE {
            break;
        }
    }
    roots
}

/// The median; of an even number of values the upper one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
