//! What a voice encoder finds: the face of a voice among those of as many speakers as there are.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rayon::prelude::*;
use s2f_audio::{Limits, Waveform, decode};
use s2f_core::FaceSpace;
use s2f_eval::hear;
use s2f_metrics::{Distance, Rank, Vectors, angle_degrees, quantile};
use s2f_nn::VoiceEncoder;
use s2f_pairs::Split;
use s2f_pairs::{Pair, PairSet, Payload};
use serde::Serialize;

use crate::TrainError;

/// Voices that are decoded at a time: they take up more memory than what is made of them.
const DECODED: usize = 64;
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
    fn of(ranks: &[Rank]) -> Self {
        let within = |k: usize| {
            100.0 * ranks.iter().map(|rank| rank.within(k)).sum::<f64>() / ranks.len().max(1) as f64
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
            if !chosen.contains_key(pair.info.speaker_id.as_str()) {
                continue;
            }
            let round = seen.entry(pair.info.speaker_id.clone()).or_default();
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
            let truth = Vectors::from_rows(round.iter().map(|pair| &pair.feature[..]));
            let own: Vec<usize> = (0..round.len()).collect();
            let distances = [Distance::Relative, Distance::Cosine];
            let mut found = s2f_metrics::ranks(&heard, &truth, &own, centre, &distances, &[]);
            plain_ranks.append(&mut found[1][0]);
            ranks.append(&mut found[0][0]);
            voices.push(heard);
            faces.push(truth);
        }
        let all = |parts: &[Vectors]| Vectors::from_rows(parts.iter().flat_map(Vectors::rows));
        let (voices, faces) = (all(&voices), all(&faces));
        let angles =
            voices.rows().zip(faces.rows()).map(|(voice, face)| angle_degrees(voice, face));
        let mut places: Vec<f64> = ranks.iter().map(|rank| rank.place()).collect();
        places.sort_unstable_by(f64::total_cmp);
        let gallery = self.rounds.first().map_or(0, Vec::len);
        Ok(PairScores {
            seconds,
            gallery,
            probes: ranks.len(),
            degrees: angles.sum::<f64>() / ranks.len().max(1) as f64,
            recall: Recalls::of(&ranks),
            recall_plain: Recalls::of(&plain_ranks),
            chance: Recalls::chance(gallery),
            median_rank: quantile(&places, 0.5),
            diversity: voices.spread() / faces.spread(),
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
) -> Result<Vectors, TrainError> {
    let mut features = Vec::with_capacity(pairs.len() * space.dimension);
    for some in pairs.chunks(DECODED) {
        let decoded = some
            .par_iter()
            .map(|pair| decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default()))
            .collect::<Result<Vec<_>, _>>()?;
        let voices: Vec<&[f32]> = decoded.iter().map(Waveform::samples).collect();
        features.extend(hear(encoder, space, &voices, seconds, seconds, device)?.into_values());
    }
    Ok(Vectors::new(features, space.dimension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recalls_by_hand() {
        let rank = |closer| Rank { closer, ties: 0, others: 49 };
        let recalls = Recalls::of(&[rank(1), rank(1), rank(0)]);
        assert!((recalls.at_1 - 100.0 / 3.0).abs() < 1e-9 && recalls.at_5 == 100.0);
        // Whoever answers everybody alike gets what chance gives.
        let tied = Rank { closer: 0, ties: 49, others: 49 };
        assert_eq!(Recalls::of(&[tied]), Recalls::chance(50));
        assert_eq!(Recalls::chance(50), Recalls { at_1: 2.0, at_5: 10.0, at_10: 20.0 });
        assert_eq!(Recalls::chance(3).at_10, 100.0);
    }
}
