//! From values of pairs to scores with intervals. The intervals themselves are computed in
//! `s2f_metrics`: see `bootstrap.rs` there.

mod correlations;
mod means;
mod ranks;

use std::collections::BTreeMap;

pub(crate) use ranks::{gallery, per_cent};
use s2f_metrics::{Bootstrap, SumAndCount, by_speaker, holm, percentile};

use crate::items::Items;
use crate::report::{Score, Unit};

/// Minimum number of speakers for a group's score to be informative.
pub(crate) const MIN_SPEAKERS: usize = 20;

/// Collects the scores of an evaluation.
pub(crate) struct Scorer<'a> {
    pub(crate) items: &'a Items,
    pub(crate) bootstrap: &'a Bootstrap,
    scores: Vec<Score>,
    places: BTreeMap<String, usize>,
    /// Sums and counts by speaker of the scores by which models can be compared.
    pub(crate) sums: BTreeMap<String, Vec<(f64, f64)>>,
    errors: BTreeMap<String, f64>,
}

/// What a score is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Baseline {
    /// The score of guessing.
    pub(crate) chance: Option<f64>,
    /// Mean size of the searched gallery.
    pub(crate) gallery: Option<f64>,
}

impl Baseline {
    pub(crate) fn chance(chance: f64) -> Self {
        Self { chance: Some(chance), gallery: None }
    }
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(items: &'a Items, bootstrap: &'a Bootstrap) -> Self {
        Self {
            items,
            bootstrap,
            scores: Vec::new(),
            places: BTreeMap::new(),
            sums: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// All scores, in the order in which they were added.
    pub(crate) fn into_scores(self) -> Vec<Score> {
        self.scores
    }

    /// The score with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Score> {
        self.places.get(id).map(|&place| &self.scores[place])
    }

    /// Standard error of the score with this id.
    pub(crate) fn error(&self, id: &str) -> Option<f64> {
        self.errors.get(id).copied()
    }

    /// Adds a score and returns its id. If there is one with this id already, that one is kept.
    pub(crate) fn add(&mut self, score: Score) -> String {
        let id = score.id.clone();
        if !self.places.contains_key(&id) {
            self.places.insert(id.clone(), self.scores.len());
            self.scores.push(score);
        }
        id
    }

    /// Corrects the p-values of the scores with these ids for the number of tests (Holm).
    pub(crate) fn correct(&mut self, tests: &[String]) {
        let known: Vec<(&String, f64)> =
            tests.iter().filter_map(|id| Some((id, self.get(id)?.p?))).collect();
        let p: Vec<f64> = known.iter().map(|(_, p)| *p).collect();
        for ((id, _), corrected) in known.into_iter().zip(holm(&p)) {
            if let Some(&place) = self.places.get(id) {
                self.scores[place].p_adjusted = Some(corrected);
            }
        }
    }

    /// A score without an interval.
    pub(crate) fn number(
        &mut self,
        id: &str,
        unit: Unit,
        value: f64,
        on: (usize, usize),
    ) -> String {
        self.add(Score::new(id, unit, value, on))
    }

    /// A statistic whose bootstrap draws are known.
    pub(crate) fn resampled(
        &mut self,
        id: &str,
        unit: Unit,
        value: f64,
        draws: Vec<f64>,
        on: (usize, usize),
    ) -> String {
        self.add(Score { interval: percentile(draws, on.1), ..Score::new(id, unit, value, on) })
    }

    /// Each speaker's sum of the finite values, and their count.
    pub(crate) fn by_speaker(&self, values: &[f64]) -> Vec<SumAndCount> {
        let speakers = self.items.items.iter().map(|item| item.speaker);
        by_speaker(values, speakers, self.items.speakers.len())
    }

    fn speakers_of(&self, counted: &[usize]) -> usize {
        let mut seen = vec![false; self.items.speakers.len()];
        counted.iter().for_each(|&speaker| seen[speaker] = true);
        seen.into_iter().filter(|&seen| seen).count()
    }
}

/// A name from the data as a part of a score's id, which is separated by `/`.
pub(crate) fn id_part(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}
