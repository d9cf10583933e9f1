//! The people of a synthetic population: hidden traits of voice and face.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use s2f_core::Sex;
use s2f_core::hash::{Digest, Sha256};

/// Number of traits.
pub const TRAITS: usize = 6;

/// The property of the voice that each trait determines; traits have mean 0 and variance 1.
pub const TRAIT_NAMES: [&str; TRAITS] =
    ["pitch", "tract", "breathiness", "intonation", "pace", "roughness"];

/// Values of the traits of one person.
pub type Traits = [f64; TRAITS];

/// Mean of the first trait of women; that of men is its negative. The difference, in units of the
/// whole variance, is that of the pitch of women and men.
pub const SEX_MIDDLE: f64 = 0.91;

/// A synthetic person.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticPerson {
    /// `s0001`, `s0002`, …
    pub id: String,
    /// Sex, which determines the mean of the first trait.
    pub sex: Sex,
    /// Age in years, a function of the roughness of the voice only.
    pub age: u32,
    /// The traits of the voice.
    pub voice: Traits,
    /// The traits of the face: `strength · voice + √(1 - strength²) · noise`.
    pub face: Traits,
}

/// `count` people, whose traits of face and voice have the correlation `strength`, 0 to 1. A larger
/// population starts with the people of a smaller one.
pub fn population(count: usize, strength: f64, seed: u64) -> Vec<SyntheticPerson> {
    (1..=count)
        .map(|number| {
            let mut random = stream(seed, "person", &[number]);
            let sex = if random.random() { Sex::Female } else { Sex::Male };
            let mut voice: Traits = std::array::from_fn(|_| StandardNormal.sample(&mut random));
            let middle = if sex == Sex::Female { SEX_MIDDLE } else { -SEX_MIDDLE };
            voice[0] = middle + within_sex() * voice[0];
            let face = face_of(&voice, strength, &mut random);
            let age = (45.0 + 12.0 * voice[5]).clamp(18.0, 85.0) as u32;
            SyntheticPerson { id: format!("s{number:04}"), sex, age, voice, face }
        })
        .collect()
}

/// Draws the faces again, with the same voices and the same correlation: two samples of the faces
/// that go with each voice.
pub fn give_other_faces(people: &mut [SyntheticPerson], strength: f64, seed: u64) {
    for (number, person) in (1..).zip(people) {
        let mut random = stream(seed, "face", &[number]);
        person.face = face_of(&person.voice, strength, &mut random);
    }
}

/// The traits of a random face of a voice.
fn face_of(voice: &Traits, strength: f64, random: &mut StdRng) -> Traits {
    voice.map(|trait_| {
        let noise: f64 = StandardNormal.sample(random);
        strength * trait_ + (1.0 - strength * strength).sqrt() * noise
    })
}

/// Standard deviation of the first trait within a sex.
pub(super) fn within_sex() -> f64 {
    (1.0 - SEX_MIDDLE * SEX_MIDDLE).sqrt()
}

/// A random number generator for one purpose and item, independent of all others, so that the order
/// in which items are made does not matter.
pub(super) fn stream(seed: u64, purpose: &str, numbers: &[usize]) -> StdRng {
    let mut hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(purpose);
    for &number in numbers {
        hash.update((number as u64).to_le_bytes());
    }
    StdRng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_have_mean_0_variance_1_and_the_given_correlation() {
        let people = population(20_000, 0.8, 3);
        let count = people.len() as f64;
        for index in 0..TRAITS {
            let mean = |value: &dyn Fn(&SyntheticPerson) -> f64| {
                people.iter().map(value).sum::<f64>() / count
            };
            // Standard errors of a mean, a variance and a correlation over 20 000: below 0.01.
            let check = |name: &str, value: f64, expected: f64| {
                assert!((value - expected).abs() < 0.03, "trait {index}, {name}: {value}");
            };
            check("mean of voice", mean(&|p| p.voice[index]), 0.0);
            check("mean of face", mean(&|p| p.face[index]), 0.0);
            check("variance of voice", mean(&|p| p.voice[index].powi(2)), 1.0);
            check("variance of face", mean(&|p| p.face[index].powi(2)), 1.0);
            check("correlation", mean(&|p| p.voice[index] * p.face[index]), 0.8);
        }
    }

    #[test]
    fn two_faces_of_a_voice_are_independent_given_the_voice() {
        let people = population(20_000, 0.8, 3);
        let mut others = people.clone();
        give_other_faces(&mut others, 0.8, 3);
        let both = || people.iter().zip(&others);
        assert!(both().all(|(a, b)| a.voice == b.voice && a.id == b.id));
        let mean = |value: &dyn Fn(&SyntheticPerson, &SyntheticPerson) -> f64| {
            both().map(|(a, b)| value(a, b)).sum::<f64>() / people.len() as f64
        };
        // Correlations of 0.8 with the voice, hence of 0.64 with each other.
        for index in 0..TRAITS {
            let with_voice = mean(&|_, b| b.voice[index] * b.face[index]);
            let with_other = mean(&|a, b| a.face[index] * b.face[index]);
            assert!((with_voice - 0.8).abs() < 0.03, "{with_voice}");
            assert!((with_other - 0.64).abs() < 0.03, "{with_other}");
        }
    }

    #[test]
    fn a_larger_population_begins_with_the_smaller_one() {
        let few = population(5, 0.9, 1);
        assert_eq!(population(9, 0.9, 1)[..5], few);
        assert_ne!(population(5, 0.9, 2), few);
        assert_eq!(few[0].id, "s0001");
    }
}
