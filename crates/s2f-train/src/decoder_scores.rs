//! Scores of a face decoder on held-out people, and a sheet of their faces.

use burn::tensor::Tensor;
use s2f_core::FaceSpace;
use s2f_nn::texture::from_luma_chroma;
use s2f_nn::{DecodedFace, FaceDecoder, unit_length};
use serde::Serialize;

use crate::TrainError;
use crate::face_network::FaceNetwork;
use crate::faces::{Faces, Mixture};
use crate::morph::{mixture_features, with_traits};
use crate::sheet::{self, Content};

/// The model's name in the metadata of pictures.
pub(crate) const FACE_DECODER: &str = "face decoder";

/// How well the faces of held-out people are reconstructed. Cosines are between face features, −1
/// to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceDecoderScores {
    /// Number of held-out people.
    pub people: usize,
    /// Cosine of photograph and picture decoded from its feature, mean over people.
    pub cosine: f64,
    /// Cosine of photograph and mean face.
    pub cosine_mean_face: f64,
    /// Cosine of photograph and pictures decoded from other people's features.
    pub cosine_shuffled: f64,
    /// Share of people whose photograph is closer to their own picture than to any other.
    pub nearest_is_own: f64,
    /// Distance of decoded and true landmarks, mean over landmarks and people, pixels of 224.
    pub landmark_error_px: f64,
    /// The same for the mean shape instead of the decoded one.
    pub landmark_error_mean_shape_px: f64,
    /// Mean absolute error of the texture, colours from 0 to 1.
    pub texture_error: f64,
    /// The same for the mean texture.
    pub texture_error_mean_face: f64,
    /// Share of the training textures' variance that the basis explains, if there is a basis.
    pub basis_explains: Option<f64>,
}

impl FaceDecoderScores {
    /// The scores of a validation; the first decides which weights are the best.
    pub(crate) fn named(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("held_out_cosine", self.cosine),
            ("held_out_nearest_is_own", self.nearest_is_own),
            ("held_out_landmark_error_px", self.landmark_error_px),
            ("held_out_texture_error", self.texture_error),
        ]
    }
}

/// Age of the mean face if faces are drawn at several ages, years: about that of the people.
const MEAN_AGE: f32 = 27.0;

/// The faces of the first held-out people, normalised, above what their features decode to.
pub(crate) fn held_out_sheet(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &Faces,
    space: &FaceSpace,
) -> Result<Vec<u8>, TrainError> {
    let shown = sheet::COLUMNS.min(faces.held_out.len());
    let each: Vec<Mixture> = (0..shown).map(|p| Mixture::of(vec![(p, 1.0)])).collect();
    let (landmarks, values) = faces.held_out.mix(&each);
    let texture = from_luma_chroma(values, decoder.warp().size());
    let photographs = faces.held_out_photographs.clone().narrow(0, 0, shown);
    let traits = faces.held_out.traits(&each, space);
    let features = with_traits(encoder.forward(photographs), traits); // [shown, D]
    let truth = decoder.render(DecodedFace { landmarks, texture });
    let decoded = decoder.render(decoder.forward(features));
    let model = sheet::in_training(FACE_DECODER);
    sheet::above_one_another([truth, decoded], Content::WithPhotographs, &model)
}

/// The scores on held-out people.
pub(crate) fn score(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &Faces,
    space: &FaceSpace,
) -> Result<FaceDecoderScores, TrainError> {
    let held_out = &faces.held_out;
    let people = held_out.len();
    let each: Vec<Mixture> = (0..people).map(|p| Mixture::of(vec![(p, 1.0)])).collect();
    let (true_landmarks, values) = held_out.mix(&each);
    let true_texture = from_luma_chroma(values, decoder.warp().size());
    let photographs = encoder.forward(faces.held_out_photographs.clone()); // [people, identity]

    let traits = held_out.traits(&each, space);
    let decoded = decoder.forward(with_traits(photographs.clone(), traits));
    let photographs = unit_length(photographs);
    let picture = decoder.render(decoded.clone());
    let found = encoder.features(picture, decoded.landmarks.clone())?; // [people, D]
    let cosines: Vec<f64> =
        photographs.clone().matmul(unit_length(found).transpose()).into_data().iter().collect();
    let own = |person: usize| cosines[person * people + person];
    let nearest = (0..people)
        .filter(|&p| cosines[p * people..][..people].iter().all(|&c| c <= own(p)))
        .count();
    let own_sum: f64 = (0..people).map(own).sum();

    let everybody =
        (0..faces.train.len()).map(|face| (face, 1.0 / faces.train.len() as f32)).collect();
    let everybody =
        vec![Mixture { age: faces.train.ages().map(|_| MEAN_AGE), ..Mixture::of(everybody) }];
    let identity = space.identity();
    let mean_feature = mixture_features(decoder, encoder, &faces.train, &everybody, &identity)?;
    let (mean_landmarks, mean_values) = faces.train.mix(&everybody);
    let mean_texture = from_luma_chroma(mean_values, decoder.warp().size());
    let scalar = |tensor: Tensor<1>| tensor.into_scalar::<f64>();
    let distance = |a: Tensor<3>, b: Tensor<3>| scalar((a - b).square().sum_dim(2).sqrt().mean());
    let difference = |a: Tensor<4>, b: Tensor<4>| scalar((a - b).abs().mean());
    Ok(FaceDecoderScores {
        people,
        cosine: own_sum / people as f64,
        cosine_mean_face: scalar((photographs * unit_length(mean_feature)).sum_dim(1).mean()),
        cosine_shuffled: (cosines.iter().sum::<f64>() - own_sum) / (people * (people - 1)) as f64,
        nearest_is_own: nearest as f64 / people as f64,
        landmark_error_px: distance(decoded.landmarks, true_landmarks.clone()),
        landmark_error_mean_shape_px: distance(mean_landmarks, true_landmarks),
        texture_error: difference(decoded.texture, true_texture.clone()),
        texture_error_mean_face: difference(mean_texture, true_texture),
        basis_explains: None,
    })
}
