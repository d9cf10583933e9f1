//! `Waveform`: a voice as the networks take it, 16 kHz mono by construction.

use crate::error::{AudioError, Problem};
use crate::resample::{Resampler, resample};

/// A recording at 16 kHz, one channel, at least one sample, every sample finite.
///
/// Full scale is -1 to 1; nothing is scaled on the way in.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    samples: Vec<f32>,
}

impl Waveform {
    /// Samples a second.
    pub const RATE_HZ: u32 = 16_000;
    /// Length of a clip, s (the paper, section 3: "up to 6 seconds of audio").
    pub const CLIP_S: usize = 6;
    /// Samples of a clip.
    pub const CLIP_SAMPLES: usize = Self::CLIP_S * Self::RATE_HZ as usize; // 96 000
    /// The shortest recording that [`read`](crate::read) accepts, s.
    pub const MIN_S: f64 = 1.0;
    /// Largest sample that can be sound: 40 dB over full scale. Float files do exceed 1.
    const MAX_LEVEL: f32 = 100.0;
    /// Speeds that [`Waveform::speed`] covers.
    const SPEEDS: std::ops::RangeInclusive<f64> = 0.25..=4.0;

    /// Mixes interleaved `samples` down to their mean and resamples them to 16 kHz.
    ///
    /// # Errors
    /// [`Problem::NoSamples`], [`Problem::BadChannels`], [`Problem::BadRate`] and
    /// [`Problem::NotFinite`], which also covers samples beyond a hundred times full scale.
    pub fn from_interleaved(
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
    ) -> Result<Self, AudioError> {
        if channels == 0 || !samples.len().is_multiple_of(channels) {
            return Err(Problem::BadChannels { samples: samples.len(), channels }.into());
        }
        let mut builder = WaveformBuilder::new(rate_hz)?;
        builder.push_interleaved(samples, channels);
        builder.finish()
    }

    /// The samples.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Length, s.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(Self::RATE_HZ)
    }

    /// The first 6 s; a shorter recording is repeated until it fills them (the paper, section 3.2
    /// of its supplementary material).
    pub fn first_clip(&self) -> Self {
        Self { samples: self.samples.iter().copied().cycle().take(Self::CLIP_SAMPLES).collect() }
    }

    /// Clips of 6 s every `hop_s` seconds that together use the whole recording.
    ///
    /// The last one ends with the recording; a recording of up to 6 s gives its
    /// [first clip](Self::first_clip) alone. A hop outside one sample to 6 s counts as the nearer
    /// of the two.
    pub fn windows(&self, hop_s: f64) -> impl ExactSizeIterator<Item = Self> + '_ {
        let hop = (hop_s * f64::from(Self::RATE_HZ)).round() as usize;
        let hop = hop.clamp(1, Self::CLIP_SAMPLES);
        let last = self.samples.len().saturating_sub(Self::CLIP_SAMPLES);
        let starts = last.div_ceil(hop) + 1;
        (0..starts).map(move |window| {
            let start = (window * hop).min(last);
            Self { samples: self.samples[start..].to_vec() }.first_clip()
        })
    }

    /// The recording played `factor` times as fast: pitch and formants move up by `factor`
    /// together and the length shrinks by it, as if the speaker were smaller.
    ///
    /// A factor outside 0.25 to 4 counts as the nearer of the two.
    pub fn speed(&self, factor: f64) -> Self {
        let factor = factor.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end());
        let pretended_hz = (f64::from(Self::RATE_HZ) * factor).round() as u32;
        // The clamp keeps the rate within what the resampler takes.
        let samples = resample(&self.samples, pretended_hz, Self::RATE_HZ)
            .unwrap_or_else(|_| self.samples.clone());
        Self { samples }
    }

    /// Level of the largest sample, dB of full scale.
    pub(crate) fn peak_dbfs(&self) -> f64 {
        let peak = self.samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        20.0 * f64::from(peak).log10()
    }
}

/// Makes a [`Waveform`] of samples that come in pieces, in memory of the result's size.
pub(crate) struct WaveformBuilder {
    resampler: Resampler,
    rate_hz: u32,
    mono: Vec<f32>,
    samples: Vec<f32>,
    frames: u64,
    bad: usize,
    first_bad: u64,
}

impl WaveformBuilder {
    pub(crate) fn new(rate_hz: u32) -> Result<Self, AudioError> {
        Ok(Self {
            resampler: Resampler::new(rate_hz, Waveform::RATE_HZ)?,
            rate_hz,
            mono: Vec::new(),
            samples: Vec::new(),
            frames: 0,
            bad: 0,
            first_bad: 0,
        })
    }

    /// Takes whole frames of `channels` samples; a rest is left out.
    pub(crate) fn push_interleaved(&mut self, samples: &[f32], channels: usize) {
        let share = 1.0 / channels as f32;
        self.mono.clear();
        for frame in samples.chunks_exact(channels) {
            // A bad sample must not reach the resampler, which would smear it.
            if frame.iter().all(|s| s.abs() <= Waveform::MAX_LEVEL) {
                self.mono.push(frame.iter().sum::<f32>() * share);
            } else {
                if self.bad == 0 {
                    self.first_bad = self.frames + self.mono.len() as u64;
                }
                self.bad += frame.iter().filter(|s| !(s.abs() <= Waveform::MAX_LEVEL)).count();
                self.mono.push(0.0);
            }
        }
        self.frames += self.mono.len() as u64;
        self.resampler.push(&self.mono, &mut self.samples);
    }

    /// Length so far, s.
    pub(crate) fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate_hz)
    }

    pub(crate) fn finish(mut self) -> Result<Waveform, AudioError> {
        if self.bad > 0 {
            let first_s = self.first_bad as f64 / f64::from(self.rate_hz);
            return Err(Problem::NotFinite { count: self.bad, first_s }.into());
        }
        if self.frames == 0 {
            return Err(Problem::NoSamples.into());
        }
        self.resampler.finish(&mut self.samples);
        Ok(Waveform { samples: self.samples })
    }
}
