//! The section on distributions: of a model whose distribution is known.

use std::fs;

use s2f_pairs::Pair;

use super::samples::{humming_pair, random_model, set};
use crate::{EvaluationOptions, evaluate};

const PEOPLE: usize = 20;

#[test]
fn a_head_that_has_learnt_nothing_explains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = random_model(folder.path(), &[]);

    let pairs: Vec<Pair> = (0..2 * PEOPLE).map(|n| humming_pair(n / 2, n % 2, 256, 6.0)).collect();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let options = EvaluationOptions {
        max_pairs: 1000,
        max_pictures: 0,
        draws: 100,
        photographs: false,
        ..Default::default()
    };
    let report = evaluate(&model, &set, &out, &options, &mut |_| ()).unwrap().report;
    assert!(report.sections.iter().any(|section| section.id == "distribution"));
    let score = |id: &str| {
        let score = report.scores.iter().find(|score| score.id == format!("distribution/{id}"));
        score.unwrap_or_else(|| panic!("no {id}")).value
    };
    let near = |id: &str, expected: f64, tolerance: f64| {
        let found = score(id);
        assert!((found - expected).abs() <= tolerance, "{id}: {found} instead of {expected}");
    };
    // The head's fresh means are the prior's: with and without a voice all is equal.
    near("log-density/gain", 0.0, 1e-3);
    near("explained", 0.0, 1e-5);
    near("distance/anybody", score("distance/clips"), 0.2);
    // A fresh distribution has deviations of 1, before samples are brought to unit length: they
    // are then at right angles to each other and to the true faces.
    near("distance/within", 2_f64.sqrt(), 0.02);
    near("energy", 2_f64.sqrt() / 2.0, 0.02);
    near("energy/prior", score("energy"), 0.02);
    // Two components of deviation 1 with two factors twice as wide, floor 0.1:
    // -½ ln 2π - ½ ln 1.01, less 1/2·256 of the squares and of the factors.
    near("log-density", -0.5 * (std::f64::consts::TAU * 1.01).ln(), 0.03);
}
