//! Which faces a voice is paired with, if nobody's voice and face are both known.
//!
//! This is an assumption, not a finding: a voice is paired with faces of its own sex, and of its
//! age band if its age is known; within the sex, voices with higher pitch and a shorter vocal tract
//! are paired with faces further towards the female end of the faces' male–female axis. The target
//! of a voice is the feature of an average of many such faces, so of nobody in particular.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_core::{FaceSpace, Sex};
use s2f_nn::FaceDecoder;

use crate::basis::Basis;
use crate::face_network::FaceNetwork;
use crate::faces::{FaceSet, Mixture};
use crate::morph::mixture_features;
use crate::voices::{Traits, Voice};
use crate::{Pairing, TrainError};

/// Positions along the axis for which targets are computed; in between, they are interpolated.
const POSITIONS: usize = 21;
/// Principal components of shape and texture in which the male–female axis is computed.
const COMPONENTS: usize = 20;
/// Minimum number of faces in an average.
const MIN_FACES: usize = 8;

/// Features of average faces by sex, age band and position.
pub(crate) struct Targets {
    /// `[bands + 1][sexes]` tables of `POSITIONS` features each; band 0 is for voices of unknown
    /// age.
    tables: Vec<[Vec<Vec<f32>>; 2]>,
    age_bands: Vec<f32>,
    positions: VoicePositions,
    strength: f64,
    /// Number of dimensions of a feature's identity.
    identity: usize,
}

impl Targets {
    /// Averages of `faces` and their features, for voices like `voices`.
    pub(crate) fn new(
        pairing: &Pairing,
        faces: &FaceSet,
        voices: &[&Voice],
        decoder: &FaceDecoder,
        encoder: &FaceNetwork,
        space: &FaceSpace,
    ) -> Result<Self, TrainError> {
        let axis = male_female_axis(faces)?;
        let bands = pairing.age_bands.len();
        let mut tables = Vec::with_capacity(bands + 1);
        for band in 0..=bands {
            let mut table = [Vec::new(), Vec::new()];
            for (sex, features) in [Sex::Female, Sex::Male].into_iter().zip(&mut table) {
                let members: Vec<usize> = (0..faces.len())
                    .filter(|&face| {
                        let person = faces.person(face);
                        let of_band = band == 0
                            || person
                                .age
                                .is_some_and(|age| band_of(&pairing.age_bands, age) == band);
                        person.sex == Some(sex) && of_band
                    })
                    .collect();
                if members.len() < MIN_FACES {
                    return Err(TrainError::Data(format!(
                        "only {} {} faces are in age band {band}, {MIN_FACES} are needed; hint: \
                         widen data.recordings.pairing.age_bands",
                        members.len(),
                        sex.name()
                    )));
                }
                let mixtures: Vec<Mixture> = (0..POSITIONS)
                    .map(|i| {
                        around(i as f64 / (POSITIONS - 1) as f64, pairing.width, &members, &axis)
                    })
                    .collect();
                let found = mixture_features(decoder, encoder, faces, &mixtures, space)?;
                let [_, dimension] = found.dims();
                let values: Vec<f32> = found.into_data().iter().collect();
                *features = values.chunks_exact(dimension).map(<[f32]>::to_vec).collect();
            }
            tables.push(table);
        }
        Ok(Self {
            tables,
            age_bands: pairing.age_bands.clone(),
            positions: VoicePositions::new(voices),
            strength: pairing.strength,
            identity: space.identity_dimension(),
        })
    }

    /// The target feature of a voice with these traits, `[D]`, its identity of unit length.
    pub(crate) fn feature(&self, sex: Sex, age: Option<f32>, traits: Traits) -> Vec<f32> {
        let band = age.map_or(0, |age| band_of(&self.age_bands, age));
        let table = &self.tables[band][index(sex)];
        let place = 0.5 + self.strength * (self.positions.position(sex, traits) - 0.5);
        let place = place * (POSITIONS - 1) as f64;
        let left = (place as usize).min(POSITIONS - 2);
        let share = (place - left as f64) as f32;
        let mixed = table[left].iter().zip(&table[left + 1]).map(|(a, b)| a + (b - a) * share);
        let mut mixed: Vec<f32> = mixed.collect();
        let identity = &mut mixed[..self.identity];
        let length = identity.iter().map(|x| x * x).sum::<f32>().sqrt();
        identity.iter_mut().for_each(|x| *x /= length);
        mixed
    }
}

/// 1 for ages up to the first end, 2 up to the second, …; 0 beyond the last, as for an unknown age.
fn band_of(ends: &[f32], age: f32) -> usize {
    ends.iter().position(|&end| age <= end).map_or(0, |band| band + 1)
}

fn index(sex: Sex) -> usize {
    match sex {
        Sex::Female => 0,
        Sex::Male => 1,
    }
}

/// Shares of `members` in the average around `place` (0 the most male, 1 the most female of them):
/// a Gaussian of standard deviation `width` over their ranks along the axis.
fn around(place: f64, width: f64, members: &[usize], axis: &[f64]) -> Mixture {
    let mut ranked = members.to_vec();
    ranked.sort_by(|&a, &b| axis[a].total_cmp(&axis[b]));
    let last = (ranked.len() - 1) as f64;
    let gaussian = |rank: usize| (-0.5 * ((rank as f64 / last - place) / width).powi(2)).exp();
    let total: f64 = (0..ranked.len()).map(gaussian).sum();
    let ranked = ranked.into_iter().enumerate();
    Mixture::of(ranked.map(|(rank, face)| (face, (gaussian(rank) / total) as f32)).collect())
}

/// How near each face is to the female end: its projection on the difference of the two
/// means, in principal components of shape and texture that are scaled to unit variance.
fn male_female_axis(faces: &FaceSet) -> Result<Vec<f64>, TrainError> {
    let device = Device::flex();
    let blocks = [
        (0..faces.len()).map(|face| faces.landmarks(face).concat()).collect::<Vec<_>>(),
        (0..faces.len()).map(|face| faces.thumbnail(face)).collect(),
    ];
    let scaled = blocks.into_iter().map(|rows| {
        let shape = [rows.len(), rows[0].len()];
        let block = Tensor::<2>::from_data(TensorData::new(rows.concat(), shape), &device);
        let centred = block.clone() - block.mean_dim(0);
        let spread = centred.clone().square().mean().sqrt() * (shape[1] as f64).sqrt();
        centred / spread.unsqueeze::<2>() // the block's total variance is 1
    });
    let examples = Tensor::cat(scaled.collect(), 1); // [faces, values]
    let basis = Basis::principal(examples.clone(), COMPONENTS);
    let [components, _] = basis.components.dims();
    let variance = basis.components.clone().square().sum_dim(1).transpose(); // [1, components]
    let scores =
        (examples - basis.mean.unsqueeze::<2>()).matmul(basis.components.transpose()) / variance;
    let scores: Vec<f64> = scores.into_data().iter().collect(); // [faces, components]
    let row = |face: usize| &scores[face * components..][..components];
    let mean = |sex: Sex| -> Vec<f64> {
        let members: Vec<usize> =
            (0..faces.len()).filter(|&f| faces.person(f).sex == Some(sex)).collect();
        let sum = |k: usize| members.iter().map(|&face| row(face)[k]).sum::<f64>();
        (0..components).map(|k| sum(k) / members.len().max(1) as f64).collect()
    };
    let (female, male) = (mean(Sex::Female), mean(Sex::Male));
    let along = |face: usize| (0..components).map(|k| row(face)[k] * (female[k] - male[k])).sum();
    Ok((0..faces.len()).map(along).collect())
}

/// The position of a voice among voices of its sex.
struct VoicePositions {
    /// Mean and standard deviation of ln(pitch), ln(tract length) by sex.
    pitch: [(f64, f64); 2],
    tract: [(f64, f64); 2],
}

impl VoicePositions {
    fn new(voices: &[&Voice]) -> Self {
        let spread = |trait_of: &dyn Fn(&Traits) -> Option<f64>| {
            [Sex::Female, Sex::Male].map(|sex| {
                let of_sex = voices.iter().filter(|voice| voice.sex == sex);
                mean_and_deviation(
                    of_sex.filter_map(|v| trait_of(&v.traits)).map(f64::ln).collect(),
                )
            })
        };
        Self { pitch: spread(&|t| t.pitch_hz), tract: spread(&|t| t.tract_cm) }
    }

    /// 0 for the most male-sounding, 1 for the most female-sounding voice of the sex.
    fn position(&self, sex: Sex, traits: Traits) -> f64 {
        let score = |value: Option<f64>, (mean, deviation): (f64, f64)| {
            value.map_or(0.0, |value| (value.ln() - mean) / deviation)
        };
        let pitch = score(traits.pitch_hz, self.pitch[index(sex)]);
        let tract = score(traits.tract_cm, self.tract[index(sex)]);
        // Treats the two as independent. The logistic curve is within 0.01 of the normal one.
        let together = (pitch - tract) / std::f64::consts::SQRT_2;
        1.0 / (1.0 + (-1.702 * together).exp())
    }
}

fn mean_and_deviation(values: Vec<f64>) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    // A single voice has no spread; with any positive value it stays in the middle.
    (mean, variance.sqrt().max(1e-3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_of_many_and_centred_on_the_place() {
        let members: Vec<usize> = (0..50).collect();
        let axis: Vec<f64> = (0..50).map(|i| -f64::from(i)).collect(); // face 49 is the most male
        let shares = around(0.5, 0.15, &members, &axis);
        assert!((shares.members.iter().map(|(_, share)| share).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(shares.members.iter().all(|&(_, share)| share < 0.06));
        let mean: f32 = shares.members.iter().map(|&(face, share)| face as f32 * share).sum();
        assert!((mean - 24.5).abs() < 0.1);
        let male = around(0.0, 0.15, &members, &axis);
        assert_eq!(male.members.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0, 49);
    }

    #[test]
    fn ages_fall_into_bands() {
        let ends = [30.0, 60.0];
        assert_eq!([25.0, 30.0, 31.0, 61.0].map(|age| band_of(&ends, age)), [1, 1, 2, 0]);
    }

    #[test]
    fn higher_pitch_and_shorter_tract_are_further_along() {
        let positions =
            VoicePositions { pitch: [(5.3, 0.1), (4.8, 0.1)], tract: [(2.7, 0.05), (2.8, 0.05)] };
        let place = |pitch_hz: f64, tract_cm: f64| {
            positions.position(
                Sex::Female,
                Traits { pitch_hz: Some(pitch_hz), tract_cm: Some(tract_cm) },
            )
        };
        assert!(place(220.0, 15.0) > place(200.0, 15.0));
        assert!(place(200.0, 14.0) > place(200.0, 15.0));
        let unknown = Traits { pitch_hz: None, tract_cm: None };
        assert!((positions.position(Sex::Male, unknown) - 0.5).abs() < 1e-9);
    }
}
