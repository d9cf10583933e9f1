//! The input of the speaker encoder: a mel spectrogram.
//!
//! The front end of Resemblyzer (<https://github.com/resemble-ai/Resemblyzer>), on whose output the
//! published GE2E encoder was trained (Wan, Wang, Papir, Moreno, "Generalized End-to-End Loss for
//! Speaker Verification", ICASSP 2018): `librosa.feature.melspectrogram` with its defaults. Power,
//! without a logarithm; a periodic Hann window of 25 ms (400 samples) centred on every multiple of
//! 10 ms (160), with zeros around the recording; 40 bands of Slaney's mel scale from 0 to 8 kHz,
//! triangles of equal area. A recording below -30 dBFS is raised to that level first
//! (`normalize_volume` with `increase_only`).

use std::sync::{Arc, LazyLock};

use realfft::{RealFftPlanner, RealToComplex};

use crate::level::mean_power;
use crate::spectrogram::hann;
use crate::waveform::Waveform;

/// A mel spectrogram: the power in 40 bands, at a level of at least -30 dBFS.
///
/// Shape `[frames, 40]`, row-major; each frame from 0 to 8 kHz.
#[derive(Debug, Clone, PartialEq)]
pub struct MelSpectrogram {
    data: Vec<f32>,
    frames: usize,
}

impl MelSpectrogram {
    /// Samples of a window, and points of the Fourier transform: 25 ms.
    pub const WINDOW: usize = 400;
    /// Samples from one frame to the next: 10 ms.
    pub const HOP: usize = 160;
    /// Bands of a frame, 0 to 8 kHz.
    pub const BANDS: usize = 40;
    /// Quieter recordings are raised to this root mean square, in dB of full scale.
    pub const LEVEL_DBFS: f64 = -30.0;

    /// The number of frames: `floor(samples / 160) + 1`.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The values, `[frames, 40]`.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, `[frames, 40]`.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// The mel spectrogram of a whole waveform: 601 frames for 6 s.
pub fn mel_spectrogram(waveform: &Waveform) -> MelSpectrogram {
    const HALF: usize = MelSpectrogram::WINDOW / 2;
    let samples = waveform.samples();
    let gain = gain(samples);
    let mut padded = vec![0.0; samples.len() + MelSpectrogram::WINDOW];
    for (padded, sample) in padded[HALF..].iter_mut().zip(samples) {
        *padded = (f64::from(*sample) * gain) as f32;
    }
    let frames = samples.len() / MelSpectrogram::HOP + 1;
    let mut data = vec![0.0; frames * MelSpectrogram::BANDS];

    let plan = &*PLAN;
    let mut frame = plan.fft.make_input_vec();
    let mut spectrum = plan.fft.make_output_vec();
    let mut scratch = plan.fft.make_scratch_vec();
    let mut power = vec![0.0_f32; spectrum.len()];
    let windows = padded.windows(MelSpectrogram::WINDOW).step_by(MelSpectrogram::HOP);
    for (window, bands) in windows.zip(data.chunks_exact_mut(MelSpectrogram::BANDS)) {
        for (value, (sample, weight)) in frame.iter_mut().zip(window.iter().zip(&plan.window)) {
            *value = sample * weight;
        }
        // It fails only for buffers of the wrong length, and these are its own.
        let done = plan.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
        debug_assert!(done.is_ok());
        for (power, value) in power.iter_mut().zip(&spectrum) {
            *power = value.norm_sqr();
        }
        for (value, band) in bands.iter_mut().zip(&plan.bands) {
            let products = power[band.first..].iter().zip(&band.weights);
            *value = products.map(|(power, weight)| power * weight).sum();
        }
    }
    MelSpectrogram { data, frames }
}

/// The factor that raises a recording to -30 dBFS; 1 if it is louder, or has no sound.
fn gain(samples: &[f32]) -> f64 {
    let dbfs = 10.0 * mean_power(samples).log10();
    if !dbfs.is_finite() {
        return 1.0;
    }
    10f64.powf((MelSpectrogram::LEVEL_DBFS - dbfs).max(0.0) / 20.0)
}

struct Plan {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    bands: Vec<Band>,
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan {
    fft: RealFftPlanner::new().plan_fft_forward(MelSpectrogram::WINDOW),
    window: hann(MelSpectrogram::WINDOW),
    bands: bands(),
});

/// The weights of a band that are not zero.
struct Band {
    /// Frequency bin of the first weight.
    first: usize,
    weights: Vec<f32>,
}

/// Triangles between frequencies at equal distances on the mel scale, each of area 1 Hz
/// (`librosa.filters.mel` with `norm="slaney"`).
fn bands() -> Vec<Band> {
    const BINS: usize = MelSpectrogram::WINDOW / 2 + 1; // 201
    let nyquist_hz = f64::from(Waveform::RATE_HZ) / 2.0;
    let corner =
        |index: usize| hertz(mel(nyquist_hz) * index as f64 / (MelSpectrogram::BANDS + 1) as f64);
    let band = |index: usize| {
        let [low, centre, high] = [index, index + 1, index + 2].map(corner);
        let weight = |bin: usize| {
            let hz = nyquist_hz * bin as f64 / (BINS - 1) as f64;
            let slope = ((hz - low) / (centre - low)).min((high - hz) / (high - centre));
            (slope.max(0.0) * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0).collect();
        Band { first, weights }
    };
    (0..MelSpectrogram::BANDS).map(band).collect()
}

/// Slaney's scale (Auditory Toolbox, 1998): linear up to this frequency, then logarithmic.
const BREAK_HZ: f64 = 1000.0;
/// Width of a mel below the break.
const MEL_HZ: f64 = 200.0 / 3.0;

/// The factor from one mel to the next above the break: 6.4 in 27 steps.
fn step() -> f64 {
    6.4f64.powf(1.0 / 27.0)
}

fn mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / MEL_HZ } else { BREAK_HZ / MEL_HZ + (hz / BREAK_HZ).log(step()) }
}

fn hertz(mel: f64) -> f64 {
    let break_mel = BREAK_HZ / MEL_HZ;
    if mel < break_mel { mel * MEL_HZ } else { BREAK_HZ * step().powf(mel - break_mel) }
}

#[cfg(test)]
mod tests {
    use s2f_testing::{data, npy};

    use super::*;
    use crate::{Limits, read};

    #[test]
    fn equals_librosa() {
        let Some(path) = data("data/voices/librispeech/1183-124566-0000.flac") else { return };
        let Some(reference) = data("models/reference/ge2e/mel_f32.npy") else { return };
        let voice = read(&path, &Limits::default()).unwrap();
        let found = mel_spectrogram(&voice);
        let expected = npy::<f32>(&reference);
        assert_eq!(expected.shape, [found.frames(), MelSpectrogram::BANDS]);
        for (found, expected) in found.data().iter().zip(&expected.values) {
            // A transform in single precision is off by about 1e-7 of the frame's amplitude, hence
            // its power by about 1e-6, but a quiet band beside a loud one by more.
            let tolerance = 1e-4 * expected.abs() + 1e-9;
            assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
        }
    }

    #[test]
    fn quiet_recordings_are_raised_and_loud_ones_stay() {
        let tone = |amplitude: f32| {
            let samples: Vec<f32> = (0..16_000).map(|n| amplitude * (n as f32).sin()).collect();
            Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
        };
        let power = |amplitude: f32| {
            mel_spectrogram(&tone(amplitude)).data().iter().map(|&x| f64::from(x)).sum::<f64>()
        };
        // A sine of amplitude √2 / √1000 has -30 dBFS.
        let at_level = power((0.002f32).sqrt());
        for quiet in [0.03, 0.001, 1e-5] {
            assert!((power(quiet) / at_level - 1.0).abs() < 1e-4, "{quiet}");
        }
        assert!((power(0.5) / at_level / (0.25 / 0.002) - 1.0).abs() < 1e-4);
        assert_eq!(power(0.0), 0.0);
    }

    #[test]
    fn any_length_has_a_frame_every_10_ms() {
        for (samples, frames) in [(1, 1), (159, 1), (160, 2), (25_440, 160), (96_000, 601)] {
            let voice = Waveform::from_interleaved(&vec![0.1; samples], 1, Waveform::RATE_HZ);
            let found = mel_spectrogram(&voice.unwrap());
            assert_eq!(found.frames(), frames, "{samples} samples");
            assert_eq!(found.data().len(), frames * MelSpectrogram::BANDS);
        }
    }
}
