//! From voices to features and distributions of faces: the functions that
//! [`Speech2Face`](crate::Speech2Face), training and evaluation share.

use burn::tensor::{Device, Tensor};
use s2f_audio::Waveform;
use s2f_core::FaceSpace;
use s2f_nn::{DistributionError, FaceDistribution, FaceDistributionHead, Model, normalise};

use crate::voices::{embed_windows, values, windows_through};
use crate::{DecodeError, Evidence, FaceFeature, VoicePolicy};

/// Features of voices in `face_space`, one per voice, in order. Windows of all voices are batched.
///
/// Every way from a voice to a feature goes through this function, so what is evaluated is what
/// [`Speech2Face::embed_voice`](crate::Speech2Face::embed_voice) gives. How windows fall into
/// batches may change the last bits of a feature.
///
/// The feature is the mean of the distribution of faces
/// ([`Speech2Face::distribution`](crate::Speech2Face::distribution)) if the networks
/// have one, and else the pooled output of the voice encoder for the windows.
///
/// The networks' weights must be on `device`.
///
/// # Errors
/// [`DecodeError::Policy`] if a value of `policy` is out of its range, or a window is shorter than
/// the encoder's receptive field; [`DecodeError::BadValue`] if the networks' output is not finite,
/// [`DecodeError::WrongLength`] if it does not have the dimension of the face space,
/// [`DecodeError::Device`].
pub fn embed_voices(
    networks: &Model,
    face_space: &FaceSpace,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Vec<FaceFeature>, DecodeError> {
    if let Some(found) = distributions(networks, face_space, voices, policy, device)? {
        let means = found.iter().map(FaceDistribution::mean_feature);
        return means.map(|values| FaceFeature::new(face_space.clone(), values)).collect();
    }
    let encoder = &networks.voice_encoder;
    windows_through(|input| encoder.forward(input), encoder, voices, policy, device)?
        .into_iter()
        .map(|windows| {
            let feature = encoder.pool(windows.unsqueeze()); // [1, D]
            let values = values(normalise(feature, face_space))?;
            FaceFeature::new(face_space.clone(), values)
        })
        .collect()
}

/// The distributions of faces for voices, in order, from the windows that `policy` selects; `None`
/// if the networks have no distribution. [`Speech2Face::distributions`] is this function for a
/// model.
///
/// # Errors
/// As [`embed_voices`](crate::embed_voices).
///
/// [`Speech2Face::distributions`]: crate::Speech2Face::distributions
pub fn distributions(
    networks: &Model,
    space: &FaceSpace,
    voices: &[Waveform],
    policy: &VoicePolicy,
    device: &Device,
) -> Result<Option<Vec<FaceDistribution>>, DecodeError> {
    let Some(head) = &networks.face_distribution else { return Ok(None) };
    let windows = embed_windows(&networks.voice_encoder, voices, policy, device)?;
    if windows.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let means = windows.into_iter().map(|windows| windows.mean_dim(0)); // [1, features]
    let embeddings = Tensor::cat(means.collect(), 0); // [voices, features]
    let evidence: Vec<Evidence> = voices.iter().map(|voice| policy.evidence(voice)).collect();
    distributions_of(head, space, embeddings, &evidence).map(Some)
}

/// The distributions of faces for voices whose windows' mean outputs and evidence are known.
///
/// # Shapes
/// - `embeddings`: `[voices, features]`
pub(crate) fn distributions_of(
    head: &FaceDistributionHead,
    space: &FaceSpace,
    embeddings: Tensor<2>,
    evidence: &[Evidence],
) -> Result<Vec<FaceDistribution>, DecodeError> {
    let failed = |error| match error {
        DistributionError::Device(reason) => DecodeError::Device(reason),
        // The configuration was checked: sizes fit.
        _ => DecodeError::BadValue { space: space.clone() },
    };
    let prior = head.prior(space).map_err(failed)?;
    let found = head.distributions(embeddings, space).map_err(failed)?;
    let tempered = found.iter().zip(evidence).map(|(faces, evidence)| {
        let information = head.information(evidence.clean_seconds());
        faces.tempered(information, &prior)
    });
    tempered.collect::<Result<_, _>>().map_err(failed)
}
