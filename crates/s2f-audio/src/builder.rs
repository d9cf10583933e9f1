//! Builds a waveform from blocks of samples: mixes the channels, resamples, and of a long
//! recording keeps stretches that are spread evenly over it.

use crate::error::{AudioError, Problem};
use crate::level::range_dbfs;
use crate::resample::Resampler;

/// Sampling rate of what is built, Hz.
pub(crate) const RATE_HZ: u32 = 16_000;
/// Length of a stretch of a long recording, s.
pub(crate) const STRETCH_S: usize = 6;
/// Largest valid sample: 40 dB over full scale. Float files do exceed 1.
const MAX_LEVEL: f32 = 100.0;

/// Builds a waveform from blocks of interleaved samples.
pub(crate) struct WaveformBuilder {
    /// Only this channel is used; else the mean of all.
    channel: Option<usize>,
    /// From the first block on, with its input rate.
    resampler: Option<(u32, Resampler)>,
    mono: Vec<f32>,
    resampled: Vec<f32>,
    stretches: Stretches,
    seconds: f64,
    low: f32,
    high: f32,
    bad: usize,
    first_bad_s: f64,
}

/// What was built.
pub(crate) struct Built {
    /// Samples at [`RATE_HZ`], at least one, all valid.
    pub(crate) samples: Vec<f32>,
    /// Length of all that was pushed, s.
    pub(crate) seconds: f64,
    /// As [`peak_dbfs`](crate::peak_dbfs), of all that was pushed.
    pub(crate) peak_dbfs: f64,
}

impl WaveformBuilder {
    /// Of a recording that is longer than `max_s`, half of that length or more is kept.
    pub(crate) fn new(channel: Option<usize>, max_s: Option<f64>) -> Self {
        Self {
            channel,
            resampler: None,
            mono: Vec::new(),
            resampled: Vec::new(),
            stretches: Stretches::new(max_s),
            seconds: 0.0,
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            bad: 0,
            first_bad_s: 0.0,
        }
    }

    /// Appends whole frames of `channels` samples; an incomplete last frame is ignored.
    pub(crate) fn push_interleaved(
        &mut self,
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
    ) -> Result<(), Problem> {
        let is_same = self.resampler.as_ref().is_some_and(|(rate, _)| *rate == rate_hz);
        if !is_same {
            self.end_resampler();
            let resampler = Resampler::new(rate_hz, RATE_HZ);
            self.resampler = Some((rate_hz, resampler.map_err(|error| error.problem)?));
        }
        let weight = 1.0 / channels as f32;
        self.mono.clear();
        for frame in samples.chunks_exact(channels) {
            // An invalid sample must not reach the resampler, which would spread it.
            if frame.iter().all(is_valid) {
                let mixed = match self.channel {
                    Some(channel) => frame.get(channel).copied().unwrap_or(0.0),
                    None => frame.iter().sum::<f32>() * weight,
                };
                self.mono.push(mixed);
            } else {
                if self.bad == 0 {
                    self.first_bad_s = self.seconds + self.mono.len() as f64 / f64::from(rate_hz);
                }
                self.bad += frame.iter().filter(|s| !is_valid(s)).count();
                self.mono.push(0.0);
            }
        }
        self.seconds += self.mono.len() as f64 / f64::from(rate_hz);
        if let Some((_, resampler)) = &mut self.resampler {
            resampler.push(&self.mono, &mut self.resampled);
        }
        self.keep();
        Ok(())
    }

    /// Length so far, s.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The waveform.
    ///
    /// # Errors
    /// [`Problem::NotFinite`], [`Problem::NoSamples`].
    pub(crate) fn finish(mut self) -> Result<Built, AudioError> {
        if self.bad > 0 {
            return Err(Problem::NotFinite { count: self.bad, first_s: self.first_bad_s }.into());
        }
        if self.seconds <= 0.0 {
            return Err(Problem::NoSamples.into());
        }
        self.end_resampler();
        Ok(Built {
            samples: self.stretches.kept,
            seconds: self.seconds,
            peak_dbfs: range_dbfs(self.low, self.high),
        })
    }

    fn end_resampler(&mut self) {
        if let Some((_, resampler)) = self.resampler.take() {
            resampler.finish(&mut self.resampled);
            self.keep();
        }
    }

    fn keep(&mut self) {
        for &sample in &self.resampled {
            self.low = self.low.min(sample);
            self.high = self.high.max(sample);
        }
        self.stretches.push(&self.resampled);
        self.resampled.clear();
    }
}

/// Whether a sample is finite and not impossibly loud.
fn is_valid(sample: &f32) -> bool {
    sample.abs() <= MAX_LEVEL
}

/// All of a recording or, of a long one, every second, fourth, eighth … stretch of 6 s.
struct Stretches {
    kept: Vec<f32>,
    /// Maximum number of stretches.
    max: usize,
    /// One stretch in this many is kept.
    every: usize,
    /// Samples pushed so far.
    pushed: usize,
}

impl Stretches {
    const LENGTH: usize = STRETCH_S * RATE_HZ as usize;

    fn new(max_s: Option<f64>) -> Self {
        let stretches = |seconds: f64| (seconds / STRETCH_S as f64) as usize;
        let max = max_s.map_or(usize::MAX / Self::LENGTH, stretches).max(2);
        Self { kept: Vec::new(), max, every: 1, pushed: 0 }
    }

    fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (stretch, inside) = (self.pushed / Self::LENGTH, self.pushed % Self::LENGTH);
            let (now, later) = samples.split_at(samples.len().min(Self::LENGTH - inside));
            let is_full = self.kept.len() >= self.max * Self::LENGTH;
            if inside == 0 && is_full && stretch.is_multiple_of(self.every) {
                self.drop_every_second();
            }
            if stretch.is_multiple_of(self.every) {
                self.kept.extend_from_slice(now);
            }
            self.pushed += now.len();
            samples = later;
        }
    }

    fn drop_every_second(&mut self) {
        let stretches = self.kept.len() / Self::LENGTH;
        for (to, from) in (0..stretches).step_by(2).enumerate() {
            let from = from * Self::LENGTH;
            self.kept.copy_within(from..from + Self::LENGTH, to * Self::LENGTH);
        }
        self.kept.truncate(stretches.div_ceil(2) * Self::LENGTH);
        self.every *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples that say in which stretch they are.
    fn kept(seconds: usize, max_s: Option<f64>, block: usize) -> Vec<usize> {
        let mut stretches = Stretches::new(max_s);
        let samples: Vec<f32> =
            (0..seconds * 16_000).map(|n| (n / Stretches::LENGTH) as f32).collect();
        samples.chunks(block).for_each(|block| stretches.push(block));
        stretches
            .kept
            .chunks(Stretches::LENGTH)
            .map(|stretch| {
                assert!(stretch.iter().all(|sample| *sample == stretch[0]));
                stretch[0] as usize
            })
            .collect()
    }

    #[test]
    fn stretches_of_a_long_recording_are_spread_over_it() {
        for block in [700, 96_000, 1_000_000] {
            assert_eq!(kept(45, None, block), [0, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(kept(24, Some(24.0), block), [0, 1, 2, 3]);
            assert_eq!(kept(25, Some(24.0), block), [0, 2, 4]);
            assert_eq!(kept(48, Some(24.0), block), [0, 2, 4, 6]);
            assert_eq!(kept(60, Some(24.0), block), [0, 4, 8]);
            assert_eq!(kept(61, Some(30.0), block), [0, 4, 8]);
        }
    }

    #[test]
    fn one_channel_may_be_chosen_and_the_rate_may_change() {
        let mut builder = WaveformBuilder::new(Some(1), None);
        builder.push_interleaved(&[0.5, 0.25, 0.5, -0.25], 2, 16_000).unwrap();
        builder.push_interleaved(&[0.5, 0.125].repeat(800), 2, 8_000).unwrap();
        assert!((builder.seconds() - (2.0 / 16_000.0 + 0.1)).abs() < 1e-9);
        let built = builder.finish().unwrap();
        let samples = &built.samples;
        assert_eq!((samples.len(), &samples[..2]), (1602, &[0.25, -0.25][..]));
        assert!(samples[800..810].iter().all(|sample| (sample - 0.125).abs() < 1e-4));
    }
}
