//! Correlations, tests of significance, and the correction for several tests.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The sums from which a correlation is computed: n, Σx, Σy, Σx², Σy², Σxy.
pub type Moments = [f64; 6];

/// The moments of one observation.
pub fn moments(x: f64, y: f64) -> Moments {
    [1.0, x, y, x * x, y * y, x * y]
}

/// Pearson's r (-1 to 1) from sums of [`moments`]; not a number if x or y does not vary.
pub fn pearson(&[n, x, y, xx, yy, xy]: &Moments) -> f64 {
    let (vx, vy) = (xx - x * x / n, yy - y * y / n);
    // The variance of equal values is rounding error.
    if vx <= 1e-12 * xx || vy <= 1e-12 * yy {
        return f64::NAN;
    }
    ((xy - x * y / n) / (vx * vy).sqrt()).clamp(-1.0, 1.0)
}

/// Two-sided p-value of a Pearson correlation of `count` independent pairs of values, against no
/// correlation, from Student's t with `count` - 2 degrees of freedom; `None` for fewer than three
/// pairs, or if `r` is not a number.
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

/// p-values of several tests, corrected so that the probability of any false positive among them
/// is no larger than that of a single test (Holm, *A simple sequentially rejective multiple test
/// procedure*, 1979). In the order of `p`.
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

/// Random draws of a sign-flip test.
const FLIPS: usize = 10_000;

/// Two-sided p-value of "no difference" between two models, from each speaker's difference, by
/// flipping signs at random: if the models are equally good, each difference is as likely to have
/// the opposite sign (Fisher's randomisation test, *The Design of Experiments*, 1935). From 10 000
/// draws, so never below 1 / 10 001.
pub fn sign_flip_p(differences: &[f64], seed: u64) -> f64 {
    let present: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let observed = present.iter().sum::<f64>().abs();
    let mut random = SmallRng::seed_from_u64(seed);
    let mut as_large = 0;
    // One random word flips 64 signs.
    for _ in 0..FLIPS {
        let mut sum = 0.0;
        for some in present.chunks(64) {
            let mut word: u64 = random.random();
            for difference in some {
                sum += if word & 1 == 1 { *difference } else { -difference };
                word >>= 1;
            }
        }
        // Sums in a different order differ in their last digits.
        as_large += usize::from(sum.abs() >= observed * (1.0 - 1e-12));
    }
    // The observed signs are one of the possible draws (Phipson & Smyth, 2010).
    (as_large + 1) as f64 / (FLIPS + 1) as f64
}

/// Probability that a value of `a` is below a value of `b`; ties count half. The area under the ROC
/// curve, or Mann-Whitney's U over the number of pairs.
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
    fn holm_by_hand() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.5]);
        for (found, expected) in corrected.iter().zip([0.04, 0.09, 0.09, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{corrected:?}");
        }
    }

    #[test]
    fn flipped_signs_are_counted() {
        // 12 speakers, all with the same sign: 2 of 4096 sign patterns give as large a sum.
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
}
