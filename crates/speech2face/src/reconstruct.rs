//! From a recording to its mean face, and to plausible faces.

use s2f_nn::{DistributionError, FaceDistribution};

use crate::{
    DecodeError, Face, FaceFeature, PlausibleFaces, Provenance, ReconstructOptions, Reconstruction,
    RecordingId, SOFTWARE, SYNTHETIC, SampleId, Sampling, Speech2Face, Uncertainty, VoicePolicy,
    VoiceRecording, sample_features,
};

impl Speech2Face {
    /// Reconstructs the mean face of a recording.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Policy`],
    /// [`DecodeError::Device`].
    pub fn reconstruct(
        &self,
        recording: &VoiceRecording,
        options: ReconstructOptions,
    ) -> Result<Reconstruction, DecodeError> {
        if self.networks().face_distribution.is_some() {
            let faces = self.distribution(recording.voice(), &options.voice)?;
            return self.mean_face(&faces, recording, options);
        }
        let feature = self.embed_voice(recording.voice(), &options.voice)?;
        Ok(Reconstruction {
            face: self.decode(&feature, options.exaggerate)?,
            provenance: self.provenance(recording, options),
            uncertainty: None,
            log_density: None,
        })
    }

    /// Reconstructs the mean face of a recording, and faces drawn from the distribution of faces
    /// for it: each a plausible one. Exaggeration changes all of them.
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// use speech2face::audio::ReadOptions;
    /// use speech2face::device::DeviceChoice;
    /// use speech2face::{ReconstructOptions, Sampling, Speech2Face, VoiceRecording};
    ///
    /// let model = Speech2Face::open(Path::new("model"), &DeviceChoice::Cpu.open()?)?;
    /// let recording = VoiceRecording::read(Path::new("voice.wav"), &ReadOptions::default())?;
    /// let sampling = Sampling { count: 6, seed: 1, truncation: 1.0 };
    /// let faces = model.reconstruct_faces(&recording, ReconstructOptions::default(), sampling)?;
    /// std::fs::write("faces.png", faces.sheet_png()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError::NoDistribution`] if the model has no distribution,
    /// [`DecodeError::Truncation`] if the truncation is not from 0 to 1, and as
    /// [`reconstruct`](Self::reconstruct).
    pub fn reconstruct_faces(
        &self,
        recording: &VoiceRecording,
        options: ReconstructOptions,
        sampling: Sampling,
    ) -> Result<PlausibleFaces, DecodeError> {
        let Sampling { count, seed, truncation } = sampling;
        if !(0.0..=1.0).contains(&truncation) {
            return Err(DecodeError::Truncation { value: truncation });
        }
        let faces = self.distribution(recording.voice(), &options.voice)?;
        let mean = self.mean_face(&faces, recording, options)?;
        let features = sample_features(&faces, count, seed, truncation)?;
        let drawn = self.decode_batch(&features, options.exaggerate)?;
        let samples = drawn.into_iter().zip(&features).zip(1..).map(|((face, feature), index)| {
            let sample = Some(SampleId { sampling, index: Some(index) });
            Ok(Reconstruction {
                face,
                provenance: Provenance { sample, ..mean.provenance.clone() },
                uncertainty: mean.uncertainty.clone(),
                log_density: Some(self.log_density(&faces, feature)?),
            })
        });
        let samples = samples.collect::<Result<_, DecodeError>>()?;
        Ok(PlausibleFaces { mean, samples })
    }

    fn mean_face(
        &self,
        faces: &FaceDistribution,
        recording: &VoiceRecording,
        options: ReconstructOptions,
    ) -> Result<Reconstruction, DecodeError> {
        let feature = FaceFeature::new(self.face_space().clone(), faces.mean_feature())?;
        let face: Face = self.decode(&feature, options.exaggerate)?;
        Ok(Reconstruction {
            face,
            provenance: self.provenance(recording, options),
            uncertainty: Some(self.uncertainty(faces, recording, &options.voice)?),
            log_density: Some(self.log_density(faces, &feature)?),
        })
    }

    fn uncertainty(
        &self,
        faces: &FaceDistribution,
        recording: &VoiceRecording,
        policy: &VoicePolicy,
    ) -> Result<Uncertainty, DecodeError> {
        let (prior, evidence) = (self.prior()?, policy.evidence(recording.voice()));
        let information = self.information(evidence)?;
        let uncertainty = Uncertainty::new(faces, &prior, evidence, information);
        uncertainty.map_err(|error| self.distribution_error(error))
    }

    fn log_density(
        &self,
        faces: &FaceDistribution,
        feature: &FaceFeature,
    ) -> Result<f64, DecodeError> {
        let density = faces.log_density(feature.values());
        density.map_err(|error: DistributionError| self.distribution_error(error))
    }

    fn provenance(&self, recording: &VoiceRecording, options: ReconstructOptions) -> Provenance {
        Provenance {
            software: SOFTWARE,
            synthetic: SYNTHETIC,
            model: self.id().clone(),
            recording: RecordingId {
                sha256: recording.sha256().to_owned(),
                seconds: recording.recording().seconds,
                decoder: recording.recording().decoder.to_string(),
            },
            options,
            sample: None,
        }
    }
}
