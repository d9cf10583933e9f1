//! The best possible retrieval: an ideal observer who knows the traits of voices and faces.
//!
//! For a voice `v` and a gallery of faces `f`, one of which belongs to it, the probability that it
//! is face `j` is proportional to `p(f_j | v) / p(f_j)`, so no ranking has the right face among the
//! first K more often than the ranking by that ratio (Neyman & Pearson). Both densities are known:
//! `f` given `v` is normal with the mean `strength · v` and the variance `1 - strength²`, and over
//! all people `f` is standard normal except for the first trait, which is a mixture of one normal
//! distribution per sex.

use serde::{Deserialize, Serialize};

use super::population::{SEX_MIDDLE, SyntheticPerson, Traits, population, within_sex};

/// The ranks K of [`Recall`].
pub const RANKS: [usize; 4] = [1, 2, 5, 10];

/// How often the face that belongs to a voice is among the first K of a gallery.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Faces in the gallery, one of them the right one.
    pub gallery: usize,
    /// Fraction of the voices for each of [`RANKS`], 0 to 1.
    pub at: [f64; RANKS.len()],
}

impl Recall {
    /// Recall by chance.
    pub fn chance(gallery: usize) -> Self {
        Self { gallery, at: RANKS.map(|rank| (rank as f64 / gallery.max(1) as f64).min(1.0)) }
    }
}

/// The best possible retrieval among `people`, whose faces follow their voices with `strength`:
/// the mean over all galleries of `gallery` of them.
pub fn best_retrieval(people: &[SyntheticPerson], strength: f64, gallery: usize) -> Recall {
    let gallery = gallery.clamp(1, people.len().max(1));
    if strength <= 0.0 || people.is_empty() {
        return Recall::chance(gallery);
    }
    // At strength 1 the ratio is infinite for the right face; a little noise keeps it finite and
    // changes no rank.
    let strength = strength.min(1.0 - 1e-9);
    let precision = 1.0 / (1.0 - strength * strength);
    let anybody: Vec<f64> = people.iter().map(|p| ln_density(&p.face, strength)).collect();
    let galleries = RandomGalleries::new(people.len() - 1, gallery - 1);
    let mut at = [0.0; RANKS.len()];
    for (number, person) in people.iter().enumerate() {
        let expected = person.voice.map(|v| strength * v);
        let evidence = |face: usize| {
            let squares = people[face].face.iter().zip(expected).map(|(f, e)| (f - e) * (f - e));
            -0.5 * precision * squares.sum::<f64>() - anybody[face]
        };
        let own = evidence(number);
        let ahead = (0..people.len()).filter(|&other| evidence(other) > own).count();
        for (sum, rank) in at.iter_mut().zip(RANKS) {
            *sum += galleries.fewer(rank, ahead);
        }
    }
    Recall { gallery, at: at.map(|sum| sum / people.len() as f64) }
}

/// The best possible retrieval over all populations of this kind, by [`best_retrieval`] on a large
/// one.
pub fn expected_retrieval(strength: f64, gallery: usize, seed: u64) -> Recall {
    const PEOPLE: usize = 5_000;
    best_retrieval(&population(PEOPLE, strength, seed), strength, gallery)
}

/// Logarithm of the density of a face over all people.
fn ln_density(face: &Traits, strength: f64) -> f64 {
    let [first, others @ ..] = face;
    let spread = (strength * within_sex()).powi(2) + 1.0 - strength * strength;
    let sexes =
        [-SEX_MIDDLE, SEX_MIDDLE].map(|middle| ln_normal(first - strength * middle, spread));
    let larger = sexes[0].max(sexes[1]);
    let mixture = larger + sexes.iter().map(|sex| 0.5 * (sex - larger).exp()).sum::<f64>().ln();
    mixture + others.iter().map(|f| ln_normal(*f, 1.0)).sum::<f64>()
}

/// Logarithm of a normal density with mean 0, without the common constant.
fn ln_normal(x: f64, variance: f64) -> f64 {
    -0.5 * (x * x / variance + variance.ln())
}

/// Random galleries.
struct RandomGalleries {
    others: usize,
    drawn: usize,
    /// Logarithms of factorials.
    ln_factorials: Vec<f64>,
}

impl RandomGalleries {
    /// The right person and `drawn` of `others`.
    fn new(others: usize, drawn: usize) -> Self {
        let ln_factorials = (0..=others).scan(0.0, |sum, n| {
            *sum += (n.max(1) as f64).ln();
            Some(*sum)
        });
        Self { others, drawn, ln_factorials: ln_factorials.collect() }
    }

    /// Probability that fewer than `rank` of those drawn are among the `ahead` who are ranked
    /// before the right one: a sum of hypergeometric terms.
    fn fewer(&self, rank: usize, ahead: usize) -> f64 {
        let Self { others, drawn, .. } = *self;
        (0..rank.min(ahead + 1).min(drawn + 1))
            .filter(|&hits| drawn - hits <= others - ahead)
            .map(|hits| {
                let ways =
                    self.ln_choose(ahead, hits) + self.ln_choose(others - ahead, drawn - hits);
                (ways - self.ln_choose(others, drawn)).exp()
            })
            .sum()
    }

    fn ln_choose(&self, n: usize, k: usize) -> f64 {
        let f = &self.ln_factorials;
        f[n] - f[k] - f[n - k]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `reference/corpus/observer.py`.
    fn reference() -> serde_json::Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/corpus/observer.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn recall_is_that_of_galleries_simulated_one_by_one() {
        for case in reference()["recall"].as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let found = expected_retrieval(number("strength"), number("gallery") as usize, 7);
            for (index, recall) in found.at.into_iter().enumerate() {
                let expected = case["recall"][index].as_f64().unwrap();
                // Four standard errors: of the reference, and of 5000 voices here.
                let error = case["standard_error"][index].as_f64().unwrap()
                    + (expected * (1.0 - expected) / 5_000.0).sqrt();
                assert!(
                    (recall - expected).abs() <= 4.0 * error + 1e-3,
                    "{case} {index}: {recall}"
                );
            }
        }
    }

    #[test]
    fn the_sums_over_galleries_are_hypergeometric() {
        for case in reference()["hypergeometric"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap() as usize;
            let galleries = RandomGalleries::new(number("others"), number("drawn"));
            let found = galleries.fewer(number("rank"), number("ahead"));
            // Differences of logarithms of up to 6000 in double precision.
            assert!((found - case["chance"].as_f64().unwrap()).abs() < 1e-9, "{case}: {found}");
        }
    }

    #[test]
    fn faces_that_follow_exactly_are_always_found_and_others_by_chance() {
        let found = best_retrieval(&population(50, 1.0, 1), 1.0, 20);
        found.at.iter().for_each(|recall| assert!((recall - 1.0).abs() < 1e-9, "{found:?}"));
        let found = best_retrieval(&population(50, 0.0, 1), 0.0, 20);
        let chance = Recall::chance(20);
        for (recall, chance) in found.at.iter().zip(chance.at) {
            assert!((recall - chance).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn a_gallery_has_no_more_faces_than_there_are_people() {
        assert_eq!(best_retrieval(&population(4, 0.9, 1), 0.9, 100).gallery, 4);
        assert_eq!(best_retrieval(&[], 0.9, 100).gallery, 1);
    }
}
