//! The intermediate results on the way from a voice to a face, for people who want to see how it
//! works.

use burn::tensor::{Tensor, TensorData};
use s2f_audio::Waveform;
use serde::Serialize;

use crate::model::interleaved;
use crate::{DecodeError, FaceFeature, Picture, Speech2Face, VoicePolicy, front_end};

/// Spans of a recording whose levels are given.
const SPANS: usize = 240;

/// Intermediate results: waveform, the networks' input, and the texture before it is warped to the
/// landmarks. Feature, landmarks and picture are in [`Face`](crate::Face).
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// The lowest and highest sample of up to 240 spans of equal length.
    pub waveform: Vec<LevelSpan>,
    /// What the voice encoder is given for the first window.
    pub input: FrontEndInput,
    /// The face in the mean shape.
    pub texture: Picture,
    /// The mean landmarks, to which the texture belongs: x and y in pixels.
    pub mean_landmarks: Vec<[f32; 2]>,
}

/// The lowest and highest sample of a span of a recording, full scale −1 to 1.
pub type LevelSpan = [f32; 2];

/// The input of a voice encoder for one window: values by time and frequency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontEndInput {
    /// Number of frames, one every 10 ms.
    pub frames: usize,
    /// Number of frequency bins or mel bands in a frame, the lowest first.
    pub bins: usize,
    /// From the weakest (0) to the strongest (255), logarithmic, `[frames, bins]`.
    pub values: Vec<u8>,
}

impl Speech2Face {
    /// The intermediate results for a voice and the feature that was computed from it, with the
    /// windows that `policy` selects.
    ///
    /// # Errors
    /// [`DecodeError::OtherSpace`] for a feature of another face space, [`DecodeError::Policy`],
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn steps(
        &self,
        voice: &Waveform,
        policy: &VoicePolicy,
        feature: &FaceFeature,
    ) -> Result<Steps, DecodeError> {
        if feature.space() != self.face_space() {
            return Err(self.other_space(feature));
        }
        let encoder = &self.networks().voice_encoder;
        policy.check(encoder.front_end(), encoder.min_frames())?;
        let values = TensorData::new(feature.values().to_vec(), [1, self.face_space().dimension]);
        let decoder = &self.networks().face_decoder;
        let input = Tensor::<2>::from_data(values, self.device()); // [1, D]
        let texture = decoder.forward(input).texture; // [1, 3, side, side]
        let [_, _, side, _] = texture.dims();
        let texture = self.finite(texture, "textures")?;
        let mean = self.finite(decoder.warp().mean(), "landmarks")?;
        Ok(Steps {
            waveform: spans(voice.samples()),
            input: self.front_end_input(voice, policy),
            texture: Picture { side, rgb: interleaved(&texture) },
            mean_landmarks: mean.as_chunks().0.to_vec(),
        })
    }

    fn front_end_input(&self, voice: &Waveform, policy: &VoicePolicy) -> FrontEndInput {
        let front_end = self.networks().voice_encoder.front_end();
        let range = policy.ranges(voice.samples()).swap_remove(0);
        let clip = voice.excerpt(range.clone(), range.len().max(policy.window() / 6));
        let values = front_end::values(front_end, &clip);
        let frames = front_end::frames(front_end, clip.samples().len());
        let [_, channels, ..] = front_end.shape(1, frames);
        let bins = values.len() / (channels * frames);
        // Both channels of a complex spectrogram are one magnitude.
        let magnitude = |index: usize| -> f32 {
            let channel = |channel: usize| values[channel * frames * bins + index];
            (0..channels).map(|one| channel(one).powi(2)).sum::<f32>().sqrt()
        };
        let levels: Vec<f32> =
            (0..frames * bins).map(|index| (magnitude(index) + 1e-8).ln()).collect();
        let high = levels.iter().copied().fold(f32::MIN, f32::max);
        // Below e⁻⁹ of the strongest is as good as nothing.
        let low = levels.iter().copied().fold(high, f32::min).max(high - 9.0);
        let byte = |level: f32| ((level - low) / (high - low).max(1e-6) * 255.0).clamp(0.0, 255.0);
        FrontEndInput { frames, bins, values: levels.into_iter().map(|l| byte(l) as u8).collect() }
    }
}

/// The lowest and highest sample of each span.
fn spans(samples: &[f32]) -> Vec<LevelSpan> {
    let length = samples.len().div_ceil(SPANS).max(1);
    let span =
        |span: &[f32]| span.iter().fold([0.0_f32; 2], |[low, high], &s| [low.min(s), high.max(s)]);
    samples.chunks(length).map(span).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use s2f_audio::ReadOptions;

    use super::*;
    use crate::VoiceRecording;

    #[test]
    fn steps_belong_to_the_face() {
        let model = Speech2Face::shipped(&Device::flex()).unwrap();
        let path = s2f_testing::project("examples/voices/low.flac");
        let recording = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
        let (voice, policy) = (recording.voice(), VoicePolicy::default());
        let feature = model.embed_voice(voice, &policy).unwrap();
        let steps = model.steps(voice, &policy, &feature).unwrap();
        assert!(steps.waveform.len() <= SPANS && steps.waveform.len() > SPANS / 2);
        let loudest = voice.samples().iter().copied().fold(0.0, f32::max);
        assert_eq!(steps.waveform.iter().map(|span| span[1]).fold(0.0, f32::max), loudest);
        let FrontEndInput { frames, bins, values } = steps.input;
        assert_eq!((bins, values.len()), (40, frames * bins));
        assert_eq!(values.iter().max(), Some(&255));
        // The texture differs from the picture by the warp alone: where the middle of the face is,
        // both have about the same colours.
        let face = model.decode(&feature, 0.0).unwrap();
        let at = |picture: &Picture| picture.rgb[3 * (112 * picture.side + 112)];
        assert!(at(&face.picture).abs_diff(at(&steps.texture)) < 24);
        assert_eq!(steps.mean_landmarks.len(), face.landmarks.len());
    }
}
