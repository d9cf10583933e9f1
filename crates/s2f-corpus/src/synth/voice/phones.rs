//! The sounds of a synthetic language: formants of vowels, and the articulation of consonants.

/// First to third formant of the vowels in a tract of 17.5 cm, Hz (after Peterson & Barney, JASA
/// 24, 1952, men).
pub(super) const VOWELS: [[f64; 3]; 11] = [
    [280.0, 2250.0, 2950.0], // beat
    [400.0, 1980.0, 2550.0], // bit
    [540.0, 1830.0, 2480.0], // bet
    [670.0, 1720.0, 2410.0], // bat
    [740.0, 1250.0, 2500.0], // spa
    [640.0, 1190.0, 2400.0], // but
    [570.0, 870.0, 2420.0],  // bought
    [440.0, 1020.0, 2250.0], // book
    [310.0, 900.0, 2250.0],  // boot
    [490.0, 1350.0, 1700.0], // bird
    [500.0, 1500.0, 2500.0], // about
];

/// A consonant: the targets of the formants, and its parts in order.
pub(super) struct Consonant {
    pub(super) formants_hz: [f64; 3],
    /// Centre and width of the noise at lips and teeth, Hz.
    pub(super) hiss_hz: [f64; 2],
    pub(super) steps: &'static [Step],
}

/// A part of a consonant; strengths are 0 to 1.
pub(super) struct Step {
    pub(super) ms: f64,
    pub(super) voice: f64,
    pub(super) breath: f64,
    pub(super) hiss: f64,
    pub(super) nasal: f64,
}

/// A step from duration, voice, breath, hiss and nasal.
const fn step(ms: f64, voice: f64, breath: f64, hiss: f64, nasal: f64) -> Step {
    Step { ms, voice, breath, hiss, nasal }
}

const fn consonant(formants_hz: [f64; 3], hiss_hz: [f64; 2], steps: &'static [Step]) -> Consonant {
    Consonant { formants_hz, hiss_hz, steps }
}

const CLOSED: Step = step(55.0, 0.0, 0.0, 0.0, 0.0);
const MURMUR: Step = step(50.0, 0.12, 0.0, 0.0, 0.0);
const ASPIRATED: Step = step(35.0, 0.0, 0.5, 0.0, 0.0);
const NOSE: Step = step(65.0, 0.6, 0.0, 0.0, 1.0);
const GLIDE: Step = step(55.0, 0.75, 0.0, 0.0, 0.0);

/// Consonants that begin a syllable.
pub(super) const ONSETS: [Consonant; 17] = [
    consonant(
        [300.0, 900.0, 2200.0],
        [1000.0, 1500.0],
        &[CLOSED, step(6.0, 0.0, 0.1, 0.3, 0.0), ASPIRATED],
    ), // p
    consonant(
        [300.0, 1750.0, 2650.0],
        [4500.0, 2500.0],
        &[CLOSED, step(8.0, 0.0, 0.1, 0.7, 0.0), ASPIRATED],
    ), // t
    consonant(
        [300.0, 1900.0, 2250.0],
        [1900.0, 900.0],
        &[CLOSED, step(12.0, 0.0, 0.1, 0.6, 0.0), ASPIRATED],
    ), // k
    // b
    consonant([300.0, 900.0, 2200.0], [1000.0, 1500.0], &[MURMUR, step(5.0, 0.2, 0.0, 0.2, 0.0)]),
    // d
    consonant([300.0, 1750.0, 2650.0], [4200.0, 2500.0], &[MURMUR, step(6.0, 0.2, 0.0, 0.4, 0.0)]),
    // g
    consonant([300.0, 1900.0, 2250.0], [1900.0, 900.0], &[MURMUR, step(8.0, 0.2, 0.0, 0.4, 0.0)]),
    consonant([350.0, 1600.0, 2600.0], [6300.0, 2200.0], &[step(95.0, 0.0, 0.0, 0.55, 0.0)]), // s
    consonant([350.0, 1750.0, 2400.0], [3200.0, 1400.0], &[step(95.0, 0.0, 0.0, 0.55, 0.0)]), // sh
    consonant([350.0, 1100.0, 2250.0], [5000.0, 6000.0], &[step(85.0, 0.0, 0.0, 0.15, 0.0)]), // f
    consonant([320.0, 1100.0, 2250.0], [5000.0, 6000.0], &[step(60.0, 0.35, 0.0, 0.1, 0.0)]), // v
    consonant([320.0, 1650.0, 2600.0], [6000.0, 2200.0], &[step(75.0, 0.3, 0.0, 0.3, 0.0)]),  // z
    consonant([500.0, 1500.0, 2500.0], [5000.0, 6000.0], &[step(55.0, 0.0, 0.6, 0.0, 0.0)]),  // h
    consonant([280.0, 1000.0, 2200.0], [5000.0, 6000.0], &[NOSE]),                            // m
    consonant([280.0, 1600.0, 2600.0], [5000.0, 6000.0], &[NOSE]),                            // n
    consonant([360.0, 1150.0, 2700.0], [5000.0, 6000.0], &[GLIDE]),                           // l
    consonant([330.0, 1100.0, 1600.0], [5000.0, 6000.0], &[GLIDE]),                           // r
    consonant([300.0, 700.0, 2200.0], [5000.0, 6000.0], &[GLIDE]),                            // w
];

/// Those of [`ONSETS`] that may also end a syllable: t, k, s, z, m, n, l.
pub(super) const CODAS: [usize; 7] = [1, 2, 6, 10, 12, 13, 14];
