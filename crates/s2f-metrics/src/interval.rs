//! Confidence intervals in closed form, all of them 95 % and two-sided.
//!
//! | interval of | function | source |
//! |---|---|---|
//! | a share | [`clopper_pearson`], [`wilson`] | Clopper & Pearson 1934, Wilson 1927 |
//! | a weighted sum of shares | [`combine`] | Newcombe 1998, Zou & Donner 2008 |
//! | a correlation | [`fisher`] | Fisher 1921 |
//! | any statistic, from its bootstrap draws | [`percentile`] | Efron 1979, Hesterberg 2015 |
//!
//! [`crate::Bootstrap`] resamples speakers and decides which of them a score gets.

use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

/// 97.5 % quantile of the standard normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// Probability that lies beyond each end of an interval.
const TAIL: f64 = 0.025;

/// Wilson's interval of a share (0 to 1) seen in `count` observations (Wilson, *Probable
/// inference*, JASA 22, 1927). Its coverage is 95 % on average over all shares, but as low as 81 %
/// for some shares if observations are few.
pub fn wilson(share: f64, count: f64) -> [f64; 2] {
    let z2 = Z * Z / count;
    let middle = share + z2 / 2.0;
    let half = Z * ((share * (1.0 - share) + z2 / 4.0) / count).sqrt();
    [middle - half, middle + half].map(|bound| (bound / (1.0 + z2)).clamp(0.0, 1.0))
}

/// The exact interval of a share (0 to 1) seen in `count` observations: it covers the true share
/// in at least 95 % of samples, for any share and any sample size (Clopper & Pearson,
/// *The use of confidence or fiducial limits*, Biometrika 26, 1934).
///
/// With h = share · count hits, the lower bound is the 2.5 % quantile of Beta(h, count - h + 1)
/// and the upper bound the 97.5 % quantile of Beta(h + 1, count - h). Neither h nor `count` needs
/// to be whole. The lower bound is always below the upper one.
pub fn clopper_pearson(share: f64, count: f64) -> [f64; 2] {
    let hits = (share * count).clamp(0.0, count);
    let misses = count - hits;
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).ok().map(|beta| beta.inverse_cdf(p));
    // Without hits (or misses) a parameter is 0, and the bound is the end of the scale.
    let low = quantile(hits, misses + 1.0, TAIL).unwrap_or(0.0);
    let high = quantile(hits + 1.0, misses, 1.0 - TAIL).unwrap_or(1.0);
    [low, high]
}

/// A term of a weighted sum: its weight, its estimate, and the 95 % interval of the estimate.
pub type Term = (f64, f64, [f64; 2]);

/// Interval of a weighted sum of independent estimates, from the interval of each one.
///
/// The distance from the sum to its lower bound is the root of the sum of squares of the distances
/// from each estimate to the bound that lowers the sum, and likewise for the upper bound: MOVER,
/// the *method of variance estimates recovery* (Zou & Donner, Statistics in Medicine 27, 2008),
/// which for the difference of two shares is Newcombe's method 10 (Statistics in Medicine 17,
/// 1998). Each distance stands for 1.96 standard errors near that bound, so that their squares add
/// up as variances do.
pub fn combine(terms: &[Term]) -> [f64; 2] {
    let (mut sum, mut below, mut above) = (0.0, 0.0, 0.0);
    for &(weight, estimate, [low, high]) in terms {
        let ends = [weight * (low - estimate), weight * (high - estimate)];
        sum += weight * estimate;
        below += ends[0].min(ends[1]).powi(2);
        above += ends[0].max(ends[1]).powi(2);
    }
    [sum - below.sqrt(), sum + above.sqrt()]
}

/// Interval of a Pearson correlation of `count` independent pairs of normally distributed values
/// (Fisher, *On the probable error of a coefficient of correlation*, 1921). [-1, 1] for fewer than
/// four pairs.
pub fn fisher(r: f64, count: usize) -> [f64; 2] {
    let half = match count.checked_sub(3) {
        None | Some(0) => return [-1.0, 1.0],
        Some(freedom) => Z / (freedom as f64).sqrt(),
    };
    [r.atanh() - half, r.atanh() + half].map(f64::tanh)
}

/// Interval of a statistic from its bootstrap draws, in which `speakers` were resampled; `None` if
/// fewer than two draws are finite.
pub fn percentile(mut draws: Vec<f64>, speakers: usize) -> Option<[f64; 2]> {
    draws.retain(|draw| draw.is_finite());
    if draws.len() < 2 {
        return None;
    }
    draws.sort_unstable_by(f64::total_cmp);
    Some(percentile_levels(speakers).map(|level| quantile(&draws, level)))
}

/// Which quantiles of the draws of `speakers` speakers bound a 95 % interval: the *expanded*
/// percentiles (Hesterberg, *What Teachers Should Know about the Bootstrap*, The American
/// Statistician 69, 2015). Draws vary too little by a factor of √((n - 1) / n), and their tails are
/// those of the normal distribution instead of Student's t.
pub fn percentile_levels(speakers: usize) -> [f64; 2] {
    let n = speakers as f64;
    let student = StudentsT::new(0.0, 1.0, n - 1.0).map(|t| t.inverse_cdf(1.0 - TAIL));
    let Ok(quantile) = student else { return [0.0, 1.0] };
    let tail = Normal::standard().cdf(-(n / (n - 1.0)).sqrt() * quantile);
    [tail, 1.0 - tail]
}

/// Quantile (`level` from 0 to 1) of sorted values, linear between two of them (type 7 of Hyndman &
/// Fan, as in NumPy); not a number if there are none.
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = level * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fisher_in_closed_form() {
        // Uncorrelated: ± tanh of 1.96 standard errors of 1/√(n - 3).
        let [low, high] = fisher(0.0, 28);
        assert!((high - (Z / 5.0).tanh()).abs() < 1e-12 && low == -high);
        assert_eq!(fisher(0.5, 3), [-1.0, 1.0]);
    }

    #[test]
    fn all_or_nothing_in_closed_form() {
        // No hit of n: the upper bound u has (1 - u)ⁿ = 2.5 %.
        for count in [1.0, 2.0, 7.0, 100.0] {
            let [low, high] = clopper_pearson(0.0, count);
            assert!(low == 0.0 && ((1.0 - high).powf(count) / TAIL - 1.0).abs() < 1e-9, "{count}");
            let [mirrored, one] = clopper_pearson(1.0, count);
            assert!((mirrored - (1.0 - high)).abs() < 1e-12 && one == 1.0);
        }
    }

    #[test]
    fn exact_intervals_leave_2_5_percent_on_each_side_for_shares_between_two_counts_too() {
        for tenths in 1..200_u32 {
            let (count, hits) = (20.0, f64::from(tenths) / 10.0);
            let [low, high] = clopper_pearson(hits / count, count);
            assert!(low < hits / count && hits / count < high, "{hits}");
            let below = Beta::new(hits, count - hits + 1.0).unwrap().cdf(low);
            let above = Beta::new(hits + 1.0, count - hits).unwrap().sf(high);
            // A bound within 1e-9 of an end of the scale need not be more precise.
            assert!((below - TAIL).abs() < 1e-9 || low < 1e-9, "{hits}: {low}");
            assert!((above - TAIL).abs() < 1e-9 || high > 1.0 - 1e-9, "{hits}: {high}");
        }
    }

    #[test]
    fn one_term_keeps_its_interval_and_equal_terms_shrink_like_a_mean() {
        let interval = [0.2, 0.9];
        let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(combine(&[(1.0, 0.5, interval)]), interval));
        assert!(close(combine(&[(-1.0, 0.5, interval)]), [-0.9, -0.2]));
        let mean_of_four = combine(&[(0.25, 0.5, interval); 4]);
        assert!(close(mean_of_four, [0.5 - 0.3 / 2.0, 0.5 + 0.4 / 2.0]));
    }
}
