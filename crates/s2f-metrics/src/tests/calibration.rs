//! Scores of distributions against plain loops, closed forms and SciPy:
//! `reference/metrics/calibration.py`.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{cases, near, number, numbers, read};
use crate::{
    Uniformity, Vectors, coverage, density_level, energy_score, mean_distance, rank_histogram,
    uniformity,
};

fn floats(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

#[test]
fn energy_scores_are_those_of_plain_loops() {
    for case in cases(&read("calibration.json"), "energy") {
        let rows = cases(case, "samples").iter();
        let rows: Vec<f32> = rows
            .flat_map(|row| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32))
            .collect();
        let truth = floats(&numbers(case, "truth"));
        let samples = Vectors::new(rows, truth.len());
        // Values in f32: seven digits.
        near(mean_distance(&samples), number(case, "distance"), 2e-6, &"distance");
        near(energy_score(&samples, &truth), number(case, "score"), 2e-6, &"score");
    }
    let one = Vectors::new(vec![3.0, 4.0], 2);
    assert_eq!(energy_score(&one, &[0.0, 0.0]), 5.0);
    assert!(energy_score(&Vectors::default(), &[]).is_nan());
}

#[test]
fn in_one_dimension_it_is_the_continuous_ranked_probability_score() {
    let reference = &read("calibration.json")["ranked_probability"];
    let samples = Vectors::new(floats(&numbers(reference, "quantiles")), 1);
    for case in cases(reference, "cases") {
        let found = energy_score(&samples, &[number(case, "truth") as f32]);
        // 400 quantiles instead of the distribution: the mean distance of different ones is larger
        // than 2/√π by about 1/400 of it, less what their middles leave out in the tails.
        near(found, number(case, "score"), 3e-3, case);
    }
}

#[test]
fn uniformity_is_that_of_scipy() {
    for case in cases(&read("calibration.json"), "uniformity") {
        let Uniformity { distance, p } = uniformity(&numbers(case, "levels")).unwrap();
        near(distance, number(case, "distance"), 1e-14, &"distance");
        // Sums of at most twenty terms up to 2.
        near(p, number(case, "p"), 1e-13, &"p");
    }
    assert_eq!(uniformity(&[]), None);
}

#[test]
fn levels_of_a_calibrated_distribution_are_uniform_and_of_a_narrow_one_not() {
    const TRUTHS: usize = 4000;
    const SAMPLES: usize = 99;
    let mut random = SmallRng::seed_from_u64(2);
    // Triangular densities on [-1, 1], whose logarithm is ln(1 - |x|); predicted with a width.
    let mut levels = |width: f64| -> Vec<f64> {
        let mut triangular = |width: f64| (random.random::<f64>() - random.random::<f64>()) * width;
        let log_density = |x: f64| (1.0 - (x / width).abs()).max(0.0).ln();
        let level = |_| {
            let truth = log_density(triangular(1.0));
            let samples: Vec<f64> = (0..SAMPLES).map(|_| log_density(triangular(width))).collect();
            density_level(truth, &samples)
        };
        (0..TRUTHS).map(level).collect()
    };
    let calibrated = levels(1.0);
    for level in [0.5, 0.8, 0.95] {
        // Four standard errors.
        let error = 4.0 * (level * (1.0 - level) / TRUTHS as f64).sqrt();
        near(coverage(&calibrated, level), level, error, &level);
    }
    assert!(uniformity(&calibrated).unwrap().p > 1e-3);
    // P(|x| ≤ 0.5·w·(1 - √(1 - α)))… of a triangle of half the width: the region of 50 % is
    // |x| ≤ ½(1 - √½), which truly has probability 1 - (1 - that)².
    let region: f64 = 0.5 * (1.0 - 0.5_f64.sqrt());
    let narrow = levels(0.5);
    near(coverage(&narrow, 0.5), 1.0 - (1.0 - region).powi(2), 0.03, &"narrow");
    assert!(uniformity(&narrow).unwrap().p < 1e-9);
}

#[test]
fn levels_and_histograms_by_hand() {
    assert_eq!(density_level(0.0, &[]), 0.5);
    assert_eq!(density_level(f64::NEG_INFINITY, &[0.0, 1.0]), 2.5 / 3.0);
    assert_eq!(density_level(1.0, &[1.0, 1.0, 2.0]), 2.5 / 4.0);
    assert_eq!(rank_histogram(&[0.0, 0.1, 0.3, 0.99, 1.0], 4), [2, 1, 0, 2]);
    assert!(rank_histogram(&[0.5], 0).is_empty());
    assert_eq!(coverage(&[0.1, 0.5, 0.9], 0.5), 2.0 / 3.0);
    assert!(coverage(&[], 0.5).is_nan());
}
