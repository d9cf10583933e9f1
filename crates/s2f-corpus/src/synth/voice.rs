//! Voices by formant synthesis: glottal pulses and noise, filtered by the resonances of a vocal
//! tract, with random syllables.
//!
//! After Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), and Klatt &
//! Klatt, "Analysis, synthesis, and perception of voice quality variations among female and male
//! talkers", JASA 87 (1990). The words are meaningless; the traits of the speaker are in the sound
//! as they are in speech, some in every period and some only over time.

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

/// The parameters of one speaker's voice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceShape {
    /// Median fundamental frequency, Hz.
    pub pitch_hz: f64,
    /// Ratio of all formants to those of a vocal tract of 17.5 cm.
    pub formant_factor: f64,
    /// 0 for a pressed voice, 1 for a whisper: open fraction of the glottal period, slope of the
    /// spectrum, breath noise.
    pub breathiness: f64,
    /// Standard deviation of the intonation, semitones.
    pub intonation_semitones: f64,
    /// Syllables per second, without pauses.
    pub syllables_per_s: f64,
    /// Relative standard deviation of the length of a period; that of its amplitude is seven times
    /// as large.
    pub jitter: f64,
}

impl VoiceShape {
    /// The voice of a person with these traits. Pitch and formants vary about as much as among
    /// adults.
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

/// Speech of this many samples at 16 kHz, -1 to 1, with random syllables, room, noise and level.
pub fn speak(shape: &VoiceShape, samples: usize, random: &mut impl Rng) -> Vec<f32> {
    // A voice varies a little from day to day.
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;
    use s2f_audio::{formants, pitch};

    use super::*;

    fn voice(traits: &Traits, seed: u64) -> Waveform {
        let mut random = SmallRng::seed_from_u64(seed);
        let sound = speak(&VoiceShape::of(traits), 96_000, &mut random);
        Waveform::from_interleaved(&sound, 1, Waveform::RATE_HZ).unwrap()
    }

    #[test]
    fn pitch_is_the_given_one() {
        for pitch_trait in [-1.5, -0.9, 0.0, 0.9, 1.5] {
            let traits = [pitch_trait, 0.0, -0.5, -1.0, 0.0, -1.0];
            let asked_hz = VoiceShape::of(&traits).pitch_hz;
            for seed in 0..4 {
                let found = pitch(&voice(&traits, seed)).unwrap();
                // The median of a clip varies by 2 %, its accents by about a semitone.
                let semitones = 12.0 * (found.median_hz / asked_hz).log2();
                assert!(semitones.abs() < 1.5, "{asked_hz:.0} Hz asked, {found:?}");
                assert!(found.voiced > 0.3, "{found:?}");
            }
        }
    }

    #[test]
    fn formants_scale_with_the_tract() {
        for tract in [-2.0, -1.0, 0.0, 1.0, 2.0] {
            let traits = [0.0, tract, 0.0, 0.0, 0.0, 0.0];
            let asked = VoiceShape::of(&traits).formant_factor;
            let found: f64 = (0..4)
                .map(|seed| formants(&voice(&traits, seed)).unwrap().spacing_hz / 1000.0)
                .sum::<f64>()
                / 4.0;
            // Half of 1200 such voices are within 2 %, since their vowels differ.
            assert!((found / asked - 1.0).abs() < 0.05, "{asked:.3} asked, {found:.3}");
        }
    }

    #[test]
    fn intonation_and_roughness_are_measurable() {
        let spread = |traits: &Traits| -> f64 {
            (0..4).map(|seed| pitch(&voice(traits, seed)).unwrap().spread_semitones).sum()
        };
        let flat = spread(&[0.0, 0.0, 0.0, -1.5, 0.0, -1.5]);
        let lively = spread(&[0.0, 0.0, 0.0, 1.5, 0.0, -1.5]);
        // The expected factor is e^1.5 = 4.5.
        assert!(lively > 2.5 * flat, "{flat} {lively}");

        // At constant pitch, only roughness makes a voice aperiodic.
        let aperiodic = |jitter: f64| {
            let shape = VoiceShape { jitter, ..VoiceShape::of(&[0.0; 6]) };
            let mut random = SmallRng::seed_from_u64(0);
            let mut source = source::Source::new(&shape);
            let frame = score::Frame { voice: 1.0, ..score::Frame::default() };
            let sound: Vec<f64> = (0..16_000).map(|_| source.next(&frame, &mut random)).collect();
            let period = (RATE_HZ / shape.pitch_hz).round() as usize;
            let power: f64 = sound.iter().map(|x| x * x).sum();
            sound.windows(period + 1).map(|w| (w[period] - w[0]).powi(2)).sum::<f64>() / power
        };
        assert!(aperiodic(0.03) > 2.0 * aperiodic(0.002));
    }

    #[test]
    fn the_same_seed_gives_the_same_sound() {
        let traits = [0.5; 6];
        assert_eq!(voice(&traits, 1), voice(&traits, 1));
        assert_ne!(voice(&traits, 1), voice(&traits, 2));
    }

    #[test]
    fn extreme_traits_give_the_usual_level() {
        for extreme in [-9.0, 9.0] {
            for index in 0..6 {
                let mut traits = [0.0; 6];
                traits[index] = extreme;
                let sound = voice(&traits, 3);
                let samples = sound.samples();
                let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
                let level = 10.0 * power.log10();
                assert!((-30.0..-15.0).contains(&level), "trait {index}: {level} dB");
            }
        }
    }
}
