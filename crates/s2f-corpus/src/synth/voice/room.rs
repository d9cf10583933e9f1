//! The recording: room, microphone, noise and level, different for each clip.

use std::f64::consts::PI;

use rand::Rng;

use super::{RATE_HZ, normal};

/// Number of reflections of the room, and their decay time, s.
const REFLECTIONS: usize = 40;
const ROOM_S: std::ops::Range<f64> = 0.03..0.12;
/// Power of all reflections relative to the direct sound, dB.
const ROOM_DB: std::ops::Range<f64> = -24.0..-12.0;
/// Level of the speech, dB of full scale, and signal-to-noise ratio, dB.
const SPEECH_DB: std::ops::Range<f64> = -27.0..-18.0;
const NOISE_DB: std::ops::Range<f64> = 34.0..50.0;
/// Corner of the noise's low-pass, Hz: rooms rumble more than they hiss.
const NOISE_HZ: f64 = 500.0;
/// The microphone's tilt over the whole band, dB.
const TILT_DB: f64 = 1.0;

/// `speech` as recorded by a microphone, within -1 to 1.
pub(super) fn record(speech: &[f64], random: &mut impl Rng) -> Vec<f32> {
    let mut sound = reverberate(speech, random);
    tilt(&mut sound, TILT_DB * normal(random).clamp(-2.0, 2.0));
    let level = (sound.iter().map(|x| x * x).sum::<f64>() / sound.len().max(1) as f64).sqrt();
    let gain = decibels(random.random_range(SPEECH_DB)) / level.max(f64::MIN_POSITIVE);
    let noise = level * decibels(-random.random_range(NOISE_DB));
    let keep = (-2.0 * PI * NOISE_HZ / RATE_HZ).exp();
    // Restores the power that the filter removes.
    let restore = ((1.0 + keep) / (1.0 - keep)).sqrt();
    let mut rumble = 0.0;
    sound
        .iter()
        .map(|x| {
            rumble = (1.0 - keep) * normal(random) + keep * rumble;
            let hiss = normal(random);
            let noise = noise * (0.8 * restore * rumble + 0.6 * hiss);
            (gain * (x + noise)).clamp(-1.0, 1.0) as f32
        })
        .collect()
}

fn reverberate(speech: &[f64], random: &mut impl Rng) -> Vec<f64> {
    let dies_s = random.random_range(ROOM_S);
    let strength = decibels(random.random_range(ROOM_DB)) / (REFLECTIONS as f64).sqrt();
    let mut sound = speech.to_vec();
    for _ in 0..REFLECTIONS {
        // Early reflections are more likely, so the power decays.
        let delay_s = 0.002 - dies_s * (1.0 - random.random::<f64>()).ln();
        let delay = ((delay_s * RATE_HZ) as usize).min(speech.len());
        let gain = strength * normal(random);
        for (x, y) in sound[delay..].iter_mut().zip(speech) {
            *x += gain * y;
        }
    }
    sound
}

/// Raises the highs by `db` and lowers the lows by as much, around 1 kHz.
fn tilt(sound: &mut [f64], db: f64) {
    let keep = (-2.0 * PI * 1_000.0 / RATE_HZ).exp();
    let (low_gain, high_gain) = (decibels(-db), decibels(db));
    let mut low = 0.0;
    for x in sound {
        low = *x + keep * (low - *x);
        *x = low_gain * low + high_gain * (*x - low);
    }
}

fn decibels(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}
