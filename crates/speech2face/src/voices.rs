//! From voices to features: the one function that [`Speech2Face`](crate::Speech2Face), training
//! and evaluation share, and the policy that says which part of a recording it uses.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use s2f_audio::{PAUSE_POWER_RATIO, Spectrogram, Waveform, mean_power, spectrogram};
use s2f_core::FaceSpace;
use s2f_nn::{VoiceEncoder, normalise};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, FaceFeature};

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

    /// Number of spectrogram frames that the voice encoder is given for a window.
    pub fn frames(&self) -> usize {
        self.window().saturating_sub(Spectrogram::WINDOW) / Spectrogram::HOP + 1
    }

    /// Samples in a window: at least one frame of a spectrogram.
    fn window(&self) -> usize {
        samples(self.window_s).max(Spectrogram::WINDOW)
    }

    /// Checks that every value is in its range, for an encoder that needs `min_frames` frames.
    fn check(&self, min_frames: usize) -> Result<(), DecodeError> {
        let Self { windows: _, window_s, hop_s, pause_power, max_windows: _, max_s } = *self;
        let min_samples = min_frames.saturating_sub(1) * Spectrogram::HOP + Spectrogram::WINDOW;
        let min_s = min_samples as f64 / f64::from(Waveform::RATE_HZ);
        let refuse = |field, value, range| Err(DecodeError::Policy { field, value, range });
        if !(window_s <= MAX_WINDOW_S && self.frames() >= min_frames) {
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
    fn ranges(&self, voice: &[f32]) -> Vec<Range<usize>> {
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

/// Features of voices in `face_space`, one per voice, in order. Windows of all voices are batched.
///
/// Every way from a voice to a feature goes through this function, so what is evaluated is what
/// [`Speech2Face::embed_voice`](crate::Speech2Face::embed_voice) gives. How windows fall into
/// batches may change the last bits of a feature.
///
/// The encoder's weights must be on `device`.
///
/// # Errors
/// [`DecodeError::Policy`] if a value of `policy` is out of its range, or a window is shorter than
/// the encoder's receptive field; [`DecodeError::BadValue`] if the encoder's output is not finite,
/// [`DecodeError::WrongLength`] if it does not have the dimension of the face space,
/// [`DecodeError::Device`].
pub fn embed_voices(
    encoder: &VoiceEncoder,
    face_space: &FaceSpace,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<FaceFeature>, DecodeError> {
    windows_through(|input| encoder.forward(input), encoder, voices, policy, device)?
        .into_iter()
        .map(|windows| {
            let feature = encoder.pool(windows.unsqueeze()); // [1, D]
            let values = values(normalise(feature, face_space))?;
            FaceFeature::new(face_space.clone(), values)
        })
        .collect()
}

/// The outputs of the encoder's [features](VoiceEncoder::features) for the windows of voices, one
/// tensor per voice, in order: what [`embed_voices`] gives to the encoder's head. To train a head
/// on a frozen encoder, they have to be computed only once.
///
/// The encoder's weights must be on `device`.
///
/// # Shapes
/// - output, for each voice: `[windows, features]`
///
/// # Errors
/// [`DecodeError::Policy`] as [`embed_voices`].
pub fn embed_windows(
    encoder: &VoiceEncoder,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<Tensor<2>>, DecodeError> {
    windows_through(|input| encoder.features(input), encoder, voices, policy, device)
}

/// The outputs of `network`, a part of `encoder`, for the windows of voices: for each voice
/// `[windows, width]`.
fn windows_through(
    network: impl Fn(Tensor<4>) -> Tensor<2>,
    encoder: &VoiceEncoder,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<Tensor<2>>, DecodeError> {
    policy.check(encoder.min_frames())?;
    let ranges: Vec<Vec<_>> = voices.iter().map(|voice| policy.ranges(voice.samples())).collect();
    let windows: Vec<(&Waveform, &Range<usize>)> = voices
        .iter()
        .zip(&ranges)
        .flat_map(|(voice, ranges)| ranges.iter().map(move |range| (voice, range)))
        .collect();
    let batches = windows.chunks(BATCH).map(|windows| {
        let spectrograms = windows.par_iter().map(|(voice, range)| {
            spectrogram(&voice.excerpt((*range).clone(), policy.window())).into_data()
        });
        let values: Vec<Vec<f32>> = spectrograms.collect();
        let shape = [windows.len(), 2, policy.frames(), Spectrogram::BINS];
        let data = TensorData::new(values.concat(), shape);
        network(Tensor::<4>::from_data(data, device)) // [windows, width]
    });
    let batches: Vec<Tensor<2>> = batches.collect();
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let outputs = Tensor::cat(batches, 0); // [windows of all voices, width]
    let mut start = 0;
    let of_voice = |ranges: &Vec<Range<usize>>| {
        let windows = outputs.clone().narrow(0, start, ranges.len()); // [windows, width]
        start += ranges.len();
        windows
    };
    Ok(ranges.iter().map(of_voice).collect())
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
mod tests {
    use super::*;

    const ALL: VoicePolicy = VoicePolicy {
        windows: Windows::All,
        window_s: 6.0,
        hop_s: 3.0,
        pause_power: 1e-3,
        max_windows: 20,
        max_s: None,
    };

    /// A recording with one level for each 3 s.
    fn recording(levels: &[f32]) -> Waveform {
        let samples: Vec<f32> = levels.iter().flat_map(|&level| vec![level; 48_000]).collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    /// The windows of a recording.
    fn clips(policy: &VoicePolicy, voice: &Waveform) -> Vec<Waveform> {
        let ranges = policy.ranges(voice.samples()).into_iter();
        ranges.map(|range| voice.excerpt(range, policy.window())).collect()
    }

    fn first_samples(levels: &[f32]) -> Vec<f32> {
        clips(&ALL, &recording(levels)).iter().map(|clip| clip.samples()[0]).collect()
    }

    #[test]
    fn the_default_is_the_documented_policy() {
        assert_eq!(VoicePolicy::default(), ALL);
        assert_eq!(ALL.frames(), Spectrogram::CLIP_FRAMES);
    }

    #[test]
    fn first_is_the_first_clip_regardless_of_the_rest() {
        let first = VoicePolicy::first_clip();
        let voice = recording(&[0.1, 0.2, 0.3, 0.4]);
        assert_eq!(clips(&first, &voice), [voice.first_clip()]);
        let short = recording(&[0.1]);
        assert_eq!(clips(&first, &short), [short.first_clip()]);
        assert_eq!(clips(&first, &short), clips(&ALL, &short));
    }

    #[test]
    fn all_windows_overlap_by_half_and_leave_pauses_out() {
        assert_eq!(first_samples(&[0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, 0.3]);
        assert_eq!(first_samples(&[0.1, 0.0, 0.0, 0.0, 0.2, 0.3]), [0.1, 0.0, 0.2]);
        assert_eq!(first_samples(&[0.0, 0.0, 0.0]).len(), 2);
    }

    #[test]
    fn windows_of_the_default_length_are_those_of_the_waveform() {
        for seconds in [1.0, 5.9, 6.0, 6.1, 8.9, 9.0, 9.1, 31.0] {
            let count = (seconds * 16_000.0) as usize;
            let samples: Vec<f32> = (0..count).map(|n| (n as f32 * 0.37).sin()).collect();
            let voice = Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap();
            assert_eq!(clips(&ALL, &voice), voice.windows(3.0).collect::<Vec<_>>(), "{seconds}");
        }
    }

    #[test]
    fn a_long_recording_is_sampled_evenly() {
        let levels: Vec<f32> = (0..101).map(|n| 0.5 + n as f32 / 1000.0).collect();
        let firsts = first_samples(&levels);
        assert_eq!(firsts.len(), 20);
        assert_eq!((firsts[0], firsts[19]), (levels[0], levels[99]));
        let steps = firsts.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.clone().all(|step| (0.0049..0.0061).contains(&step)), "{firsts:?}");
    }

    /// The field of the policy that is refused, if any, with the compact encoder.
    fn refused_field(policy: &VoicePolicy) -> Option<&'static str> {
        let device = Device::flex();
        let encoder = s2f_nn::VoiceEncoderConfig::compact().init(&device).unwrap();
        let voice = [recording(&[0.1])];
        match embed_voices(&encoder, &FaceSpace::mobileface(), &voice, policy, &device) {
            Ok(features) => {
                assert_eq!(features.len(), 1);
                None
            }
            Err(DecodeError::Policy { field, .. }) => Some(field),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_value_out_of_its_range_is_refused_by_name() {
        let short = VoicePolicy { window_s: 3.0, max_s: Some(0.5), ..ALL };
        assert_eq!(refused_field(&short), None);
        assert_eq!(refused_field(&VoicePolicy { hop_s: 0.01, ..short }), None);
        for value in [0.1, -1.0, 1e6, f64::INFINITY, f64::NAN] {
            let policy = VoicePolicy { window_s: value, ..ALL };
            assert_eq!(refused_field(&policy), Some("window_s"), "{value}");
        }
        for value in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            let policy = VoicePolicy { hop_s: value, ..ALL };
            assert_eq!(refused_field(&policy), Some("hop_s"), "{value}");
            let policy = VoicePolicy { max_s: Some(value), ..ALL };
            assert_eq!(refused_field(&policy), Some("max_s"), "{value}");
        }
        for value in [-1.0, f64::INFINITY, f64::NAN] {
            let policy = VoicePolicy { pause_power: value, ..ALL };
            assert_eq!(refused_field(&policy), Some("pause_power"), "{value}");
        }
        let error = VoicePolicy { window_s: 0.1, ..ALL }.check(259).unwrap_err().to_string();
        let expected = "window_s of the voice policy is 0.1, and must be from 2.605 s, which the \
                        encoder needs, to 600 s; hint: ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn limits_shorten_the_recording_and_the_window() {
        let voice = recording(&[0.1, 0.2, 0.3, 0.4]);
        let limited = clips(&VoicePolicy::first_seconds(9.0), &voice);
        assert_eq!(limited, clips(&ALL, &recording(&[0.1, 0.2, 0.3])));
        let short = VoicePolicy { window_s: 3.0, hop_s: 3.0, ..ALL };
        let levels: Vec<f32> = clips(&short, &voice).iter().map(|clip| clip.samples()[0]).collect();
        assert_eq!(levels, [0.1, 0.2, 0.3, 0.4]);
        assert_eq!(short.frames(), 298);
        let odd = VoicePolicy { pause_power: 2.0, max_windows: 0, max_s: Some(0.0), ..ALL };
        assert_eq!(clips(&odd, &voice).len(), 1);
    }
}
