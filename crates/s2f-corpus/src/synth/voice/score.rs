//! The movements of larynx and mouth per millisecond: random syllables in phrases, smoothed for
//! coarticulation.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::phones::{CODAS, Consonant, ONSETS, VOWELS};
use super::{VoiceShape, normal};

/// State of larynx and mouth for one millisecond.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    /// First to third formant of a tract of 17.5 cm, Hz.
    pub(super) formants_hz: [f64; 3],
    /// Strength of the voice, 0 to 1.
    pub(super) voice: f64,
    /// Strength of breath noise through the tract (h; after p, t, k).
    pub(super) breath: f64,
    /// Strength of the noise made at lips and teeth (s, f, bursts).
    pub(super) hiss: f64,
    /// Centre and width of that noise, Hz.
    pub(super) hiss_hz: [f64; 2],
    /// 1 if the nose is open.
    pub(super) nasal: f64,
    /// Distance from the speaker's median pitch, semitones.
    pub(super) semitones: f64,
}

/// Maximum fraction of a syllable for its consonants.
const MAX_CONSONANT: f64 = 0.6;
/// Fractions of the syllables that begin and that end with a consonant.
const ONSET_SHARE: f64 = 0.9;
const CODA_SHARE: f64 = 0.35;
/// Factor of the length of a phrase's last syllable.
const FINAL_LENGTH: f64 = 1.4;
/// Standard deviation of the logarithm of a syllable's length.
const UNEVENNESS: f64 = 0.17;
/// Maximum length of a steady vowel.
const MAX_VOWEL_MS: f64 = 130.0;
/// Widths of the triangular windows for smoothing: formants and nose, strengths, pitch.
const FORMANT_MS: usize = 50;
const STRENGTH_MS: usize = 14;
const PITCH_MS: usize = 110;
/// The variance of the intonation is the sum of that of the falling pitch of a phrase, from `FALL`
/// to `-FALL` standard deviations (variance `FALL² / 3`), and that of the accents.
const FALL: f64 = 0.9;
const ACCENT: f64 = 1.48; // √3 · √(1 - FALL² / 3), uniformly distributed
/// Compensates for the effect of smoothing on the accents.
const SMOOTHING_GAIN: f64 = 1.1;

/// `length` milliseconds of speech: phrases of 4 to 10 syllables with pauses in between.
pub(super) fn improvise(shape: &VoiceShape, length: usize, random: &mut impl Rng) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(length + 4_000);
    pause(&mut frames, random.random_range(40.0..200.0));
    while frames.len() < length {
        let syllables = random.random_range(4..=10);
        let start = frames.len();
        let mut lengths = Vec::new();
        for number in 1..=syllables {
            let last = if number == syllables { FINAL_LENGTH } else { 1.0 };
            let even = 1000.0 / shape.syllables_per_s * last;
            let before = frames.len();
            syllable(&mut frames, even * (UNEVENNESS * normal(random)).exp(), random);
            lengths.push(frames.len() - before);
        }
        melody(&mut frames[start..], &lengths, shape.intonation_semitones, random);
        pause(&mut frames, random.random_range(150.0..450.0));
    }
    frames.truncate(length);
    smooth(&mut frames);
    frames
}

fn pause(frames: &mut Vec<Frame>, ms: f64) {
    let rest = Frame {
        formants_hz: frames.last().map_or(VOWELS[0], |frame| frame.formants_hz),
        hiss_hz: ONSETS[0].hiss_hz,
        ..Frame::default()
    };
    frames.resize(frames.len() + ms as usize, rest);
}

/// Appends a syllable of about `ms`.
fn syllable(frames: &mut Vec<Frame>, ms: f64, random: &mut impl Rng) {
    let onset = random.random_bool(ONSET_SHARE).then(|| random.random_range(0..ONSETS.len()));
    let coda = random.random_bool(CODA_SHARE).then(|| random.random_range(0..CODAS.len()));
    let consonants =
        [onset, coda.map(|coda| CODAS[coda])].map(|index| index.map(|index| &ONSETS[index]));
    let natural: f64 = consonants.iter().flatten().map(|c| c.milliseconds()).sum();
    let factor = (MAX_CONSONANT * ms / natural.max(1.0)).min(1.0);
    let [onset, coda] = consonants;
    if let Some(onset) = onset {
        onset.append(frames, factor);
    }
    let stress = random.random_range(0.7..1.0);
    // A long vowel changes into others.
    let mut left = ms - factor * natural;
    while left > 0.0 {
        let vowel = Frame {
            formants_hz: *VOWELS.choose(random).unwrap_or(&VOWELS[0]),
            voice: stress,
            hiss_hz: frames.last().map_or(ONSETS[0].hiss_hz, |frame| frame.hiss_hz),
            ..Frame::default()
        };
        let part = if left > 1.5 * MAX_VOWEL_MS { MAX_VOWEL_MS } else { left };
        frames.resize(frames.len() + part.ceil() as usize, vowel);
        left -= part;
    }
    if let Some(coda) = coda {
        coda.append(frames, factor);
    }
}

impl Consonant {
    fn milliseconds(&self) -> f64 {
        self.steps.iter().map(|step| step.ms).sum()
    }

    fn append(&self, frames: &mut Vec<Frame>, factor: f64) {
        for step in self.steps {
            let frame = Frame {
                formants_hz: self.formants_hz,
                voice: step.voice,
                breath: step.breath,
                hiss: step.hiss,
                hiss_hz: self.hiss_hz,
                nasal: step.nasal,
                ..Frame::default()
            };
            frames.resize(frames.len() + (step.ms * factor).round() as usize, frame);
        }
    }
}

/// Sets the pitch of a phrase: falling, with an accent on each syllable.
fn melody(frames: &mut [Frame], lengths: &[usize], semitones: f64, random: &mut impl Rng) {
    let whole = frames.len().max(1) as f64;
    let mut at = 0;
    for &length in lengths {
        let accent = ACCENT * SMOOTHING_GAIN * random.random_range(-1.0..1.0);
        for frame in &mut frames[at..at + length] {
            frame.semitones = semitones * (accent + FALL * (1.0 - 2.0 * at as f64 / whole));
            at += 1;
        }
    }
}

/// Smooths all quantities.
fn smooth(frames: &mut [Frame]) {
    for index in 0..3 {
        blur(frames, FORMANT_MS, |frame| &mut frame.formants_hz[index]);
    }
    for index in 0..2 {
        blur(frames, STRENGTH_MS, |frame| &mut frame.hiss_hz[index]);
    }
    blur(frames, STRENGTH_MS, |frame| &mut frame.voice);
    blur(frames, STRENGTH_MS, |frame| &mut frame.breath);
    blur(frames, STRENGTH_MS / 2, |frame| &mut frame.hiss);
    blur(frames, FORMANT_MS, |frame| &mut frame.nasal);
    blur(frames, PITCH_MS, |frame| &mut frame.semitones);
}

/// Convolves one quantity with a triangle of `width` frames: twice with a box of half that width.
fn blur(frames: &mut [Frame], width: usize, value: impl Fn(&mut Frame) -> &mut f64) {
    let half = (width / 2).max(1);
    let mut sums = vec![0.0; frames.len() + 1];
    // The first box looks back, the second ahead, so there is no delay.
    for ahead in [false, true] {
        for (n, frame) in frames.iter_mut().enumerate() {
            sums[n + 1] = sums[n] + *value(frame);
        }
        let length = frames.len();
        for (n, frame) in frames.iter_mut().enumerate() {
            let (from, to) = if ahead {
                (n, (n + half).min(length))
            } else {
                ((n + 1).saturating_sub(half), n + 1)
            };
            *value(frame) = (sums[to] - sums[from]) / (to - from) as f64;
        }
    }
}
