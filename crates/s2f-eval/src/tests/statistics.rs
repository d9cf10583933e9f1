//! Scores against `reference/metrics/statistics.py`; the statistics themselves are tested in
//! `s2f_metrics`.

use s2f_core::Sex;
use s2f_metrics::{Bootstrap, Rank, Uncertainty};
use serde_json::Value;

use super::reference::{cases, counts, items, near, number, numbers, read};
use crate::items::Items;
use crate::report::Unit;
use crate::scorer::{Baseline, Scorer};
use crate::sections::confusion::confusion;

fn reference() -> Value {
    read("statistics.json")
}

/// Speakers with clips, and two values for each clip.
fn people() -> (Items, Vec<f64>, Vec<f64>) {
    let reference = reference();
    let people = &reference["people"];
    let speakers: Vec<usize> = counts(people, "speakers").into_iter().flatten().collect();
    (items(&speakers, &[None; 40]), numbers(people, "x"), numbers(people, "y"))
}

/// Compares the bounds of a bootstrap with those of the same number of other draws.
fn near_spread(interval: [f64; 2], step: f64, expected: &Value, what: &str) {
    let deviation = number(expected, "error");
    // A 2.5 % quantile of 20 000 normal draws has a standard error of
    // √(0.025·0.975 / 20 000) / φ(1.96) = 0.019 deviations; the difference of two of them
    // has √2 times that, and four times that is 0.107. Discrete statistics may differ by one
    // `step` more.
    for (found, expected) in interval.iter().zip(numbers(expected, "interval")) {
        near(*found, expected, 0.107 * deviation + step, &what);
    }
}

#[test]
fn intervals_are_those_of_drawing_speakers_with_all_of_their_clips() {
    let (items, x, y) = people();
    let reference = reference();
    let expected = &reference["bootstrap"];
    let draws = number(expected, "draws") as usize;
    let bootstrap = Bootstrap::new(40, draws, 1);
    let mut scorer = Scorer::new(&items, &bootstrap);
    let Uncertainty { interval, standard_error: error } =
        bootstrap.mean(&scorer.by_speaker(&x)).unwrap();
    near_spread(interval, 0.0, &expected["mean"], "mean");
    // Each has a relative error of 1 / √40 000: times √2, times 4.
    near(error / number(&expected["mean"], "error"), 1.0, 0.03, &"error");
    // Resampling clips instead of speakers would fail here.
    assert!(number(&expected["mean_by_pair"], "error") < 0.7 * error);

    scorer.mean("mean", Unit::Plain, &x, Baseline::default());
    scorer.correlation("correlation", &x, &y);
    let closer = |pair: usize| x.iter().filter(|other| **other < x[pair]).count() as u32;
    let rank = |pair: usize| Some(Rank { closer: closer(pair), ties: 0, others: 1000 });
    scorer.median_rank("median_place", &(0..x.len()).map(rank).collect::<Vec<_>>());
    for (name, step) in [("mean", 0.0), ("correlation", 0.0), ("median_place", 1.0)] {
        let score = scorer.get(name).unwrap();
        // Sums in another order.
        near(score.value, number(&expected[name], "value"), 1e-12, &name);
        near_spread(score.interval.unwrap(), step, &expected[name], name);
    }
}

#[test]
fn r_within_groups_is_that_of_a_regression_with_a_mean_for_each_group() {
    let (items, mut x, mut y) = people();
    let reference = reference();
    let expected = &reference["within_groups"];
    let groups = counts(expected, "groups");
    for (pair, item) in items.items.iter().enumerate() {
        // Something that only groups have in common.
        let shift = number(expected, "shift") * (item.speaker % 3) as f64;
        x[pair] += shift;
        y[pair] += shift;
    }
    let bootstrap = Bootstrap::new(40, 100, 1);
    let mut scorer = Scorer::new(&items, &bootstrap);
    scorer.correlation_within("within", &x, &y, |pair| {
        groups[items.items[pair].speaker].map(|group| group as u32)
    });
    let score = scorer.get("within").unwrap();
    // Sums in another order.
    near(score.value, number(expected, "r"), 1e-12, &"r");
    near(score.p.unwrap(), number(expected, "p"), 1e-12, &"p");
}

#[test]
fn confusion_and_accuracy_are_those_of_scikit_learn() {
    let reference = reference();
    let expected = &reference["classes"];
    let (truth, found) = (counts(expected, "truth"), counts(expected, "found"));
    let speakers: Vec<usize> = (0..truth.len()).map(|pair| pair / 3).collect();
    let items = items(&speakers, &[None::<Sex>; 40]);
    let bootstrap = Bootstrap::new(40, 100, 1);
    let mut scorer = Scorer::new(&items, &bootstrap);
    let names = ["a", "b", "c"].map(String::from);
    confusion(&mut scorer, "", "classes", &names, &truth, &found);
    for (row, counts) in cases(expected, "confusion").iter().enumerate() {
        let counts: Vec<f64> =
            counts.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
        for (column, count) in counts.iter().enumerate() {
            let id = format!("classes/{}-as-{}", names[row], names[column]);
            assert_eq!(scorer.get(&format!("{id}/count")).unwrap().value, *count);
            // A quotient.
            let share = 100.0 * count / counts.iter().sum::<f64>();
            near(scorer.get(&id).unwrap().value, share, 1e-12, &id);
        }
    }
    let right = truth.iter().zip(&found).map(|pair| match pair {
        (Some(truth), Some(found)) => f64::from(truth == found),
        _ => f64::NAN,
    });
    let right: Vec<f64> = right.collect();
    scorer.share("accuracy", &right, Baseline::default());
    scorer.balanced("classes/balanced-accuracy", &truth, &right);
    for (id, name) in [("accuracy", "accuracy"), ("classes/balanced-accuracy", "balanced_accuracy")]
    {
        // Quotients of counts.
        near(scorer.get(id).unwrap().value, 100.0 * number(expected, name), 1e-12, &name);
    }
}
