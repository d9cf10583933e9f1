//! What a voice encoder finds: the face of a voice among those of as many speakers as there are.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use s2f_audio::{Limits, Waveform, decode, spectrogram};
use s2f_corpus::pairs::{Pair, PairSet, Payload};
use s2f_corpus::split::Split;
use s2f_face::FaceSpace;
use s2f_nn::{VoiceEncoder, normalise};
use serde::Serialize;

use crate::TrainError;
use crate::batch::stack;

/// Voices heard in one go.
const CHUNK: usize = 16;
/// Rounds of retrieval at most, one pair of each speaker in each.
const ROUNDS: usize = 5;

/// How well the faces of speakers that were not trained on are found by their voices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairScores {
    /// Seconds of each voice that were heard, at most.
    pub seconds: f64,
    /// Faces in the gallery: one of each speaker.
    pub gallery: usize,
    /// Searches: one of each speaker a round.
    pub probes: usize,
    /// Mean angle between the predicted and the true feature, degrees.
    pub degrees: f64,
    /// Per cent of searches whose own face is among the first 1, 5 and 10, ranked by the cosine of
    /// the features relative to the mean face feature of the training split.
    pub recall: Recalls,
    /// The same ranked by the plain cosine, as in the paper.
    pub recall_plain: Recalls,
    /// The same by chance.
    pub chance: Recalls,
    /// Median rank of the own face (relative cosine), from 1.
    pub median_rank: f64,
    /// Spread of the predicted features (root of their mean squared distance from their mean) as a
    /// share of that of the true ones: near 0 where every voice gets the same face.
    pub diversity: f64,
}

impl PairScores {
    /// What is followed while training goes on. The first decides which weights are the best: the
    /// mean of the three recalls, as one of them alone is coarse where few speakers are held out.
    pub(crate) fn named(&self) -> Vec<(&'static str, f64)> {
        let Recalls { at_1, at_5, at_10 } = self.recall;
        vec![
            ("held_out_recall", (at_1 + at_5 + at_10) / 3.0),
            ("held_out_recall_at_1", at_1),
            ("held_out_recall_at_10", at_10),
            ("held_out_degrees", self.degrees),
            ("held_out_diversity", self.diversity),
        ]
    }
}

/// Recall at 1, 5 and 10, per cent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recalls {
    /// Within the first.
    pub at_1: f64,
    /// Within the first 5.
    pub at_5: f64,
    /// Within the first 10.
    pub at_10: f64,
}

impl Recalls {
    fn of(ranks: &[usize]) -> Self {
        let within = |k: usize| {
            100.0 * ranks.iter().filter(|&&rank| rank <= k).count() as f64
                / ranks.len().max(1) as f64
        };
        Self { at_1: within(1), at_5: within(5), at_10: within(10) }
    }

    fn chance(gallery: usize) -> Self {
        let within = |k: usize| 100.0 * k.min(gallery) as f64 / gallery.max(1) as f64;
        Self { at_1: within(1), at_5: within(5), at_10: within(10) }
    }
}

/// The pairs of one split that scores are computed on: as many of each speaker as of every other.
pub(crate) struct Probes {
    /// Round by round, one pair of each speaker.
    rounds: Vec<Vec<Pair>>,
}

impl Probes {
    /// Reads at most about `most` pairs.
    pub(crate) fn read(set: &PairSet, split: Split, most: usize) -> Result<Self, TrainError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for info in set.infos(Some(split)) {
            *counts.entry(info?.speaker_id).or_default() += 1;
        }
        let speakers = counts.len().min(most);
        let chosen: BTreeMap<&str, usize> =
            counts.iter().take(speakers).map(|(speaker, &n)| (speaker.as_str(), n)).collect();
        let fewest = chosen.values().copied().min().unwrap_or(0);
        let rounds = fewest.min(ROUNDS).min((most / speakers.max(1)).max(1));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut pairs: Vec<Vec<Pair>> = (0..rounds).map(|_| Vec::new()).collect();
        let payload = Payload { audio: true, feature: true, face: false };
        for pair in set.rows(payload, Some(split)) {
            let pair = pair?;
            if !chosen.contains_key(pair.speaker_id.as_str()) {
                continue;
            }
            let round = seen.entry(pair.speaker_id.clone()).or_default();
            if *round < rounds {
                pairs[*round].push(pair);
            }
            *round += 1;
        }
        Ok(Self { rounds: pairs })
    }

    /// Whether there is nothing to score on: retrieval among fewer than two says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.first().is_none_or(|round| round.len() < 2)
    }

    /// The first `count` pairs.
    pub(crate) fn some(&self, count: usize) -> &[Pair] {
        self.rounds.first().map_or(&[], |round| &round[..round.len().min(count)])
    }

    /// The scores where `seconds` of each voice are heard. `centre` is the mean face feature.
    pub(crate) fn score(
        &self,
        encoder: &VoiceEncoder,
        space: &FaceSpace,
        centre: &[f32],
        seconds: f64,
        device: &Device,
    ) -> Result<PairScores, TrainError> {
        let (mut ranks, mut plain_ranks) = (Vec::new(), Vec::new());
        let (mut voices, mut faces) = (Vec::new(), Vec::new());
        for round in &self.rounds {
            let heard = predict(encoder, space, round, seconds, device)?;
            let true_faces: Vec<&[f32]> = round.iter().map(|pair| &pair.feature[..]).collect();
            let heard_rows: Vec<&[f32]> = heard.iter().map(Vec::as_slice).collect();
            ranks.extend(own_ranks(&relative(&heard_rows, centre), &relative(&true_faces, centre)));
            let zero = vec![0.0; centre.len()];
            plain_ranks
                .extend(own_ranks(&relative(&heard_rows, &zero), &relative(&true_faces, &zero)));
            faces.extend(true_faces.into_iter().map(<[f32]>::to_vec));
            voices.extend(heard);
        }
        let angles = voices.iter().zip(&faces).map(|(voice, face)| angle_degrees(voice, face));
        let gallery = self.rounds.first().map_or(0, Vec::len);
        let mut sorted = ranks.clone();
        sorted.sort_unstable();
        let middle = |place: usize| sorted.get(place).copied().unwrap_or(0) as f64;
        let count = sorted.len();
        Ok(PairScores {
            seconds,
            gallery,
            probes: count,
            degrees: angles.sum::<f64>() / count.max(1) as f64,
            recall: Recalls::of(&ranks),
            recall_plain: Recalls::of(&plain_ranks),
            chance: Recalls::chance(gallery),
            median_rank: (middle(count.saturating_sub(1) / 2) + middle(count / 2)) / 2.0,
            diversity: spread(&voices) / spread(&faces),
        })
    }
}

/// Features of the first `seconds` of some voices, in the face space; a shorter voice is repeated.
pub(crate) fn predict(
    encoder: &VoiceEncoder,
    space: &FaceSpace,
    pairs: &[Pair],
    seconds: f64,
    device: &Device,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let samples = (seconds * f64::from(Waveform::RATE_HZ)) as usize;
    let mut features = Vec::with_capacity(pairs.len());
    for some in pairs.chunks(CHUNK) {
        let spectrograms = some.par_iter().map(|pair| -> Result<_, TrainError> {
            let voice = decode(pair.audio.clone(), &pair.pair_id, &Limits::default())?;
            let first: Vec<f32> = voice.samples().iter().copied().cycle().take(samples).collect();
            Ok(spectrogram(&Waveform::from_interleaved(&first, 1, Waveform::RATE_HZ)?))
        });
        let input = stack(spectrograms.collect::<Result<_, _>>()?, device);
        let found = normalise(encoder.forward(input), space); // [some, D]
        let [_, dimension] = found.dims();
        let values: Vec<f32> = found.into_data().iter().collect();
        features.extend(values.chunks_exact(dimension).map(<[f32]>::to_vec));
    }
    Ok(features)
}

/// Rows minus `centre`, at unit length.
fn relative(rows: &[&[f32]], centre: &[f32]) -> Tensor<2> {
    let numbers: Vec<f32> = rows
        .iter()
        .flat_map(|row| {
            let moved: Vec<f32> = row.iter().zip(centre).map(|(x, c)| x - c).collect();
            let length = moved.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            moved.into_iter().map(move |x| x / length)
        })
        .collect();
    Tensor::from_data(TensorData::new(numbers, [rows.len(), centre.len()]), &Device::flex())
}

/// Rank, from 1, of each row's own face among all faces; a tie counts against it.
fn own_ranks(voices: &Tensor<2>, faces: &Tensor<2>) -> Vec<usize> {
    let scores = voices.clone().matmul(faces.clone().transpose()); // [voices, faces]
    let [_, count] = scores.dims();
    let scores: Vec<f32> = scores.into_data().iter().collect();
    let rank = |(own, row): (usize, &[f32])| row.iter().filter(|&&score| score >= row[own]).count();
    scores.chunks_exact(count.max(1)).enumerate().map(rank).collect()
}

fn angle_degrees(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos().to_degrees()
}

/// Root of the mean squared distance from the mean.
fn spread(rows: &[Vec<f32>]) -> f64 {
    let Some(dimension) = rows.first().map(Vec::len) else { return 0.0 };
    let count = rows.len() as f64;
    let of_column = |column: usize| {
        let values = || rows.iter().map(|row| f64::from(row[column]));
        let mean = values().sum::<f64>() / count;
        values().map(|x| (x - mean).powi(2)).sum::<f64>() / count
    };
    (0..dimension).map(of_column).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[[f32; 2]]) -> Vec<&[f32]> {
        values.iter().map(|row| &row[..]).collect()
    }

    #[test]
    fn ranks_by_hand() {
        // Relative to (1, 1): voices to the right and up, faces up, to the right and up, left.
        let voices = [[2.0, 1.0], [1.0, 3.0], [0.0, 1.0]];
        let faces = [[1.0, 2.0], [2.0, 2.0], [-1.0, 1.0]];
        let centre = [1.0, 1.0];
        let ranks =
            own_ranks(&relative(&rows(&voices), &centre), &relative(&rows(&faces), &centre));
        // The first voice's cosines: 0, 0.71, −1; the second's: 1, 0.71, 0; the third's: 0, −0.71, 1.
        assert_eq!(ranks, [2, 2, 1]);
        let recalls = Recalls::of(&ranks);
        assert!((recalls.at_1 - 100.0 / 3.0).abs() < 1e-9 && recalls.at_5 == 100.0);
        assert_eq!(Recalls::chance(50), Recalls { at_1: 2.0, at_5: 10.0, at_10: 20.0 });
        assert_eq!(Recalls::chance(3).at_10, 100.0);
    }

    #[test]
    fn a_tie_counts_against() {
        let same = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
        let zero = [0.0, 0.0];
        let features = relative(&rows(&same), &zero);
        assert_eq!(own_ranks(&features, &features), [3, 3, 3]);
    }

    #[test]
    fn spread_and_angles_by_hand() {
        let square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]].map(|row| row.to_vec());
        assert!((spread(&square) - 2_f64.sqrt()).abs() < 1e-12);
        assert!((angle_degrees(&[1.0, 0.0], &[3.0, 3.0]) - 45.0).abs() < 1e-4);
    }
}
