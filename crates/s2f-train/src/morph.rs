//! Morphs: mixtures of a face and some of its nearest neighbours, any number of training pairs from
//! a hundred photographs (Cole et al., CVPR 2017, section 3.3, there with two faces).

use burn::tensor::Tensor;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Exp1};
use s2f_core::FaceSpace;
use s2f_nn::texture::from_luma_chroma;
use s2f_nn::{DecodedFace, FaceDecoder};

use crate::TrainError;
use crate::face_network::FaceNetwork;
use crate::faces::{FaceSet, Mixture};

/// Mixtures that are rendered at a time where no gradient is needed.
const CHUNK: usize = 16;
/// Every share is at least this part of an equal one.
const LEAST_SHARE: f32 = 0.25;

/// Draws morphs.
pub(crate) struct Morpher {
    neighbours: Vec<Vec<usize>>,
    most_faces: usize,
    /// Range of the ages of morphs, years; the people's own if `None`.
    ages: Option<[f32; 2]>,
}

impl Morpher {
    /// Finds each face's nearest neighbours by ‖ΔL‖ + ‖ΔT‖ of landmarks and texture, each divided
    /// by its mean in the set.
    pub(crate) fn new(faces: &FaceSet, neighbours: usize, most_faces: usize) -> Self {
        let distances = |of: &dyn Fn(usize) -> Vec<f32>| -> Vec<Vec<f32>> {
            let all: Vec<Vec<f32>> = (0..faces.len()).map(of).collect();
            let rows: Vec<Vec<f32>> =
                all.iter().map(|a| all.iter().map(|b| distance(a, b)).collect()).collect();
            let mean = rows.iter().flatten().sum::<f32>() / (rows.len() * rows.len()) as f32;
            rows.into_iter().map(|row| row.into_iter().map(|d| d / mean).collect()).collect()
        };
        let shape = distances(&|i| faces.landmarks(i).concat());
        let look = distances(&|i| faces.thumbnail(i));
        let neighbours = (0..faces.len()).map(|face| {
            let mut others: Vec<usize> = (0..faces.len()).filter(|&other| other != face).collect();
            let far = |other: usize| shape[face][other] + look[face][other];
            others.sort_by(|&a, &b| far(a).total_cmp(&far(b)));
            others.truncate(neighbours);
            others
        });
        Self { neighbours: neighbours.collect(), most_faces, ages: faces.ages() }
    }

    /// A face and one or more of its neighbours, with shares that add up to 1.
    pub(crate) fn draw(&self, rng: &mut StdRng) -> Mixture {
        let face = rng.random_range(0..self.neighbours.len());
        let count = rng.random_range(2..=self.most_faces.max(2));
        let mut others = self.neighbours[face].clone();
        others.shuffle(rng);
        let members: Vec<usize> = [face].into_iter().chain(others).take(count).collect();
        let draws: Vec<f32> = members.iter().map(|_| Exp1.sample(rng)).collect();
        let total: f32 = draws.iter().sum();
        let even = 1.0 / members.len() as f32;
        let share = |draw: f32| LEAST_SHARE * even + (1.0 - LEAST_SHARE) * draw / total;
        let members = members.into_iter().zip(draws);
        let members = members.map(|(member, draw)| (member, share(draw))).collect();
        match self.ages {
            Some([youngest, oldest]) => {
                let age = Some(rng.random_range(youngest..=oldest));
                Mixture { members, age, hair: rng.random() }
            }
            None => Mixture::of(members),
        }
    }
}

/// Features of the pictures of mixtures, with the traits of `space`, `[mixtures, D]`.
pub(crate) fn mixture_features(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &FaceSet,
    mixtures: &[Mixture],
    space: &FaceSpace,
) -> Result<Tensor<2>, TrainError> {
    let parts = mixtures.chunks(CHUNK).map(|some| {
        let (landmarks, values) = faces.mix(some);
        let texture = from_luma_chroma(values, decoder.warp().size());
        let picture = decoder.render(DecodedFace { landmarks: landmarks.clone(), texture });
        let identity = encoder.features(picture, landmarks)?;
        Ok(with_traits(identity, faces.traits(some, space)))
    });
    Ok(Tensor::cat(parts.collect::<Result<Vec<_>, TrainError>>()?, 0))
}

/// Identities followed by traits, of which there may be none.
///
/// # Shapes
/// - `identity`: `[n, identity]`; `traits`: `[n, traits]`; output: `[n, D]`
pub(crate) fn with_traits(identity: Tensor<2>, traits: Tensor<2>) -> Tensor<2> {
    match traits.dims() {
        [_, 0] => identity,
        _ => Tensor::cat(vec![identity, traits], 1),
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}
