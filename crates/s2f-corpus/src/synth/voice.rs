//! Voices by formant synthesis: a glottal pulse train and noise through the resonances of a vocal
//! tract, driven by random syllables.
//!
//! After Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), and Klatt &
//! Klatt, "Analysis, synthesis, and perception of voice quality variations among female and male
//! talkers", JASA 87 (1990). The words mean nothing; what counts is that the traits of the speaker
//! are in the sound as they are in speech, some in every period and some only over time.

mod phones;
mod room;
mod score;
mod source;
mod tract;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use s2f_audio::Waveform;

use super::population::Traits;

pub(super) const RATE_HZ: f64 = Waveform::RATE_HZ as f64;
/// Samples of a control frame: 1 ms.
const FRAME: usize = Waveform::RATE_HZ as usize / 1000;

/// What makes one speaker's voice differ from another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceShape {
    /// Middle of the fundamental frequency, Hz.
    pub pitch_hz: f64,
    /// All formants over those of a vocal tract of 17.5 cm.
    pub formant_factor: f64,
    /// 0 for a pressed voice, 1 for a whisper: open part of the glottal period, fall of the
    /// spectrum, breath noise.
    pub breathiness: f64,
    /// Standard deviation of the intonation, semitones.
    pub intonation_semitones: f64,
    /// Syllables a second, pauses left out.
    pub syllables_per_s: f64,
    /// Standard deviation of the length of a period over its length; its strength varies four times
    /// as much.
    pub jitter: f64,
}

impl VoiceShape {
    /// The voice of somebody with these traits. The spread of pitch and formants over people is
    /// about that of adults.
    pub fn of(traits: &Traits) -> Self {
        let [pitch, tract, breathiness, intonation, pace, roughness] =
            traits.map(|value| value.clamp(-2.5, 2.5));
        Self {
            pitch_hz: 153.0 * (0.31 * pitch).exp(),
            formant_factor: 1.07 * (0.055 * pitch + 0.05 * tract).exp(),
            breathiness: 1.0 / (1.0 + (-0.9 * breathiness).exp()),
            intonation_semitones: 2.0 * (0.5 * intonation).exp(),
            syllables_per_s: 4.7 * (0.24 * pace).exp(),
            jitter: 0.008 * (0.8 * roughness).exp(),
        }
    }
}

/// `samples` of speech at 16 kHz, -1 to 1: other syllables, another room, noise and level for each
/// state of `random`.
pub fn speak(shape: &VoiceShape, samples: usize, random: &mut impl Rng) -> Vec<f32> {
    // A person is not quite the same from day to day.
    let today = VoiceShape {
        pitch_hz: shape.pitch_hz * (0.02 * normal(random)).exp(),
        syllables_per_s: shape.syllables_per_s * (0.03 * normal(random)).exp(),
        ..*shape
    };
    let score = score::improvise(&today, samples.div_ceil(FRAME), random);
    let mut source = source::Source::new(&today);
    let mut tract = tract::Tract::new(&today);
    let mut sound = Vec::with_capacity(samples + FRAME);
    for frame in score {
        tract.shape(&frame);
        for _ in 0..FRAME {
            sound.push(tract.next(source.next(&frame, random), &frame, random));
        }
    }
    sound.truncate(samples);
    room::record(&sound, random)
}

fn normal(random: &mut impl Rng) -> f64 {
    StandardNormal.sample(random)
}
