//! Searches and spread of faces against `reference/metrics/retrieval.py`.

use s2f_core::Sex;
use s2f_metrics::{Bootstrap, Distance, Vectors, quantile};
use serde_json::Value;

use super::reference::{cases, counts, items, near, number, numbers, read, rows};
use crate::groups::Control;
use crate::items::Items;
use crate::outcome::{Gap, search};
use crate::scorer::Scorer;
use crate::sections::diversity::{Within, effective_dimensions};

struct Population {
    reference: Value,
    items: Items,
    voices: Vectors,
    faces: Vectors,
    centre: Vec<f32>,
}

impl Population {
    fn new() -> Self {
        let reference = read("retrieval.json");
        let speakers: Vec<usize> = counts(&reference, "speakers").into_iter().flatten().collect();
        let sex = |number: usize| if number == 1 { Sex::Male } else { Sex::Female };
        let sexes: Vec<Option<Sex>> =
            counts(&reference, "sex").into_iter().map(|number| number.map(sex)).collect();
        Self {
            items: items(&speakers, &sexes),
            voices: rows("retrieval_voices.npy"),
            faces: rows("retrieval_faces.npy"),
            centre: numbers(&reference, "centre").into_iter().map(|x| x as f32).collect(),
            reference,
        }
    }
}

#[test]
fn searches_are_those_of_scikit_learn() {
    let Population { reference, items, voices, faces, centre } = Population::new();
    let searches = search(&items, &voices, &faces, &centre, &Distance::ALL);
    let bootstrap = Bootstrap::new(items.speakers.len(), 10, 1);
    let mut scorer = Scorer::new(&items, &bootstrap);
    for kind in Distance::ALL {
        for (among, ranks) in
            [("all", searches.all(kind)), ("same-sex", searches.among(kind, Control::Sex))]
        {
            let id = format!("{}/{among}", kind.name());
            let expected = &reference["searches"][&id];
            let places = ranks.iter().map(|rank| rank.map(|rank| rank.place() as usize));
            assert_eq!(places.collect::<Vec<_>>(), counts(expected, "places"), "{id}");
            // No two faces are too near to be distinguished in single precision.
            assert!(ranks.iter().flatten().all(|rank| rank.ties == 0), "{id}");

            let mut scores = Vec::new();
            for (k, expected) in expected["recall"].as_object().unwrap() {
                let at = k.parse().unwrap();
                scores.push((scorer.recall(&format!("{id}/at-{k}"), ranks, |_| at), expected));
            }
            for (n, expected) in expected["one_of"].as_object().unwrap() {
                let name = format!("{id}/1-of-{n}");
                scores.push((scorer.best_of(&name, ranks, n.parse().unwrap()), expected));
            }
            let median = scorer.median_rank(&format!("{id}/median"), ranks);
            scores.push((median, &expected["median"]));
            for (name, expected) in scores {
                // Means of integers and of their quotients.
                let found = scorer.get(&name).unwrap().value;
                near(found, expected.as_f64().unwrap(), 1e-10, &name);
            }
        }
    }
}

#[test]
fn distances_of_pairs_are_those_of_scipy() {
    let Population { reference, voices, faces, centre, .. } = Population::new();
    for gap in Gap::ALL {
        let gaps = gap.of_pairs(&voices, &faces, &centre, Some);
        let expected = number(&reference["similarity"], gap.name());
        // Differences of features are in single precision: 6e-8 relative to values of about 10.
        let found = gaps.iter().sum::<f64>() / gaps.len() as f64;
        near(found / expected, 1.0, 1e-6, &gap);
    }
}

#[test]
fn dimensions_are_those_of_the_eigenvalues() {
    let Population { reference, voices, faces, .. } = Population::new();
    let few = faces.select(&[0, 1, 2, 3, 4, 5, 6]);
    for (name, rows) in [("voices", &voices), ("faces", &faces), ("few", &few)] {
        let expected = number(&reference["dimensions"], name);
        // Single precision: 6e-8 of each value and of its mean, which is several times larger.
        near(effective_dimensions(rows) / expected, 1.0, 1e-5, &name);
    }
}

#[test]
fn spread_and_its_intervals_are_those_of_drawing_speakers() {
    let Population { reference, items, voices, faces, centre } = Population::new();
    let alike = voices.rows().flat_map(|row| {
        row.iter().zip(&centre).map(|(voice, centre)| centre + 1e-3_f32 * (voice - centre))
    });
    let alike = Vectors::new(alike.collect(), voices.dimension());
    let bootstrap = Bootstrap::new(items.speakers.len(), 4000, 1);
    let (everybody, by_sex) = (vec![Some(0); items.len()], items.groups(Control::Sex));
    for (rows, expected) in [&voices, &faces, &alike].into_iter().zip(cases(&reference, "spread")) {
        for (kind, groups) in [("all", &everybody), ("within_sex", &by_sex)] {
            let what = (&expected["name"], kind);
            let expected = &expected[kind];
            let Within { value, mut draws } = Within::of(rows, &items, groups, &bootstrap);
            // The squares are up to 2e7 times larger than their difference.
            near(value / number(expected, "value"), 1.0, 1e-7, &what);
            draws.sort_unstable_by(f64::total_cmp);
            for (share, bound) in [0.025, 0.975].into_iter().zip(numbers(expected, "interval")) {
                // As for the means in `statistics`, of 4000 draws: 0.107 · √5 errors.
                near(quantile(&draws, share), bound, 0.24 * number(expected, "error"), &what);
            }
        }
    }
}
