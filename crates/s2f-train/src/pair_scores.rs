//! Retrieval scores: a voice is used to find the face of its speaker among those of all speakers.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rayon::prelude::*;
use s2f_audio::{Limits, decode};
use s2f_core::FaceSpace;
use s2f_metrics::{Distance, Rank, Vectors, angle_degrees, quantile};
use s2f_nn::Model;
use s2f_pairs::{Pair, PairSet, Payload, Split};
use serde::Serialize;
use speech2face::{DecodeError, VoicePolicy, Windows, distributions, embed_voices};

use crate::TrainError;

/// Voices that are decoded at a time: decoded, they take more memory than their features.
pub(crate) const DECODED: usize = 64;
/// Maximum number of rounds of retrieval, each with one pair of each speaker.
const ROUNDS: usize = 5;

/// How well voices find the faces of their speakers, who were not trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairScores {
    /// Maximum length of each voice, seconds.
    pub seconds: f64,
    /// Which part of each voice the features were computed from.
    pub voice_policy: VoicePolicy,
    /// Size of the gallery: one face of each speaker.
    pub gallery: usize,
    /// Number of searches: one of each speaker in each round.
    pub probes: usize,
    /// Mean angle between the predicted and the true feature, degrees.
    pub degrees: f64,
    /// Recall at 1, 5 and 10, ranked by the cosine of the features relative to the mean face
    /// feature of the training split, per cent.
    pub recall: Recalls,
    /// The same ranked by the plain cosine, as in the paper.
    pub recall_plain: Recalls,
    /// Expected recall of a random ranking.
    pub chance: Recalls,
    /// Median rank of the speaker's face (relative cosine), from 1.
    pub median_rank: f64,
    /// Spread of the predicted features (root of their mean squared distance from their mean)
    /// divided by that of the true ones: near 0 if all voices get the same face; 0 if all true
    /// features are equal.
    pub diversity: f64,
    /// Logarithm of the density of the true face given the voice, nats per dimension; `None`
    /// without a distribution of faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_density: Option<f64>,
}

impl PairScores {
    /// The scores of a validation. The first decides which weights are the best: the density of a
    /// distribution, and otherwise the mean of the three recalls, as one of them alone is coarse if
    /// few speakers are held out.
    pub(crate) fn named(&self) -> Vec<(&'static str, f64)> {
        let Recalls { at_1, at_5, at_10 } = self.recall;
        let density = self.log_density.map(|density| ("held_out_log_density", density));
        let others = [
            ("held_out_recall", (at_1 + at_5 + at_10) / 3.0),
            ("held_out_recall_at_1", at_1),
            ("held_out_recall_at_10", at_10),
            ("held_out_degrees", self.degrees),
            ("held_out_diversity", self.diversity),
        ];
        density.into_iter().chain(others).collect()
    }
}

/// Recall at 1, 5 and 10, per cent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recalls {
    /// Recall at 1.
    pub at_1: f64,
    /// Recall at 5.
    pub at_5: f64,
    /// Recall at 10.
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

/// The pairs of one split that scores are computed on, equally many of each speaker.
pub(crate) struct Probes {
    /// Round by round, one pair of each speaker.
    rounds: Vec<Vec<Pair>>,
}

impl Probes {
    /// Reads about `max_pairs` pairs at most.
    pub(crate) fn read(set: &PairSet, split: Split, max_pairs: usize) -> Result<Self, TrainError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for info in set.infos(Some(split)) {
            *counts.entry(info?.speaker_id).or_default() += 1;
        }
        let speakers = counts.len().min(max_pairs);
        let chosen: BTreeMap<&str, usize> =
            counts.iter().take(speakers).map(|(speaker, &n)| (speaker.as_str(), n)).collect();
        let fewest = chosen.values().copied().min().unwrap_or(0);
        let rounds = fewest.min(ROUNDS).min((max_pairs / speakers.max(1)).max(1));
        let mut read: BTreeMap<String, usize> = BTreeMap::new();
        let mut pairs: Vec<Vec<Pair>> = (0..rounds).map(|_| Vec::new()).collect();
        let payload = Payload { audio: true, feature: true, face: false };
        for pair in set.rows(payload, Some(split)) {
            let pair = pair?;
            if !chosen.contains_key(pair.info.speaker_id.as_str()) {
                continue;
            }
            let round = read.entry(pair.info.speaker_id.clone()).or_default();
            if *round < rounds {
                pairs[*round].push(pair);
            }
            *round += 1;
        }
        Ok(Self { rounds: pairs })
    }

    /// Whether there is nothing to score on: retrieval needs two speakers.
    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.first().is_none_or(|round| round.len() < 2)
    }

    /// All pairs, round by round.
    pub(crate) fn all(&self) -> Vec<&Pair> {
        self.rounds.iter().flatten().collect()
    }

    /// The first `count` pairs.
    pub(crate) fn some(&self, count: usize) -> &[Pair] {
        self.rounds.first().map_or(&[], |round| &round[..round.len().min(count)])
    }

    /// The scores for the first `seconds` of each voice. `centre` is the mean face feature.
    pub(crate) fn score(
        &self,
        model: &Model,
        space: &FaceSpace,
        centre: &[f32],
        seconds: f64,
        device: &Device,
    ) -> Result<PairScores, TrainError> {
        let (mut ranks, mut plain_ranks) = (Vec::new(), Vec::new());
        let (mut voices, mut faces) = (Vec::new(), Vec::new());
        let mut densities = Vec::new();
        for round in &self.rounds {
            let Predicted { features: predicted, log_densities } =
                predict(model, space, round, seconds, device)?;
            densities.extend(log_densities);
            let truth = Vectors::from_rows(round.iter().map(|pair| &pair.feature[..]));
            let own: Vec<usize> = (0..round.len()).collect();
            let distances = [Distance::Relative, Distance::Cosine];
            let mut found = s2f_metrics::ranks(&predicted, &truth, &own, centre, &distances, &[]);
            plain_ranks.append(&mut found[1][0]);
            ranks.append(&mut found[0][0]);
            voices.push(predicted);
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
            voice_policy: policy(seconds),
            gallery,
            probes: ranks.len(),
            degrees: angles.sum::<f64>() / ranks.len().max(1) as f64,
            recall: Recalls::of(&ranks),
            recall_plain: Recalls::of(&plain_ranks),
            chance: Recalls::chance(gallery),
            median_rank: quantile(&places, 0.5),
            diversity: diversity(&voices, &faces),
            log_density: (!densities.is_empty()).then(|| {
                densities.iter().sum::<f64>() / (densities.len() * space.dimension) as f64
            }),
        })
    }
}

fn diversity(voices: &Vectors, faces: &Vectors) -> f64 {
    let spread = faces.spread();
    if spread > 0.0 { voices.spread() / spread } else { 0.0 }
}

/// The policy of a clip of `seconds` from the start of a voice; a shorter voice is repeated.
fn policy(seconds: f64) -> VoicePolicy {
    VoicePolicy { windows: Windows::First, window_s: seconds, ..VoicePolicy::default() }
}

/// What a model predicts for some voices.
pub(crate) struct Predicted {
    pub(crate) features: Vectors,
    /// Logarithms of the densities of the true faces, nats; empty without a distribution.
    log_densities: Vec<f64>,
}

/// Predictions for the first `seconds` of voices.
pub(crate) fn predict(
    model: &Model,
    space: &FaceSpace,
    pairs: &[Pair],
    seconds: f64,
    device: &Device,
) -> Result<Predicted, TrainError> {
    let mut features = Vec::with_capacity(pairs.len() * space.dimension);
    let mut log_densities = Vec::new();
    let policy = policy(seconds);
    for some in pairs.chunks(DECODED) {
        let decoded = some
            .par_iter()
            .map(|pair| decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default()))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(found) = distributions(model, space, &decoded, &policy, device)? {
            for (distribution, pair) in found.iter().zip(some) {
                features.extend(distribution.mean_feature());
                let density = distribution.log_density(&pair.feature);
                log_densities
                    .push(density.map_err(|_| DecodeError::BadValue { space: space.clone() })?);
            }
            continue;
        }
        for feature in embed_voices(model, space, &decoded, &policy, device)? {
            features.extend_from_slice(feature.values());
        }
    }
    Ok(Predicted { features: Vectors::new(features, space.dimension), log_densities })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diversity_is_a_ratio_and_finite() {
        let wide = Vectors::new(vec![0.0, 4.0], 1); // spread 2
        let narrow = Vectors::new(vec![1.0, 2.0], 1); // spread 0.5
        let equal = Vectors::new(vec![3.0, 3.0], 1);
        assert_eq!(diversity(&narrow, &wide), 0.25);
        assert_eq!(diversity(&equal, &wide), 0.0);
        assert_eq!(diversity(&wide, &equal), 0.0);
    }

    #[test]
    fn recalls_by_hand() {
        let rank = |closer| Rank { closer, ties: 0, others: 49 };
        let recalls = Recalls::of(&[rank(1), rank(1), rank(0)]);
        assert!((recalls.at_1 - 100.0 / 3.0).abs() < 1e-9 && recalls.at_5 == 100.0);
        // An encoder that gives all voices the same feature gets what chance gives.
        let tied = Rank { closer: 0, ties: 49, others: 49 };
        assert_eq!(Recalls::of(&[tied]), Recalls::chance(50));
        assert_eq!(Recalls::chance(50), Recalls { at_1: 2.0, at_5: 10.0, at_10: 20.0 });
        assert_eq!(Recalls::chance(3).at_10, 100.0);
    }
}
