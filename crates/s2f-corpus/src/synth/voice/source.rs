//! The larynx: one pulse of air per period, each a little different from the last.

use std::f64::consts::PI;

use rand::Rng;

use super::score::Frame;
use super::{RATE_HZ, VoiceShape, normal};

/// Pulses end abruptly, which would alias at 16 kHz, so they are made at 48 kHz and filtered.
const OVERSAMPLING: usize = 3;
/// Taps and cutoff frequency of the filter.
const TAPS: usize = 61;
const CORNER_HZ: f64 = 7_200.0;
/// Ratio of the variation of a pulse's amplitude to that of its period.
const SHIMMER_OVER_JITTER: f64 = 7.0;

/// The air flow through the larynx, differentiated by the radiation at the lips.
pub(super) struct Source {
    shape: VoiceShape,
    /// Fraction of the period in which the vocal folds are open.
    open: f64,
    /// Strength of the breath noise.
    breath: f64,
    /// Coefficient and state of a one-pole filter, which tilts the spectrum.
    keep: f64,
    fallen: f64,
    /// Position in the period, 0 to 1, and its relative length and amplitude.
    phase: f64,
    stretch: f64,
    strength: f64,
    taps: [f64; TAPS],
    history: [f64; TAPS],
}

impl Source {
    pub(super) fn new(shape: &VoiceShape) -> Self {
        let breathy = shape.breathiness;
        // 0 to 20 dB at 3 kHz.
        let fall = 10f64.powf(20.0 * breathy / 20.0);
        let corner_hz = 3_000.0 / (fall * fall - 1.0).max(0.01).sqrt();
        Self {
            shape: *shape,
            open: 0.45 + 0.4 * breathy,
            breath: 0.004 * 10f64.powf(1.4 * breathy),
            keep: (-2.0 * PI * corner_hz / RATE_HZ).exp(),
            fallen: 0.0,
            phase: 0.0,
            stretch: 1.0,
            strength: 1.0,
            taps: low_pass(),
            history: [0.0; TAPS],
        }
    }

    /// The next sample at 16 kHz.
    pub(super) fn next(&mut self, frame: &Frame, random: &mut impl Rng) -> f64 {
        let pitch_hz = self.shape.pitch_hz * (frame.semitones / 12.0).exp2();
        self.history.rotate_left(OVERSAMPLING);
        for slot in TAPS - OVERSAMPLING..TAPS {
            self.phase += pitch_hz / (RATE_HZ * OVERSAMPLING as f64) / self.stretch;
            if self.phase >= 1.0 {
                self.phase -= 1.0;
                let jitter = self.shape.jitter;
                self.stretch = (jitter * normal(random)).exp();
                self.strength = (SHIMMER_OVER_JITTER * jitter * normal(random)).exp();
            }
            // The derivative of x² - x³ while the folds are open (Klatt & Klatt 1990, KLGLOTT88).
            let x = self.phase / self.open;
            let flow = if x < 1.0 { 2.0 * x - 3.0 * x * x } else { 0.0 };
            self.history[slot] = self.strength * flow;
        }
        let pulse: f64 = self.taps.iter().zip(&self.history).map(|(tap, x)| tap * x).sum();
        self.fallen = pulse + self.keep * (self.fallen - pulse);
        // There is most noise while the folds are open.
        let gate = if self.phase < self.open { 1.0 } else { 0.4 };
        let noise = normal(random);
        frame.voice * (self.fallen + self.breath * gate * noise) + 0.06 * frame.breath * noise
    }
}

/// A low-pass for 48 kHz: a sinc in a Hann window.
fn low_pass() -> [f64; TAPS] {
    let middle = (TAPS / 2) as f64;
    let turns = CORNER_HZ / (RATE_HZ * OVERSAMPLING as f64);
    let raw: [f64; TAPS] = std::array::from_fn(|n| {
        let x = 2.0 * PI * turns * (n as f64 - middle);
        let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
        sinc * (0.5 + 0.5 * (PI * (n as f64 - middle) / (middle + 1.0)).cos())
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|tap| tap / sum)
}
