//! Correlations, tests and corrections.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Sums that a correlation follows from: n, Σx, Σy, Σx², Σy², Σxy.
pub type Moments = [f64; 6];

/// The moments of one observation.
pub fn moments(x: f64, y: f64) -> Moments {
    [1.0, x, y, x * x, y * y, x * y]
}

/// Pearson's r from sums of [`moments`]; not a number where x or y does not vary.
pub fn pearson(&[n, x, y, xx, yy, xy]: &Moments) -> f64 {
    let (vx, vy) = (xx - x * x / n, yy - y * y / n);
    // What is left over of equal numbers is rounding.
    if vx <= 1e-12 * xx || vy <= 1e-12 * yy {
        return f64::NAN;
    }
    ((xy - x * y / n) / (vx * vy).sqrt()).clamp(-1.0, 1.0)
}

/// Two-sided p-value of a Pearson correlation of `count` independent pairs of numbers against none,
/// by Student's t with `count` - 2 degrees of freedom.
pub fn pearson_p(r: f64, count: usize) -> Option<f64> {
    let freedom = count.checked_sub(2).filter(|&f| f > 0)? as f64;
    if !r.is_finite() {
        return None;
    }
    let t = r.abs() * (freedom / (1.0 - r * r).max(0.0)).sqrt();
    if t.is_infinite() {
        return Some(0.0);
    }
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(2.0 * student.sf(t))
}

/// 95 % interval of a correlation of `count` independent pairs of normal numbers (Fisher, 1921).
pub fn fisher_interval(r: f64, count: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let half = match count.checked_sub(3) {
        None | Some(0) => return [-1.0, 1.0],
        Some(free) => Z / (free as f64).sqrt(),
    };
    [r.atanh() - half, r.atanh() + half].map(f64::tanh)
}

/// p-values of several tests, each corrected so that all together are wrong at most as often as one
/// (Holm, 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (place, &test) in order.iter().enumerate() {
        largest = largest.max(((p.len() - place) as f64 * p[test]).min(1.0));
        corrected[test] = largest;
    }
    corrected
}

/// Draws of a sign-flip test.
const FLIPS: usize = 10_000;

/// Two-sided p-value of "no difference" from the differences of speakers, by turning the signs of
/// speakers at random: if the two models are alike, each speaker's difference is as likely the
/// other way round.
pub fn sign_flip_p(differences: &[f64], seed: u64) -> f64 {
    let present: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let seen = present.iter().sum::<f64>().abs();
    let mut random = SmallRng::seed_from_u64(seed);
    let mut as_large = 0;
    // A random word turns 64 signs.
    for _ in 0..FLIPS {
        let mut sum = 0.0;
        for some in present.chunks(64) {
            let mut word: u64 = random.random();
            for difference in some {
                sum += if word & 1 == 1 { *difference } else { -difference };
                word >>= 1;
            }
        }
        // Sums in another order differ in their last digits.
        as_large += usize::from(sum.abs() >= seen * (1.0 - 1e-12));
    }
    // What was seen is one of the possible draws.
    (as_large + 1) as f64 / (FLIPS + 1) as f64
}

/// Probability that one of `a` is smaller than one of `b`; ties count half.
pub fn probability_less(a: &[f64], b: &[f64]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let wins = a.iter().map(|a| {
        let (below, not_above) =
            (sorted.partition_point(|b| b < a), sorted.partition_point(|b| b <= a));
        (sorted.len() - not_above) as f64 + 0.5 * (not_above - below) as f64
    });
    wins.sum::<f64>() / (a.len() * b.len()) as f64
}

/// Numbers 0 to `groups.len()` - 1 in an order in which nobody keeps their own place, and each gets
/// the place of somebody of the same group; who is alone in a group keeps it and is `None`.
///
/// A random cycle through each group: the control with another person's voice.
pub fn derange(groups: &[Option<u32>], seed: u64) -> Vec<Option<usize>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut members: std::collections::BTreeMap<u32, Vec<usize>> =
        std::collections::BTreeMap::new();
    for (place, group) in groups.iter().enumerate() {
        if let Some(group) = group {
            members.entry(*group).or_default().push(place);
        }
    }
    let mut taken = vec![None; groups.len()];
    for mut members in members.into_values().filter(|members| members.len() > 1) {
        for last in (1..members.len()).rev() {
            members.swap(last, random.random_range(0..=last));
        }
        for (place, &member) in members.iter().enumerate() {
            taken[member] = Some(members[(place + 1) % members.len()]);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_in_closed_form() {
        let sum = |pairs: &[(f64, f64)]| {
            pairs.iter().fold([0.0; 6], |mut sum, &(x, y)| {
                sum.iter_mut().zip(moments(x, y)).for_each(|(sum, x)| *sum += x);
                sum
            })
        };
        assert!((pearson(&sum(&[(1.0, 2.0), (2.0, 4.0), (5.0, 10.0)])) - 1.0).abs() < 1e-12);
        assert!((pearson(&sum(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]))).abs() < 1e-12);
        assert!(pearson(&sum(&[(0.1, 1.0), (0.1, 2.0), (0.1, 3.0)])).is_nan());
        assert_eq!(pearson_p(1.0, 9), Some(0.0));
        assert_eq!(pearson_p(0.5, 2), None);
    }

    #[test]
    fn fisher_in_closed_form() {
        // Uncorrelated: ± tanh of 1.96 standard errors of 1/√(n - 3).
        let [low, high] = fisher_interval(0.0, 28);
        assert!((high - (1.959_963_984_540_054_f64 / 5.0).tanh()).abs() < 1e-12 && low == -high);
        assert_eq!(fisher_interval(0.5, 3), [-1.0, 1.0]);
    }

    #[test]
    fn holm_by_hand() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.5]);
        for (found, expected) in corrected.iter().zip([0.04, 0.09, 0.09, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{corrected:?}");
        }
    }

    #[test]
    fn flipped_signs_are_counted() {
        // All of 12 speakers the same way: 2 of 4096 ways of turning signs are as large.
        let p = sign_flip_p(&[1.0; 12], 0);
        assert!(
            (p - 2.0 / 4096.0).abs() < 4.0 * (2.0 / 4096.0 / FLIPS as f64).sqrt() + 1e-4,
            "{p}"
        );
        assert!(sign_flip_p(&[1.0, -1.0, 0.5, -0.5], 0) > 0.99);
        assert_eq!(sign_flip_p(&[], 0), 1.0);
    }

    #[test]
    fn probability_less_by_hand() {
        assert!((probability_less(&[1.0, 3.0], &[2.0, 3.0]) - 2.5 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn nobody_keeps_their_place_and_groups_stay_together() {
        let groups: Vec<Option<u32>> =
            (0..50).map(|n| if n == 7 { None } else { Some(n % 3) }).collect();
        let taken = derange(&groups, 3);
        let mut seen = [false; 50];
        for (place, other) in taken.iter().enumerate() {
            match other {
                Some(other) => {
                    assert!(*other != place && groups[*other] == groups[place]);
                    assert!(!std::mem::replace(&mut seen[*other], true));
                }
                None => assert_eq!(place, 7),
            }
        }
        assert_eq!(derange(&[Some(1), Some(2)], 0), [None, None]);
    }
}
