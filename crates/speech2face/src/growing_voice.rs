//! A voice that is still being recorded: its distribution of faces, again and again.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};
use s2f_audio::{AudioError, Waveform};
use s2f_nn::FaceDistribution;

use crate::embed_voice::distributions_of;
use crate::voices::{ranges_through, values};
use crate::{DecodeError, Speech2Face, VoicePolicy};

/// A voice that grows while it is recorded, for [`Speech2Face::distribution_so_far`].
///
/// It remembers what the voice encoder gave for windows that are complete, so each new estimate
/// computes only the last, incomplete one.
#[derive(Debug, Clone)]
pub struct GrowingVoice {
    policy: VoicePolicy,
    samples: Vec<f32>,
    /// The encoder's outputs for complete windows, by their first sample.
    known: HashMap<usize, Vec<f32>>,
}

impl GrowingVoice {
    /// A voice without samples yet, of which `policy` selects windows.
    pub fn new(policy: VoicePolicy) -> Self {
        Self { policy, samples: Vec::new(), known: HashMap::new() }
    }

    /// Appends samples at 16 kHz, mono, full scale −1 to 1.
    pub fn push(&mut self, samples: &[f32]) {
        self.samples.extend_from_slice(samples);
    }

    /// Length so far, s.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(Waveform::RATE_HZ)
    }

    /// The voice so far.
    ///
    /// # Errors
    /// [`AudioError`] if there are no samples yet, or some are not finite.
    pub fn waveform(&self) -> Result<Waveform, AudioError> {
        Waveform::from_interleaved(&self.samples, 1, Waveform::RATE_HZ)
    }
}

impl Speech2Face {
    /// The distribution of faces for what was recorded of a voice so far, `voice` being its
    /// [waveform](GrowingVoice::waveform): what [`distribution`](Self::distribution) gives for it,
    /// up to the last bits, in less time.
    ///
    /// # Errors
    /// As [`distribution`](Self::distribution).
    pub fn distribution_so_far(
        &self,
        growing: &mut GrowingVoice,
        voice: &Waveform,
    ) -> Result<FaceDistribution, DecodeError> {
        let head = self.networks().face_distribution.as_ref();
        let head = head.ok_or_else(|| self.no_distribution())?;
        let (encoder, policy) = (&self.networks().voice_encoder, growing.policy);
        policy.check(encoder.front_end(), encoder.min_frames())?;
        let ranges = policy.ranges(voice.samples());
        let missing: Vec<_> = ranges
            .iter()
            .filter(|range| !growing.known.contains_key(&range.start))
            .map(|range| (voice, range.clone()))
            .collect();
        let trunk = |input| encoder.trunk(input);
        let computed = ranges_through(trunk, encoder.front_end(), &missing, &policy, self.device());
        let mut outputs = growing.known.clone();
        if let Some(computed) = computed {
            let [_, width] = computed.dims();
            let rows = values(computed)?;
            for ((_, range), row) in missing.iter().zip(rows.chunks_exact(width)) {
                outputs.insert(range.start, row.to_vec());
                if range.len() == policy.window() {
                    growing.known.insert(range.start, row.to_vec());
                }
            }
        }
        let rows: Vec<&[f32]> = ranges
            .iter()
            .filter_map(|range| outputs.get(&range.start))
            .map(Vec::as_slice)
            .collect();
        let width = rows.first().map_or(0, |row| row.len());
        let windows = TensorData::new(rows.concat(), [rows.len(), width]);
        let windows = Tensor::<2>::from_data(windows, self.device()); // [windows, features]
        let evidence = policy.evidence(voice);
        let found = distributions_of(head, self.face_space(), windows.mean_dim(0), &[evidence]);
        let mut found = found.map_err(|error| match error {
            DecodeError::BadValue { .. } => self.not_finite("distributions"),
            other => other,
        })?;
        Ok(found.swap_remove(0))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use s2f_audio::ReadOptions;

    use super::*;
    use crate::VoiceRecording;

    #[test]
    fn a_growing_voice_has_the_distribution_of_its_waveform() {
        let model = Speech2Face::shipped(&Device::flex()).unwrap();
        let path = s2f_testing::project("examples/voices/low.flac");
        let recording = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
        let twice = recording.voice().samples().repeat(2);
        let policy = VoicePolicy::default();
        let mut growing = GrowingVoice::new(policy);
        // The last window ends with the voice, wherever that is.
        for chunk in twice.chunks(37_777) {
            growing.push(chunk);
            let voice = growing.waveform().unwrap();
            let found = model.distribution_so_far(&mut growing, &voice).unwrap();
            let expected = model.distribution(&voice, &policy).unwrap();
            for (found, expected) in found.mean().iter().zip(expected.mean()) {
                // Batches of other sizes differ in their last bits.
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
        // Windows every 3 s were kept, so they are not computed again.
        assert!(growing.known.len() >= 3, "{}", growing.known.len());
        assert!(growing.seconds() > 12.0);
    }

    #[test]
    fn a_voice_without_samples_is_an_error() {
        assert!(GrowingVoice::new(VoicePolicy::default()).waveform().is_err());
    }
}
