//! From a recording to its mean face, and to plausible faces.

use s2f_audio::Waveform;
use s2f_nn::{DistributionError, FaceDistribution};

use crate::{
    DecodeError, Face, FaceFeature, PlausibleFaces, Provenance, ReconstructOptions, Reconstruction,
    SOFTWARE, SYNTHETIC, SampleId, Sampling, Speech2Face, Uncertainty, VoicePolicy, VoiceRecording,
    sample_features,
};

/// A recording, and what to draw from it.
#[derive(Debug, Clone, Copy)]
pub struct ReconstructRequest<'a> {
    /// The recording.
    pub recording: &'a VoiceRecording,
    /// How its face is reconstructed.
    pub options: ReconstructOptions,
    /// Which faces are drawn at random, besides the mean face; `None` for no others.
    pub sampling: Option<Sampling>,
}

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
        let request = ReconstructRequest { recording, options, sampling: None };
        Ok(self.reconstruct_one(&request)?.mean)
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
        let request = ReconstructRequest { recording, options, sampling: Some(sampling) };
        self.reconstruct_one(&request)
    }

    /// Reconstructs several recordings at once: the voice encoder is given their windows together,
    /// which takes less time than one after the other. A recording that fails does not affect the
    /// others.
    ///
    /// # Errors
    /// For each recording, as [`reconstruct_faces`](Self::reconstruct_faces).
    pub fn reconstruct_batch(
        &self,
        requests: &[ReconstructRequest<'_>],
    ) -> Vec<Result<PlausibleFaces, DecodeError>> {
        let policy = |request: &ReconstructRequest<'_>| request.options.voice;
        if let [first, _, ..] = requests
            && self.networks().face_distribution.is_some()
            && requests.iter().all(|request| policy(request) == policy(first))
        {
            let voices: Vec<Waveform> =
                requests.iter().map(|request| request.recording.voice().clone()).collect();
            if let Ok(found) = self.distributions(&voices, &policy(first)) {
                return found
                    .iter()
                    .zip(requests)
                    .map(|(faces, request)| self.draw_faces(faces, request))
                    .collect();
            }
        }
        // Alone if they cannot be read together, or if one of them has failed.
        requests.iter().map(|request| self.reconstruct_one(request)).collect()
    }

    fn reconstruct_one(
        &self,
        request: &ReconstructRequest<'_>,
    ) -> Result<PlausibleFaces, DecodeError> {
        let ReconstructRequest { recording, options, sampling } = *request;
        if self.networks().face_distribution.is_some() {
            let faces = self.distribution(recording.voice(), &options.voice)?;
            return self.draw_faces(&faces, request);
        }
        if sampling.is_some() {
            return Err(self.no_distribution());
        }
        let feature = self.embed_voice(recording.voice(), &options.voice)?;
        let mean = Reconstruction {
            face: self.decode(&feature, options.exaggerate)?,
            provenance: self.provenance(recording, options),
            uncertainty: None,
            log_density: None,
        };
        Ok(PlausibleFaces { mean, samples: Vec::new() })
    }

    /// The mean face of a distribution of faces for the recording of `request`, and faces drawn
    /// from it at random, if asked for.
    ///
    /// # Errors
    /// [`DecodeError::Truncation`] if the truncation is not from 0 to 1,
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn draw_faces(
        &self,
        faces: &FaceDistribution,
        request: &ReconstructRequest<'_>,
    ) -> Result<PlausibleFaces, DecodeError> {
        let ReconstructRequest { recording, options, sampling } = *request;
        let mean = self.mean_face(faces, recording, options)?;
        let samples = match sampling {
            None => Vec::new(),
            Some(sampling) => self.draw_samples(faces, &mean, options, sampling)?,
        };
        Ok(PlausibleFaces { mean, samples })
    }

    /// Faces drawn at random from a distribution, of which `mean` is the mean face: what
    /// [`draw_faces`](Self::draw_faces) gives besides it.
    ///
    /// # Errors
    /// As [`draw_faces`](Self::draw_faces).
    pub fn draw_samples(
        &self,
        faces: &FaceDistribution,
        mean: &Reconstruction,
        options: ReconstructOptions,
        sampling: Sampling,
    ) -> Result<Vec<Reconstruction>, DecodeError> {
        let Sampling { count, seed, truncation } = sampling;
        if !(0.0..=1.0).contains(&truncation) {
            return Err(DecodeError::Truncation { value: truncation });
        }
        let features = sample_features(faces, count, seed, truncation)?;
        let drawn = self.decode_batch(&features, options.exaggerate)?;
        let samples = drawn.into_iter().zip(&features).zip(1..).map(|((face, feature), index)| {
            let sample = Some(SampleId { sampling, index: Some(index) });
            Ok(Reconstruction {
                face,
                provenance: Provenance { sample, ..mean.provenance.clone() },
                uncertainty: mean.uncertainty.clone(),
                log_density: Some(self.log_density(faces, feature)?),
            })
        });
        samples.collect()
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
            recording: recording.id(),
            options,
            sample: None,
        }
    }
}
