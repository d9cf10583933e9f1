//! Which part of a recording is used, and the outputs of a network for its windows.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use s2f_audio::{PAUSE_POWER_RATIO, Spectrogram, Waveform, mean_power};
use s2f_nn::{FrontEnd, VoiceEncoder};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, front_end};

/// Windows per forward pass on a CPU; more would take more memory and no less time.
const BATCH: usize = 4;
/// Maximum length of a window, s: a batch of spectrograms of this length takes 0.5 GB.
const MAX_WINDOW_S: f64 = 600.0;
/// Minimum distance of windows, s: every window is measured before some of them are chosen.
const MIN_HOP_S: f64 = 0.01;

/// Which windows of a recording are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Windows {
    /// All windows but pauses; their features are pooled. If there are more than
    /// [`VoicePolicy::max_windows`], that many, spread evenly.
    #[default]
    All,
    /// The first window, as in the paper.
    First,
}

/// Which part of a recording its feature is computed from. The default is what
/// [`Speech2Face::reconstruct`](crate::Speech2Face::reconstruct) uses.
///
/// The features of the windows are pooled as the voice encoder was trained: averaged or attended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoicePolicy {
    /// Which windows are used.
    pub windows: Windows,
    /// Length of a window, s. A shorter recording is repeated until it fills one.
    ///
    /// At least the receptive field of the encoder ([`VoiceEncoder::min_frames`]), at most 600.
    pub window_s: f64,
    /// From the start of one window to the start of the next, s; at least 0.01, and at most the
    /// length of a window is used.
    pub hop_s: f64,
    /// A window is a pause if its power is below this share of the loudest window's power; at
    /// least 0.
    pub pause_power: f64,
    /// Maximum number of windows.
    pub max_windows: usize,
    /// Only this much of the recording is used, from its start, s, which is above 0; all of it if
    /// `None`.
    pub max_s: Option<f64>,
}

impl Default for VoicePolicy {
    fn default() -> Self {
        Self {
            windows: Windows::All,
            window_s: Waveform::CLIP_S as f64,
            hop_s: Waveform::CLIP_S as f64 / 2.0,
            pause_power: PAUSE_POWER_RATIO,
            // Covers a minute without gaps.
            max_windows: 20,
            max_s: None,
        }
    }
}

impl VoicePolicy {
    /// Only the first 6 s, as in the paper.
    pub fn first_clip() -> Self {
        Self { windows: Windows::First, ..Self::default() }
    }

    /// The default policy on the first `seconds` of each recording.
    pub fn first_seconds(seconds: f64) -> Self {
        Self { max_s: Some(seconds), ..Self::default() }
    }

    /// Number of frames that a voice encoder with this front end is given for a window.
    pub fn frames(&self, front_end: FrontEnd) -> usize {
        front_end::frames(front_end, self.window())
    }

    /// Samples in a window: at least one frame of a spectrogram.
    pub(crate) fn window(&self) -> usize {
        samples(self.window_s).max(Spectrogram::WINDOW)
    }

    /// Checks that every value is in its range, for an encoder that needs `min_frames` frames of
    /// `front_end`.
    pub(crate) fn check(&self, front_end: FrontEnd, min_frames: usize) -> Result<(), DecodeError> {
        let Self { windows: _, window_s, hop_s, pause_power, max_windows: _, max_s } = *self;
        let min_samples = front_end::min_samples(front_end, min_frames);
        let min_s = min_samples as f64 / f64::from(Waveform::RATE_HZ);
        let refuse = |field, value, range| Err(DecodeError::Policy { field, value, range });
        if !(window_s <= MAX_WINDOW_S && self.frames(front_end) >= min_frames) {
            let range = format!("from {min_s} s, which the encoder needs, to {MAX_WINDOW_S} s");
            return refuse("window_s", window_s, range);
        }
        if !(hop_s.is_finite() && hop_s >= MIN_HOP_S) {
            return refuse("hop_s", hop_s, format!("finite and at least {MIN_HOP_S} s"));
        }
        if !(pause_power.is_finite() && pause_power >= 0.0) {
            return refuse("pause_power", pause_power, "finite and at least 0".into());
        }
        match max_s {
            Some(max_s) if !(max_s.is_finite() && max_s > 0.0) => {
                refuse("max_s", max_s, "finite and above 0 s".into())
            }
            _ => Ok(()),
        }
    }

    /// The windows to use of a recording, at least one, as ranges of its samples.
    pub(crate) fn ranges(&self, voice: &[f32]) -> Vec<Range<usize>> {
        let length = self.max_s.map_or(voice.len(), |seconds| voice.len().min(samples(seconds)));
        let (length, window) = (length.max(1), self.window());
        let last = length.saturating_sub(window);
        let range = |start: usize| start..length.min(start + window);
        if self.windows == Windows::First {
            return vec![range(0)];
        }
        let hop = samples(self.hop_s).clamp(1, window);
        let all: Vec<_> =
            (0..=last.div_ceil(hop)).map(|index| range((index * hop).min(last))).collect();
        let powers: Vec<f64> = all.iter().map(|range| mean_power(&voice[range.clone()])).collect();
        let loudest = powers.iter().copied().fold(0.0, f64::max);
        let voiced: Vec<usize> =
            (0..all.len()).filter(|&index| powers[index] >= self.pause_power * loudest).collect();
        let chosen: Vec<_> = spread(voiced.len(), self.max_windows.max(1))
            .map(|place| all[voiced[place]].clone())
            .collect();
        // No window is as loud as a threshold above 1.
        if chosen.is_empty() { vec![range(0)] } else { chosen }
    }
}

/// The outputs of the encoder's [trunk](VoiceEncoder::trunk) for the windows of voices, one tensor
/// per voice, in order: what [`embed_voices`](crate::embed_voices) gives to the
/// encoder's head. To train a head on a frozen trunk, they have to be computed only once.
///
/// The encoder's weights must be on `device`.
///
/// # Shapes
/// - output, for each voice: `[windows, features]`
///
/// # Errors
/// [`DecodeError::Policy`] as [`embed_voices`](crate::embed_voices).
pub fn embed_windows(
    encoder: &VoiceEncoder,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<Tensor<2>>, DecodeError> {
    windows_through(|input| encoder.trunk(input), encoder, voices, policy, device)
}

/// The outputs of `network`, a part of `encoder`, for the windows of voices: for each voice
/// `[windows, width]`.
pub(crate) fn windows_through(
    network: impl Fn(Tensor<4>) -> Tensor<2>,
    encoder: &VoiceEncoder,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<Tensor<2>>, DecodeError> {
    let front_end = encoder.front_end();
    policy.check(front_end, encoder.min_frames())?;
    let ranges: Vec<Vec<_>> = voices.iter().map(|voice| policy.ranges(voice.samples())).collect();
    let windows: Vec<(&Waveform, Range<usize>)> = voices
        .iter()
        .zip(&ranges)
        .flat_map(|(voice, ranges)| ranges.iter().map(move |range| (voice, range.clone())))
        .collect();
    let Some(outputs) = ranges_through(network, front_end, &windows, policy, device) else {
        return Ok(Vec::new());
    };
    let mut start = 0;
    let of_voice = |ranges: &Vec<Range<usize>>| {
        let windows = outputs.clone().narrow(0, start, ranges.len()); // [windows, width]
        start += ranges.len();
        windows
    };
    Ok(ranges.iter().map(of_voice).collect())
}

/// The outputs of `network` for these windows, `[windows, width]`; `None` if there are none. The
/// policy must have been [checked](VoicePolicy::check).
pub(crate) fn ranges_through(
    network: impl Fn(Tensor<4>) -> Tensor<2>,
    front_end: FrontEnd,
    windows: &[(&Waveform, Range<usize>)],
    policy: &VoicePolicy,
    device: &Device,
) -> Option<Tensor<2>> {
    let batches = windows.chunks(BATCH).map(|windows| {
        let inputs = windows.par_iter().map(|(voice, range)| {
            front_end::values(front_end, &voice.excerpt(range.clone(), policy.window()))
        });
        let values: Vec<Vec<f32>> = inputs.collect();
        let shape = front_end.shape(windows.len(), policy.frames(front_end));
        let data = TensorData::new(values.concat(), shape);
        network(Tensor::<4>::from_data(data, device)) // [windows, width]
    });
    let batches: Vec<Tensor<2>> = batches.collect();
    (!batches.is_empty()).then(|| Tensor::cat(batches, 0))
}

/// The elements of a tensor, row-major.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, DecodeError> {
    let failed = |error: String| DecodeError::Device(error);
    let data = tensor.try_to_data_as::<f32>().map_err(|error| failed(error.to_string()))?;
    data.try_into_vec().map_err(|error| failed(error.to_string()))
}

/// At most `most` of the indices 0 to `count` - 1, first and last among them, evenly spaced.
fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let chosen = count.min(most);
    (0..chosen).map(move |index| match chosen {
        1 => 0,
        _ => index * (count - 1) / (chosen - 1),
    })
}

fn samples(seconds: f64) -> usize {
    (seconds * f64::from(Waveform::RATE_HZ)).round() as usize
}

#[cfg(test)]
mod tests;
