//! What retrieval is possible at best: an observer who sees the traits of voices and faces
//! themselves.
//!
//! For a voice `v` and a gallery of faces `f` of which one belongs to it, the probability that it
//! is face `j` is proportional to `p(f_j | v) / p(f_j)`, so nobody can put the right face first, or
//! among the first K, more often than by ranking with that ratio (Neyman & Pearson). Both
//! densities are known here: `f` given `v` is normal around `strength · v` with the variance
//! `1 - strength²`, and over all people `f` is standard normal but for the first trait, which is a
//! mixture of a normal distribution for each sex.

use serde::{Deserialize, Serialize};

use super::population::{Person, SEX_MIDDLE, Traits, population, within_sex};

/// Ranks that are reported.
pub const RANKS: [usize; 4] = [1, 2, 5, 10];

/// How often the face that belongs to a voice is among the first K of a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Faces in the gallery, one of them the right one.
    pub gallery: usize,
    /// Share of the voices for each of [`RANKS`], 0 to 1.
    pub at: [f64; RANKS.len()],
}

impl Recall {
    /// What guessing gives.
    pub fn chance(gallery: usize) -> Self {
        Self { gallery, at: RANKS.map(|rank| (rank as f64 / gallery.max(1) as f64).min(1.0)) }
    }
}

/// The best possible retrieval among `people`, whose faces follow their voices with `strength`:
/// the mean over all galleries of `gallery` of them.
pub fn best_retrieval(people: &[Person], strength: f64, gallery: usize) -> Recall {
    let gallery = gallery.clamp(1, people.len().max(1));
    let mut at = [0.0; RANKS.len()];
    for person in people {
        let own = evidence(&person.voice, &person.face, strength);
        let (mut better, mut equal) = (0, 0);
        for other in people.iter().filter(|other| other.id != person.id) {
            let theirs = evidence(&person.voice, &other.face, strength);
            better += usize::from(theirs > own);
            equal += usize::from(theirs == own);
        }
        for (sum, rank) in at.iter_mut().zip(RANKS) {
            // Where nothing tells faces apart, all orders are as likely.
            let mean = (better..=better + equal)
                .map(|ahead| within(ahead, people.len() - 1, gallery - 1, rank))
                .sum::<f64>();
            *sum += mean / (equal + 1) as f64;
        }
    }
    Recall { gallery, at: at.map(|sum| sum / people.len().max(1) as f64) }
}

/// The best possible retrieval over all populations of this kind, by `best_retrieval` on a large
/// one.
pub fn expected_retrieval(strength: f64, gallery: usize, seed: u64) -> Recall {
    const PEOPLE: usize = 5_000;
    best_retrieval(&population(PEOPLE, strength, seed), strength, gallery)
}

/// Logarithm of `p(face | voice) / p(face)`.
fn evidence(voice: &Traits, face: &Traits, strength: f64) -> f64 {
    // At strength 1 the ratio is infinite for the right face; a trace of noise keeps it finite and
    // changes no rank that matters.
    let strength = strength.clamp(0.0, 1.0 - 1e-9);
    let rest = 1.0 - strength * strength;
    let given: f64 = voice.iter().zip(face).map(|(v, f)| normal(f - strength * v, rest)).sum();
    let [first, others @ ..] = face;
    let spread = (strength * within_sex()).powi(2) + rest;
    let sexes = [-SEX_MIDDLE, SEX_MIDDLE].map(|middle| normal(first - strength * middle, spread));
    let larger = sexes[0].max(sexes[1]);
    let mixture = larger + sexes.iter().map(|s| 0.5 * (s - larger).exp()).sum::<f64>().ln();
    given - mixture - others.iter().map(|f| normal(*f, 1.0)).sum::<f64>()
}

/// Logarithm of a normal density around 0, without the constant that all share.
fn normal(x: f64, variance: f64) -> f64 {
    -0.5 * (x * x / variance + variance.ln())
}

/// Probability that fewer than `rank` of `drawn` people are among the `ahead` of `others` that
/// would come before the right one: a sum of hypergeometric terms.
fn within(ahead: usize, others: usize, drawn: usize, rank: usize) -> f64 {
    (0..rank.min(ahead + 1).min(drawn + 1))
        .filter(|&hits| drawn - hits <= others - ahead)
        .map(|hits| {
            (ln_choose(ahead, hits) + ln_choose(others - ahead, drawn - hits)
                - ln_choose(others, drawn))
            .exp()
        })
        .sum()
}

fn ln_choose(n: usize, k: usize) -> f64 {
    let k = k.min(n - k);
    (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum()
}
