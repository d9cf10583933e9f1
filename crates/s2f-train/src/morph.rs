//! Morphs: mixtures of a face and some of its near neighbours, endless training pairs out of a
//! hundred photographs (Cole et al., CVPR 2017, section 3.3, there with two faces).

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Exp1};

use crate::faces::FaceSet;

/// One face's share of a mixture.
pub(crate) type Share = (usize, f32);

/// Every share is at least this part of an even one.
const LEAST_SHARE: f32 = 0.25;

/// Draws morphs.
pub(crate) struct Morpher {
    neighbours: Vec<Vec<usize>>,
    most_faces: usize,
}

impl Morpher {
    /// Finds each face's nearest neighbours, by ‖ΔL‖ + ‖ΔT‖, both over their mean in the set.
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
        Self { neighbours: neighbours.collect(), most_faces }
    }

    /// A face and one or more of its neighbours with shares that add up to 1; none is alone.
    pub(crate) fn draw(&self, rng: &mut StdRng) -> Vec<Share> {
        let face = rng.random_range(0..self.neighbours.len());
        let count = rng.random_range(2..=self.most_faces.max(2));
        let mut others = self.neighbours[face].clone();
        others.shuffle(rng);
        let members: Vec<usize> = [face].into_iter().chain(others).take(count).collect();
        let draws: Vec<f32> = members.iter().map(|_| Exp1.sample(rng)).collect();
        let total: f32 = draws.iter().sum();
        let even = 1.0 / members.len() as f32;
        let share = |draw: f32| LEAST_SHARE * even + (1.0 - LEAST_SHARE) * draw / total;
        members.into_iter().zip(draws).map(|(member, draw)| (member, share(draw))).collect()
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}
