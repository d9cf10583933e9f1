//! Where all readers put their samples; here channels that cancel each other are found.

use crate::builder::{Built, WaveformBuilder};
use crate::error::Problem;

/// Length of the blocks that are examined for channels that cancel each other, s.
const BLOCK_S: f64 = 0.5;
/// Channels cancel in a block if their mean has less than this share of the power that it has for
/// channels that have nothing in common. For a voice in one channel only, the share is 1.
const CANCELLED: f64 = 0.1;
/// Channels cancel if they do so in blocks with this share of the power of the recording.
const MAX_CANCELLED: f64 = 0.1;

/// Receives the samples of a recording.
pub(super) struct Sink {
    builder: WaveformBuilder,
    max_s: f64,
    cancellation: Cancellation,
    /// How much its headers promise and is not there, s.
    pub(super) missing_s: f64,
    /// Packets that could be decoded, and those that could not.
    pub(super) packets: usize,
    pub(super) bad_packets: usize,
    /// What was wrong with the last of those.
    pub(super) damage: Option<String>,
}

/// What a sink received.
pub(super) struct Received {
    pub(super) built: Built,
    pub(super) missing_s: f64,
    pub(super) packets: usize,
    pub(super) bad_packets: usize,
}

impl Sink {
    /// A sink for the mean of all channels, or for one `channel`. More than `max_s` seconds are an
    /// error; of a recording over `keep_s`, evenly spaced stretches are kept.
    pub(super) fn new(channel: Option<usize>, max_s: f64, keep_s: Option<f64>) -> Self {
        Self {
            builder: WaveformBuilder::new(channel, keep_s),
            max_s,
            cancellation: Cancellation::default(),
            missing_s: 0.0,
            packets: 0,
            bad_packets: 0,
            damage: None,
        }
    }

    /// Appends interleaved samples.
    ///
    /// # Errors
    /// [`Problem::TooLong`], [`Problem::BadRate`].
    pub(super) fn push(
        &mut self,
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
    ) -> Result<(), Problem> {
        if channels == 0 || samples.is_empty() {
            return Ok(());
        }
        self.builder.push_interleaved(samples, channels, rate_hz)?;
        if self.builder.seconds() > self.max_s {
            return Err(Problem::TooLong { max_s: self.max_s });
        }
        if channels > 1 {
            self.cancellation.examine(samples, channels, rate_hz);
        }
        Ok(())
    }

    /// Appends silence.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(super) fn push_silence(&mut self, seconds: f64, rate_hz: u32) -> Result<(), Problem> {
        let zeros = [0.0; 4096];
        let mut left = (seconds.min(self.max_s + 1.0) * f64::from(rate_hz)).round() as usize;
        while left > 0 {
            let now = left.min(zeros.len());
            self.push(&zeros[..now], 1, rate_hz)?;
            left -= now;
        }
        Ok(())
    }

    /// Length so far, s.
    pub(super) fn seconds(&self) -> f64 {
        self.builder.seconds()
    }

    /// The channel to use instead of the mean of all, if channels cancel each other.
    pub(super) fn better_channel(&self) -> Option<usize> {
        self.cancellation.channel()
    }

    /// What was received.
    ///
    /// # Errors
    /// [`Problem::Damaged`] with the last damage, or [`Problem::NoSamples`], if that is nothing;
    /// [`Problem::NotFinite`].
    pub(super) fn finish(self) -> Result<Received, Problem> {
        let built = self.builder.finish().map_err(|error| match (error.problem, self.damage) {
            (Problem::NoSamples, Some(damage)) => Problem::Damaged(damage),
            (problem, _) => problem,
        })?;
        let Self { missing_s, packets, bad_packets, .. } = self;
        Ok(Received { built, missing_s, packets, bad_packets })
    }
}

/// How much of the power of a recording is in blocks whose channels cancel each other.
#[derive(Default)]
struct Cancellation {
    /// Sums of squares of each channel, over the recording.
    channels: Vec<f64>,
    total: f64,
    cancelled: f64,
    block: Block,
}

#[derive(Default)]
struct Block {
    frames: usize,
    /// Sum over the channels of the sums of squares.
    parts: f64,
    mean: f64,
    channels: usize,
}

impl Cancellation {
    fn examine(&mut self, samples: &[f32], channels: usize, rate_hz: u32) {
        let frames = (BLOCK_S * f64::from(rate_hz)) as usize;
        if self.channels.len() < channels {
            self.channels.resize(channels, 0.0);
        }
        if self.block.channels != channels {
            self.end_block();
        }
        self.block.channels = channels;
        for frame in samples.chunks_exact(channels) {
            let mut sum = 0.0;
            for (total, sample) in self.channels.iter_mut().zip(frame) {
                let power = f64::from(sample * sample);
                sum += f64::from(*sample);
                // A sample that is not finite is an error later.
                if power.is_finite() {
                    *total += power;
                    self.block.parts += power;
                }
            }
            self.block.mean += (sum / channels as f64).powi(2);
            self.block.frames += 1;
            if self.block.frames >= frames {
                self.end_block();
                self.block.channels = channels;
            }
        }
    }

    fn end_block(&mut self) {
        let Block { parts, mean, channels, .. } = std::mem::take(&mut self.block);
        if channels == 0 {
            return;
        }
        self.total += parts;
        // The power of the mean of independent channels.
        let independent = parts / (channels as f64).powi(2);
        if mean < CANCELLED * independent {
            self.cancelled += parts;
        }
    }

    /// The loudest channel, if channels cancel each other.
    fn channel(&self) -> Option<usize> {
        let Block { parts, mean, channels, .. } = self.block;
        let last = channels > 0 && mean < CANCELLED * parts / (channels as f64).powi(2);
        let cancelled = self.cancelled + if last { parts } else { 0.0 };
        if cancelled <= MAX_CANCELLED * (self.total + parts) {
            return None;
        }
        let loudest = |a: &usize, b: &usize| self.channels[*a].total_cmp(&self.channels[*b]);
        // The first of equal ones.
        (0..self.channels.len()).rev().max_by(loudest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The channel that is chosen for these channels, as functions of the sample's number.
    fn chosen(channels: &[&dyn Fn(usize) -> f32]) -> Option<usize> {
        let samples: Vec<f32> =
            (0..40_000).flat_map(|n| channels.iter().map(move |channel| channel(n))).collect();
        let mut sink = Sink::new(None, 10.0, None);
        for block in samples.chunks(1000 * channels.len()) {
            sink.push(block, channels.len(), 16_000).unwrap();
        }
        sink.better_channel()
    }

    #[test]
    fn channels_that_cancel_are_found() {
        let a = |n: usize| (n as f32 * 0.1).sin();
        let b = |n: usize| (n as f32 * 0.237).sin();
        let zero = |_| 0.0;
        let minus = |n| -a(n);
        let quieter = |n| -0.9 * a(n);
        assert_eq!(chosen(&[&a, &minus]), Some(0));
        assert_eq!(chosen(&[&quieter, &a]), Some(1));
        assert_eq!(chosen(&[&a, &zero, &minus, &zero]), Some(0));
        // The second half only.
        assert_eq!(chosen(&[&a, &|n| if n < 20_000 { a(n) } else { -a(n) }]), Some(0));
        for fine in [
            &[&a as &dyn Fn(usize) -> f32, &a][..],
            &[&a, &b],
            &[&a, &zero],
            &[&zero, &zero, &zero, &zero, &zero, &zero, &zero, &a],
            &[&zero, &zero],
            &[&a],
        ] {
            assert_eq!(chosen(fine), None);
        }
    }

    #[test]
    fn silence_counts_towards_the_limit() {
        let mut sink = Sink::new(None, 1.0, None);
        sink.push_silence(0.5, 16_000).unwrap();
        assert_eq!(sink.seconds(), 0.5);
        assert!(matches!(sink.push_silence(1e12, 16_000), Err(Problem::TooLong { .. })));
    }
}
