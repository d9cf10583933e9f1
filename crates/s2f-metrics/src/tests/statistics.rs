//! Statistics against SciPy, statsmodels, scikit-learn and NumPy:
//! `reference/metrics/statistics.py`.

use serde_json::Value;

use super::{cases, near, number, numbers, read};
use crate::{
    Bootstrap, Moments, SumAndCount, Uncertainty, clopper_pearson, combine, holm, moments, pearson,
    pearson_p, probability_less, quantile, sign_flip_p, wilson,
};

fn reference() -> Value {
    read("statistics.json")
}

fn sum(x: &[f64], y: &[f64]) -> Moments {
    x.iter().zip(y).fold([0.0; 6], |mut sum, (&x, &y)| {
        sum.iter_mut().zip(moments(x, y)).for_each(|(sum, x)| *sum += x);
        sum
    })
}

/// Compares relative to `expected`, with allowance for two roundings of r: p is proportional to
/// (1 - r²) to the power of half the number of pairs.
fn near_p(found: f64, expected: f64, r: f64, count: usize) {
    let of_r = count as f64 * f64::EPSILON / (1.0 - r * r);
    near(found / expected, 1.0, 1e-12 + of_r, &(r, count, expected));
}

#[test]
fn correlations_are_those_of_scipy() {
    for case in cases(&reference(), "correlations") {
        let (x, y, r) = (numbers(case, "x"), numbers(case, "y"), number(case, "r"));
        // In sums of squares of values of about 10, two of sixteen digits are lost to the mean.
        near(pearson(&sum(&x, &y)), r, 1e-13, case);
        near_p(pearson_p(r, x.len()).unwrap(), number(case, "p"), r, x.len());
    }
    for case in cases(&reference(), "p_values") {
        let (r, count) = (number(case, "r"), number(case, "count") as usize);
        near_p(pearson_p(r, count).unwrap(), number(case, "p"), r, count);
    }
}

#[test]
fn corrections_are_those_of_statsmodels() {
    for case in cases(&reference(), "corrections") {
        for (found, expected) in holm(&numbers(case, "p")).iter().zip(numbers(case, "corrected")) {
            // A product of two numbers.
            near(*found, expected, 1e-15, case);
        }
    }
}

#[test]
fn intervals_of_shares_are_those_of_statsmodels() {
    for case in cases(&reference(), "shares") {
        let (hits, count) = (number(case, "hits"), number(case, "count"));
        let found = wilson(hits / count, count);
        for (found, expected) in found.iter().zip(numbers(case, "interval")) {
            // A difference of two values up to 3, which may be zero.
            near(*found, expected, 1e-14, case);
        }
    }
}

#[test]
fn quantiles_are_those_of_numpy() {
    for case in cases(&reference(), "quantiles") {
        let sorted = numbers(case, "sorted");
        for (at, expected) in numbers(case, "at").into_iter().zip(numbers(case, "quantiles")) {
            // Rounding of a position between two of at most 40 values of about 1.
            near(quantile(&sorted, at), expected, 1e-13, case);
        }
    }
}

#[test]
fn the_probability_of_less_is_the_area_under_the_curve_of_scikit_learn() {
    for case in cases(&reference(), "probabilities") {
        let found = probability_less(&numbers(case, "a"), &numbers(case, "b"));
        // A sum of at most 600 halves.
        near(found, number(case, "less"), 1e-14, case);
    }
}

#[test]
fn sign_flips_are_those_of_scipy() {
    for case in cases(&reference(), "flips") {
        let (p, drawn) = (number(case, "p"), case["drawn"].as_f64());
        let variance = p * (1.0 - p);
        // Four standard errors of 10 000 draws here and of those there, if not all were counted.
        let error = (variance / 1e4 + drawn.map_or(0.0, |drawn| variance / drawn)).sqrt();
        near(sign_flip_p(&numbers(case, "differences"), 3), p, 4.0 * error + 1e-4, case);
    }
}

#[test]
fn exact_intervals_of_shares_are_those_of_statsmodels() {
    for case in cases(&reference(), "exact") {
        let (hits, count) = (number(case, "hits"), number(case, "count"));
        let found = clopper_pearson(hits / count, count);
        for (found, expected) in found.iter().zip(numbers(case, "interval")) {
            // Both find the quantile of a beta distribution by iteration.
            near(*found, expected, 1e-10, case);
        }
    }
}

#[test]
fn combined_intervals_are_newcombes_in_statsmodels() {
    for case in cases(&reference(), "differences") {
        let term = |weight: f64, hits: &str, count: &str| {
            let (hits, count) = (number(case, hits), number(case, count));
            (weight, hits / count, wilson(hits / count, count))
        };
        let found = combine(&[term(1.0, "hits_a", "count_a"), term(-1.0, "hits_b", "count_b")]);
        for (found, expected) in found.iter().zip(numbers(case, "interval")) {
            // Sums and roots of values up to 1.
            near(*found, expected, 1e-12, case);
        }
    }
}

#[test]
fn the_interval_of_a_mean_is_that_of_resampling_speakers_with_all_of_their_clips() {
    let reference = reference();
    let expected = &reference["bootstrap"];
    let mut sums = vec![[0.0; 2]; 40];
    let people = &reference["people"];
    for (speaker, x) in numbers(people, "speakers").iter().zip(numbers(people, "x")) {
        let [sum, count]: &mut SumAndCount = &mut sums[*speaker as usize];
        *sum += x;
        *count += 1.0;
    }
    let bootstrap = Bootstrap::new(40, number(expected, "draws") as usize, 1);
    let Uncertainty { interval, standard_error } = bootstrap.mean(&sums).unwrap();
    let expected_error = number(&expected["mean"], "error");
    // A 2.5 % quantile of 20 000 normal draws has a standard error of
    // √(0.025·0.975 / 20 000) / φ(1.96) = 0.019 deviations; two of them differ by √2 as much, and
    // four times that is 0.107.
    for (found, expected) in interval.iter().zip(numbers(&expected["mean"], "interval")) {
        near(*found, expected, 0.107 * expected_error, &"mean");
    }
    // Each is known to 1 / √40 000 of itself: times √2, times 4.
    near(standard_error / expected_error, 1.0, 0.03, &"error");
    // Resampling clips would be noticed.
    assert!(number(&expected["mean_by_pair"], "error") < 0.7 * standard_error);
}
