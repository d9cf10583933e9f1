//! Distributions of faces: all plausible faces for a voice instead of one.

use s2f_audio::Waveform;
use s2f_nn::{DistributionError, FaceDistribution, Information};

use crate::embed_voice::distributions;
use crate::{DecodeError, Evidence, FaceFeature, Speech2Face, VoicePolicy};

/// `count` random features of a distribution, to decode; see [`FaceDistribution::sample`].
///
/// # Errors
/// [`DecodeError::BadValue`] if a sample is too large for a 32-bit float.
pub fn sample_features(
    distribution: &FaceDistribution,
    count: usize,
    seed: u64,
    truncation: f64,
) -> Result<Vec<FaceFeature>, DecodeError> {
    let samples = distribution.sample(count, seed, truncation).into_iter();
    samples.map(|values| FaceFeature::new(distribution.space().clone(), values)).collect()
}

impl Speech2Face {
    /// The distribution of faces for a voice, from the windows that `policy` selects: wider for a
    /// short or noisy recording, and that without any voice ([`prior`](Self::prior)) if there is no
    /// speech. See [`FaceDistribution::tempered`], and [`VoicePolicy::evidence`] for what counts.
    ///
    /// # Errors
    /// [`DecodeError::NoDistribution`] if the model has none, [`DecodeError::Policy`],
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn distribution(
        &self,
        voice: &Waveform,
        policy: &VoicePolicy,
    ) -> Result<FaceDistribution, DecodeError> {
        let mut distributions = self.distributions(std::slice::from_ref(voice), policy)?;
        Ok(distributions.swap_remove(0))
    }

    /// [`distribution`](Self::distribution) of many voices at once, in order.
    ///
    /// # Errors
    /// As there.
    pub fn distributions(
        &self,
        voices: &[Waveform],
        policy: &VoicePolicy,
    ) -> Result<Vec<FaceDistribution>, DecodeError> {
        let (networks, space) = (self.networks(), self.face_space());
        let found = distributions(networks, space, voices, policy, self.device());
        let found = found.map_err(|error| match error {
            DecodeError::BadValue { .. } => self.not_finite("distributions"),
            other => other,
        });
        found?.ok_or_else(|| self.no_distribution())
    }

    /// The distribution of faces without any voice.
    ///
    /// # Errors
    /// [`DecodeError::NoDistribution`] if the model has none, [`DecodeError::NotFinite`] if the
    /// weights are damaged, [`DecodeError::Device`].
    pub fn prior(&self) -> Result<FaceDistribution, DecodeError> {
        let head = self.networks().face_distribution.as_ref();
        let head = head.ok_or_else(|| self.no_distribution())?;
        head.prior(self.face_space()).map_err(|error| self.distribution_error(error))
    }

    /// The share of what an endless clean recording would tell that is in a recording with this
    /// `evidence`: what [`distribution`](Self::distribution) uses.
    ///
    /// # Errors
    /// [`DecodeError::NoDistribution`] if the model has none.
    pub fn information(&self, evidence: Evidence) -> Result<Information, DecodeError> {
        let head = self.networks().face_distribution.as_ref();
        let head = head.ok_or_else(|| self.no_distribution())?;
        Ok(head.information(evidence.clean_seconds()))
    }

    pub(crate) fn distribution_error(&self, error: DistributionError) -> DecodeError {
        match error {
            DistributionError::Device(reason) => DecodeError::Device(reason),
            // The configuration was checked: sizes fit.
            _ => self.not_finite("distributions"),
        }
    }

    pub(crate) fn no_distribution(&self) -> DecodeError {
        DecodeError::NoDistribution { model: self.id().name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use s2f_nn::FaceDistributionConfig;
    use s2f_nn::weights::{Precision, save};

    use super::*;

    fn voice(pitch_hz: f32) -> Waveform {
        let turn = std::f32::consts::TAU * pitch_hz / Waveform::RATE_HZ as f32;
        let samples: Vec<f32> = (0..160_000).map(|n| (n as f32 * turn).sin().powi(9)).collect();
        Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap()
    }

    #[test]
    fn a_model_folder_can_hold_a_distribution() {
        let device = Device::flex();
        let shipped = Speech2Face::shipped(&device).unwrap();
        let policy = VoicePolicy::default();
        let open = |config: &s2f_nn::ModelConfig| {
            let folder = tempfile::tempdir().unwrap();
            let weights = save(&config.init(&device).unwrap(), Precision::Half).unwrap();
            std::fs::write(folder.path().join("model.safetensors"), weights).unwrap();
            let text = serde_json::to_string(config).unwrap();
            std::fs::write(folder.path().join("config.json"), text).unwrap();
            Speech2Face::open(folder.path(), &device).unwrap()
        };
        let mut config = shipped.config().clone();
        config.face_distribution = None;
        config.voice_encoder.output = Some(config.face_space.dimension);
        let without = open(&config);
        let error = without.distribution(&voice(100.0), &policy).unwrap_err().to_string();
        assert!(error.starts_with("model compact has no distribution of faces; hint: "), "{error}");

        config.voice_encoder.output = None;
        config.face_distribution = Some(FaceDistributionConfig {
            embedding: config.voice_encoder.features().unwrap(),
            feature: config.face_space.dimension,
            traits: config.face_space.traits.len(),
            components: 2,
            rank: 4,
            reliability: None,
        });
        let model = open(&config);
        let voices = [voice(100.0), voice(200.0)];
        let both = model.distributions(&voices, &policy).unwrap();
        let alone = model.distribution(&voices[1], &policy).unwrap();
        let samples = sample_features(&alone, 2, 7, 1.0).unwrap();
        // Batches differ in their last bits.
        for (alone, other) in alone.mean().iter().zip(both[1].mean()) {
            assert!((alone - other).abs() < 1e-5);
        }
        let face = model.decode(&samples[1], 0.0).unwrap();
        assert_ne!(face.landmarks, model.decode(&samples[0], 0.0).unwrap().landmarks);
        // A fresh head says the same for every voice, and that is its prior.
        let prior = model.prior().unwrap();
        assert!(alone.explained_variance(&prior).unwrap().abs() < 1e-3);
        assert!(model.distributions(&[], &policy).unwrap().is_empty());
        // The feature of a voice is the mean.
        let feature = model.embed_voice(&voices[1], &policy).unwrap();
        assert_eq!(feature.values(), alone.mean_feature());
        // A steady sound is no speech, which gives exactly the prior.
        assert_eq!(alone.mean(), prior.mean());
        assert_eq!(model.information(policy.evidence(&voices[1])).unwrap(), Information::NONE);
    }
}
