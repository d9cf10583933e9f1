//! The pitch of a voice: the fundamental frequency by YIN, and its median over the voiced frames.
//!
//! de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA
//! 111 (2002), equations (6) and (8), at 8 kHz after a high-pass filter against mains hum. Two
//! changes make it robust on recordings from telephones and laptops: the period is the first dip
//! that is nearly as deep as the deepest, instead of the first below a fixed threshold; and the
//! median is weighted by level, since noise is mostly quieter than the voice.

use crate::resample::resample;
use crate::waveform::Waveform;

/// The pitch of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pitch {
    /// Median over the voiced frames, weighted by their level: 60 to 400 Hz.
    pub median_hz: f64,
    /// Half the distance between the weighted quartiles, in semitones: about 1 for reading aloud;
    /// the pitch is doubtful if it is much more.
    pub spread_semitones: f64,
    /// Share of voiced frames, 0 to 1.
    pub voiced: f64,
}

/// Sampling rate of the search. Periods of 400 to 60 Hz are 20 to 133 samples.
const RATE_HZ: u32 = 8_000;
const MIN_PERIOD: usize = RATE_HZ as usize / 400;
const MAX_PERIOD: usize = RATE_HZ as usize / 60;
/// Samples that are compared with those a lag later: 40 ms.
const WINDOW: usize = 320;
/// Samples from one frame to the next: 10 ms.
const HOP: usize = 80;
/// The first dip within this distance of the deepest is the period.
const DIP_TOLERANCE: f32 = 0.1;
/// Corner frequency of the high-pass, Hz: hum at 50 and 60 Hz is reduced by 24 and 18 dB, and a low
/// voice keeps its harmonics.
const HIGH_PASS_HZ: f64 = 100.0;
/// Minimum number of voiced frames: 0.1 s.
const MIN_FRAMES: usize = 10;

/// Which frames are voiced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voicing {
    /// Smallest level, as a share of the level of loud frames.
    min_level: f32,
    /// Largest share of aperiodic power.
    max_aperiodicity: f32,
}

impl Voicing {
    /// Frames to measure a voice in: the loud and clear ones, from −20 dB.
    pub(crate) const CLEAR: Self = Self { min_level: 0.1, max_aperiodicity: 0.3 };
    /// Also weak and rough voice, from −30 dB: twice as many frames of a low voice. White and pink
    /// noise are still unvoiced.
    pub(crate) const ANY: Self = Self { min_level: 0.0316, max_aperiodicity: 0.6 };
}

/// A voiced frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoicedFrame {
    /// Time of its centre, s.
    pub(crate) time_s: f64,
    /// Fundamental frequency: 60 to 400 Hz.
    pub(crate) hz: f64,
    level: f64,
}

/// The pitch of the voice in `waveform`; `None` if less than 0.1 s of it is voiced.
pub fn pitch(waveform: &Waveform) -> Option<Pitch> {
    let (voiced, frames) = voiced_frames(waveform, Voicing::CLEAR);
    if voiced.len() < MIN_FRAMES {
        return None;
    }
    let mut weighted: Vec<(f64, f64)> = voiced.iter().map(|f| (f.hz, f.level)).collect();
    let [low, median_hz, high] = weighted_quantiles(&mut weighted, [0.25, 0.5, 0.75]);
    Some(Pitch {
        median_hz,
        spread_semitones: 6.0 * (high / low).log2(),
        voiced: voiced.len() as f64 / frames as f64,
    })
}

/// The voiced frames, and the number of all frames.
pub(crate) fn voiced_frames(waveform: &Waveform, voicing: Voicing) -> (Vec<VoicedFrame>, usize) {
    // The rates are constants within the resampler's range.
    let mut samples = resample(waveform.samples(), Waveform::RATE_HZ, RATE_HZ).unwrap_or_default();
    high_pass(&mut samples);
    let span = WINDOW + MAX_PERIOD + 1;
    let frames: Vec<(usize, f32)> = samples
        .windows(span)
        .enumerate()
        .step_by(HOP)
        .map(|(start, frame)| (start, rms(&frame[..WINDOW])))
        .collect();
    let mut levels: Vec<f32> = frames.iter().map(|&(_, level)| level).collect();
    levels.sort_by(f32::total_cmp);
    let loud = levels.get(levels.len() * 95 / 100).copied().unwrap_or(0.0);
    let voiced = frames
        .iter()
        .filter(|&&(_, level)| level > 0.0 && level >= voicing.min_level * loud)
        .filter_map(|&(start, level)| {
            let period = period(&samples[start..start + span], voicing)?;
            Some(VoicedFrame {
                time_s: (start + span / 2) as f64 / f64::from(RATE_HZ),
                hz: f64::from(RATE_HZ) / period,
                level: f64::from(level),
            })
        })
        .collect();
    (voiced, frames.len())
}

/// The period of a frame of `WINDOW + MAX_PERIOD + 1` samples, in samples; `None` if it is
/// unvoiced.
fn period(frame: &[f32], voicing: Voicing) -> Option<f64> {
    // Equation (6): the power of the difference between the frame and itself, shifted by the lag.
    let mut difference = [0.0f32; MAX_PERIOD + 2];
    for (lag, value) in difference.iter_mut().enumerate().skip(1) {
        *value = squared_distance(&frame[..WINDOW], &frame[lag..lag + WINDOW]);
    }
    // Equation (8): divided by its mean over all shorter lags.
    let mut sum = 0.0;
    for (lag, value) in difference.iter_mut().enumerate().skip(1) {
        sum += *value;
        *value = if sum > 0.0 { *value * lag as f32 / sum } else { 1.0 };
    }
    let range = &difference[MIN_PERIOD..=MAX_PERIOD];
    let deepest = range.iter().copied().fold(f32::INFINITY, f32::min);
    if deepest > voicing.max_aperiodicity {
        return None;
    }
    let mut lag = MIN_PERIOD + range.iter().position(|&d| d <= deepest + DIP_TOLERANCE)?;
    while lag < MAX_PERIOD && difference[lag + 1] < difference[lag] {
        lag += 1;
    }
    // A parabola through the dip and its neighbours; at the end of a slope there is no dip.
    let [before, dip, after] = [-1, 0, 1].map(|d| difference[lag.wrapping_add_signed(d)]);
    if dip > before || dip > after {
        return None;
    }
    let curvature = before - 2.0 * dip + after;
    let shift = if curvature > 0.0 { 0.5 * (before - after) / curvature } else { 0.0 };
    Some(lag as f64 + f64::from(shift))
}

/// A second-order Butterworth high-pass applied twice (fourth-order Linkwitz-Riley), by the
/// bilinear transform.
fn high_pass(samples: &mut [f32]) {
    let k = (std::f64::consts::PI * HIGH_PASS_HZ / f64::from(RATE_HZ)).tan();
    let norm = 1.0 / (1.0 + std::f64::consts::SQRT_2 * k + k * k);
    let (a1, a2) =
        (2.0 * (k * k - 1.0) * norm, (1.0 - std::f64::consts::SQRT_2 * k + k * k) * norm);
    for _ in 0..2 {
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for sample in &mut *samples {
            let x = f64::from(*sample);
            let y = norm * (x - 2.0 * x1 + x2) - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            *sample = y as f32;
        }
    }
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

/// Sum of squared differences in eight lanes, which the compiler vectorises.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += (x - y) * (x - y);
        }
    }
    lanes.iter().sum()
}

/// The weighted `quantiles` of `pairs`, which are (value, weight).
fn weighted_quantiles<const N: usize>(pairs: &mut [(f64, f64)], quantiles: [f64; N]) -> [f64; N] {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pairs.iter().map(|p| p.1).sum();
    quantiles.map(|quantile| {
        let mut below = 0.0;
        let at = pairs.iter().find(|p| {
            below += p.1;
            below >= quantile * total
        });
        at.or(pairs.last()).map_or(f64::NAN, |p| p.0)
    })
}
