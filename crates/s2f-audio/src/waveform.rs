//! `Waveform`: a recording at 16 kHz, mono; its clips, windows and speed.

use crate::builder::{RATE_HZ, STRETCH_S, WaveformBuilder};
use crate::error::{AudioError, Problem};
use crate::resample::resample;

/// A recording at 16 kHz, mono, not empty, with finite samples; by construction.
///
/// Full scale is −1 to 1. Samples are not rescaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    samples: Vec<f32>,
}

impl Waveform {
    /// Sampling rate, Hz.
    pub const RATE_HZ: u32 = RATE_HZ;
    /// Length of a clip, s (Speech2Face, section 3: "up to 6 seconds of audio").
    pub const CLIP_S: usize = STRETCH_S;
    /// Number of samples of a clip.
    pub const CLIP_SAMPLES: usize = Self::CLIP_S * Self::RATE_HZ as usize; // 96 000
    /// The shortest recording that [`read`](crate::read) accepts, s.
    pub const MIN_S: f64 = 1.0;
    /// The factors of [`Waveform::speed`].
    const SPEEDS: std::ops::RangeInclusive<f64> = 0.25..=4.0;

    /// Averages the channels of interleaved `samples` and resamples them to 16 kHz.
    ///
    /// # Errors
    /// [`Problem::NoSamples`], [`Problem::BadChannels`], [`Problem::BadRate`] or
    /// [`Problem::NotFinite`] (also for samples beyond a hundred times full scale).
    pub fn from_interleaved(
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
    ) -> Result<Self, AudioError> {
        if channels == 0 || !samples.len().is_multiple_of(channels) {
            return Err(Problem::BadChannels { samples: samples.len(), channels }.into());
        }
        let mut builder = WaveformBuilder::new(None, None);
        builder.push_interleaved(samples, channels, rate_hz)?;
        Ok(Self { samples: builder.finish()?.samples })
    }

    /// From samples at 16 kHz that are valid and at least one.
    pub(crate) fn from_valid(samples: Vec<f32>) -> Self {
        Self { samples }
    }

    /// The samples, full scale −1 to 1.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Length, s.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(Self::RATE_HZ)
    }

    /// The first 6 s: [`Waveform::CLIP_SAMPLES`] samples. A shorter recording is repeated to that
    /// length (Speech2Face, supplementary material, section 3.2).
    pub fn first_clip(&self) -> Self {
        Self { samples: self.samples.iter().copied().cycle().take(Self::CLIP_SAMPLES).collect() }
    }

    /// Clips of 6 s every `hop_s` seconds that together cover the whole recording.
    ///
    /// The last clip ends with the recording. A recording of up to 6 s gives only its
    /// [first clip](Self::first_clip). The hop is clamped to one sample to 6 s.
    pub fn windows(&self, hop_s: f64) -> impl ExactSizeIterator<Item = Self> + '_ {
        let hop = (hop_s * f64::from(Self::RATE_HZ)).round() as usize;
        let hop = hop.clamp(1, Self::CLIP_SAMPLES);
        let last_start = self.samples.len().saturating_sub(Self::CLIP_SAMPLES);
        let count = last_start.div_ceil(hop) + 1;
        (0..count).map(move |window| {
            let start = (window * hop).min(last_start);
            let end = self.samples.len().min(start + Self::CLIP_SAMPLES);
            Self { samples: self.samples[start..end].to_vec() }.first_clip()
        })
    }

    /// The samples of `range`, repeated or cut to `samples` samples. A range that ends after the
    /// recording is shortened; an empty range means the whole recording.
    pub fn excerpt(&self, range: std::ops::Range<usize>, samples: usize) -> Self {
        let part = self.samples.get(range.start..range.end.min(self.samples.len()));
        let part = part.filter(|part| !part.is_empty()).unwrap_or(&self.samples);
        Self { samples: part.iter().copied().cycle().take(samples.max(1)).collect() }
    }

    /// The recording played `factor` times as fast: pitch and formants are multiplied by `factor`
    /// and the length is divided by it, as if the speaker were smaller.
    ///
    /// The factor is clamped to 0.25 to 4.
    pub fn speed(&self, factor: f64) -> Self {
        let factor = factor.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end());
        let source_hz = (f64::from(Self::RATE_HZ) * factor).round() as u32;
        // The clamp keeps the rate within the resampler's range.
        let samples = resample(&self.samples, source_hz, Self::RATE_HZ)
            .unwrap_or_else(|_| self.samples.clone());
        Self { samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(samples: usize) -> Waveform {
        let samples: Vec<f32> = (0..samples).map(|n| n as f32 * 1e-6).collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    #[test]
    fn channels_are_averaged() {
        let stereo = [1.0, 0.0, 0.5, -0.5, -1.0, -0.5];
        let mono = Waveform::from_interleaved(&stereo, 2, Waveform::RATE_HZ).unwrap();
        assert_eq!(mono.samples(), [0.5, 0.0, -0.75]);
    }

    #[test]
    fn invalid_samples_are_errors() {
        let problem = |samples: &[f32], channels, rate_hz| {
            Waveform::from_interleaved(samples, channels, rate_hz).unwrap_err().problem
        };
        assert_eq!(problem(&[], 1, 16_000), Problem::NoSamples);
        assert_eq!(problem(&[0.0; 3], 2, 16_000), Problem::BadChannels { samples: 3, channels: 2 });
        assert_eq!(problem(&[0.0; 3], 0, 16_000), Problem::BadChannels { samples: 3, channels: 0 });
        assert_eq!(problem(&[0.0; 3], 1, 0), Problem::BadRate(0));
        assert_eq!(problem(&[0.0; 3], 1, u32::MAX), Problem::BadRate(u32::MAX));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
            let samples = [0.0, 0.0, bad, 0.0, bad, 0.0];
            assert_eq!(
                problem(&samples, 2, 16_000),
                Problem::NotFinite { count: 2, first_s: 1.0 / 16_000.0 }
            );
        }
    }

    #[test]
    fn a_short_recording_is_repeated_and_a_long_one_truncated() {
        let short = ramp(40_000);
        let clip = short.first_clip();
        assert_eq!(clip.samples().len(), 96_000);
        assert_eq!(clip.samples()[40_000..80_000], *short.samples());
        assert_eq!(clip.samples()[80_000..], short.samples()[..16_000]);
        let long = ramp(200_000);
        assert_eq!(long.first_clip().samples(), &long.samples()[..96_000]);
    }

    #[test]
    fn windows_cover_the_whole_recording() {
        for (samples, hop_s, starts) in [
            (40_000, 3.0, vec![0]),
            (96_000, 3.0, vec![0]),
            (96_001, 3.0, vec![0, 1]),
            (240_000, 3.0, vec![0, 48_000, 96_000, 144_000]),
            (250_000, 3.0, vec![0, 48_000, 96_000, 144_000, 154_000]),
            (250_000, 100.0, vec![0, 96_000, 154_000]),
        ] {
            let recording = ramp(samples);
            let windows: Vec<Waveform> = recording.windows(hop_s).collect();
            assert_eq!(windows.len(), recording.windows(hop_s).len());
            let found: Vec<usize> =
                windows.iter().map(|w| (w.samples()[0] * 1e6).round() as usize).collect();
            assert_eq!(found, starts, "{samples} samples, hop {hop_s} s");
            assert!(windows.iter().all(|w| w.samples().len() == Waveform::CLIP_SAMPLES));
        }
    }

    #[test]
    fn speed_scales_length_and_frequency() {
        let hz = 400.0;
        let tone: Vec<f32> = (0..32_000)
            .map(|n| (std::f64::consts::TAU * hz * f64::from(n) / 16_000.0).sin() as f32)
            .collect();
        let tone = Waveform::from_interleaved(&tone, 1, Waveform::RATE_HZ).unwrap();
        let fast = tone.speed(1.25);
        assert_eq!(fast.samples().len(), 25_600);
        // Away from the ends it is a tone of 500 Hz.
        for (n, sample) in fast.samples().iter().enumerate().take(24_000).skip(1_000) {
            let exact = (std::f64::consts::TAU * 500.0 * n as f64 / 16_000.0).sin();
            assert!((f64::from(*sample) - exact).abs() < 1e-4, "sample {n}");
        }
    }
}
