//! The vocal tract: resonances in series for voice and breath, and one in parallel for noise at
//! lips and teeth.

use std::f64::consts::PI;

use rand::Rng;

use super::score::Frame;
use super::{RATE_HZ, VoiceShape, normal};

/// Bandwidths of the first three formants, Hz.
const BANDWIDTHS_HZ: [f64; 3] = [70.0, 100.0, 140.0];
/// The formants above the third, for a tract of 17.5 cm, with their bandwidths, Hz.
const HIGH_HZ: [[f64; 2]; 4] = [[3500.0, 200.0], [4500.0, 260.0], [5500.0, 350.0], [6500.0, 450.0]];
/// Maximum frequency of a formant: closer to half the sampling rate it would affect all others.
const MAX_FORMANT_HZ: f64 = 7_300.0;
/// Resonance of the nose, and the frequency of its zero if it is open.
const NOSE_HZ: [f64; 2] = [270.0, 550.0];
const NOSE_WIDTH_HZ: f64 = 100.0;
/// Increase of the bandwidths if the nose is open.
const NOSE_DAMPING: f64 = 1.5;

/// The resonances of one speaker.
pub(super) struct Tract {
    factor: f64,
    /// Factor of the first formant's bandwidth: an open larynx damps it.
    damping: f64,
    low: [Resonator; 3],
    high: Vec<Resonator>,
    nose: Resonator,
    nose_zero: Zero,
    teeth: Resonator,
    teeth_gain: f64,
    last_noise: f64,
}

impl Tract {
    pub(super) fn new(shape: &VoiceShape) -> Self {
        let factor = shape.formant_factor;
        let high = HIGH_HZ
            .iter()
            .map(|&[hz, width_hz]| [hz * factor, width_hz])
            .filter(|&[hz, _]| hz < MAX_FORMANT_HZ)
            .map(|[hz, width_hz]| Resonator::default().tuned(hz, width_hz))
            .collect();
        Self {
            factor,
            damping: 1.0 + shape.breathiness,
            low: Default::default(),
            high,
            nose: Resonator::default().tuned(NOSE_HZ[0], NOSE_WIDTH_HZ),
            nose_zero: Zero::default(),
            teeth: Resonator::default(),
            teeth_gain: 0.0,
            last_noise: 0.0,
        }
    }

    /// Sets the position of the mouth.
    pub(super) fn shape(&mut self, frame: &Frame) {
        let damping = 1.0 + NOSE_DAMPING * frame.nasal;
        let formants = frame.formants_hz.iter().zip(BANDWIDTHS_HZ);
        for (resonator, (hz, width_hz)) in self.low.iter_mut().zip(formants) {
            *resonator = resonator.tuned(hz * self.factor, width_hz * damping);
        }
        let [first, ..] = frame.formants_hz;
        self.low[0] =
            self.low[0].tuned(first * self.factor, BANDWIDTHS_HZ[0] * damping * self.damping);
        let [closed, open] = NOSE_HZ;
        self.nose_zero.tune(closed + frame.nasal * (open - closed), NOSE_WIDTH_HZ);
        let [hz, width_hz] = frame.hiss_hz;
        // The front of the mouth differs less between people than the whole tract.
        self.teeth = self.teeth.tuned((hz * self.factor.sqrt()).min(MAX_FORMANT_HZ), width_hz);
        self.teeth_gain = 1.0 / self.teeth.peak();
    }

    /// The next sample at the lips.
    pub(super) fn next(&mut self, source: f64, frame: &Frame, random: &mut impl Rng) -> f64 {
        let mut sound = self.nose_zero.next(self.nose.next(source));
        for resonator in self.low.iter_mut().chain(&mut self.high) {
            sound = resonator.next(sound);
        }
        let noise = normal(random);
        let hiss = self.teeth.next(noise - self.last_noise);
        self.last_noise = noise;
        sound + 0.35 * frame.hiss * self.teeth_gain * hiss
    }
}

/// A resonance: `y = a·x + b·y₋₁ + c·y₋₂`, 1 at frequency 0 (Klatt 1980, equations 1 and 2).
#[derive(Debug, Clone, Copy, Default)]
struct Resonator {
    coefficients: [f64; 3],
    before: [f64; 2],
}

impl Resonator {
    /// The same resonance at another frequency.
    fn tuned(self, hz: f64, width_hz: f64) -> Self {
        Self { coefficients: coefficients(hz, width_hz), ..self }
    }

    fn next(&mut self, x: f64) -> f64 {
        let [a, b, c] = self.coefficients;
        let [y1, y2] = self.before;
        let y = a * x + b * y1 + c * y2;
        self.before = [y, y1];
        y
    }

    /// Approximate gain at the resonance.
    fn peak(&self) -> f64 {
        let [a, _, c] = self.coefficients;
        a / ((1.0 + c) * (1.0 - c).max(0.1))
    }
}

/// An antiresonance (Klatt 1980, equation 4).
#[derive(Debug, Clone, Copy, Default)]
struct Zero {
    coefficients: [f64; 3],
    before: [f64; 2],
}

impl Zero {
    fn tune(&mut self, hz: f64, width_hz: f64) {
        let [a, b, c] = coefficients(hz, width_hz);
        self.coefficients = [1.0 / a, -b / a, -c / a];
    }

    fn next(&mut self, x: f64) -> f64 {
        let [a, b, c] = self.coefficients;
        let [x1, x2] = self.before;
        self.before = [x, x1];
        a * x + b * x1 + c * x2
    }
}

fn coefficients(hz: f64, width_hz: f64) -> [f64; 3] {
    let radius = (-PI * width_hz / RATE_HZ).exp();
    let b = 2.0 * radius * (2.0 * PI * hz / RATE_HZ).cos();
    let c = -radius * radius;
    [1.0 - b - c, b, c]
}
