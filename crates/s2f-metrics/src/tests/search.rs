//! Searches, against the definition of each distance in double precision.

use std::convert::Infallible;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{cases, near, number, numbers, read, rows};
use crate::{Distance, Filter, Rank, Vectors, nearest, ranks};

fn random_rows(rows: usize, dimension: usize, seed: u64) -> Vectors {
    let mut random = SmallRng::seed_from_u64(seed);
    let values = (0..rows * dimension).map(|_| random.random_range(-1.0..1.0)).collect();
    Vectors::new(values, dimension)
}

/// In double precision, from the definition.
fn distance(a: &[f32], b: &[f32], centre: &[f32], distance: Distance) -> f64 {
    let double = |row: &[f32]| -> Vec<f64> { row.iter().map(|&x| f64::from(x)).collect() };
    let (mut a, mut b, c) = (double(a), double(b), double(centre));
    if distance == Distance::Relative {
        a.iter_mut().zip(&c).for_each(|(x, c)| *x -= c);
        b.iter_mut().zip(&c).for_each(|(x, c)| *x -= c);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let differences = a.iter().zip(&b).map(|(a, b)| a - b);
    match distance {
        Distance::L1 => differences.map(f64::abs).sum(),
        Distance::L2 => differences.map(|x| x * x).sum(),
        _ => -dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt(),
    }
}

#[test]
fn ranks_are_those_of_a_search_one_by_one() {
    // More than a block of each, and an odd dimension.
    let (probes, gallery) = (random_rows(1100, 37, 1), random_rows(1500, 37, 2));
    let own: Vec<usize> = (0..1100).map(|probe| probe * 7 % 1500).collect();
    let centre = vec![0.1; 37];
    let group = |n: usize| if n.is_multiple_of(5) { None } else { Some((n % 3) as u32) };
    let (of_probe, of_item): (Vec<_>, Vec<_>) =
        ((0..1100).map(group).collect(), (0..1500).map(group).collect());
    let filter = Filter { probes: &of_probe, gallery: &of_item };
    let found = ranks(&probes, &gallery, &own, &centre, &Distance::ALL, &[filter]);
    for (ranks, kind) in found.iter().zip(Distance::ALL) {
        for probe in (0..1100).step_by(23) {
            let to = |item: usize| distance(probes.row(probe), gallery.row(item), &centre, kind);
            let mine = to(own[probe]);
            let among = |member: &dyn Fn(usize) -> bool| {
                let others = || (0..1500).filter(|&item| item != own[probe] && member(item));
                let closer = others().filter(|&item| to(item) < mine).count();
                (closer as f64 + 1.0, others().count() as u32)
            };
            let same = |item: usize| of_probe[probe].is_some() && of_item[item] == of_probe[probe];
            for (rank, (place, others)) in
                [(ranks[0][probe], among(&|_| true)), (ranks[1][probe], among(&same))]
            {
                assert_eq!(rank.others, others, "{kind:?} {probe}");
                // A pair of numbers that is equal in single precision shares a place.
                let apart = (rank.place() - place).abs();
                assert!(apart <= f64::from(rank.ties) / 2.0 && rank.ties <= 1, "{kind:?} {probe}");
            }
        }
    }
}

#[test]
fn equal_items_share_their_places_for_every_distance() {
    let one = random_rows(1, 300, 3);
    let gallery = Vectors::from_rows(std::iter::repeat_n(one.row(0), 1300));
    let own: Vec<usize> = (0..70).collect();
    let found =
        ranks(&random_rows(70, 300, 4), &gallery, &own, &vec![0.05; 300], &Distance::ALL, &[]);
    for rank in found.iter().flatten().flatten() {
        assert_eq!(*rank, Rank { closer: 0, ties: 1299, others: 1299 });
    }
}

#[test]
fn the_mean_face_is_as_far_from_everybody() {
    let gallery = random_rows(30, 8, 5);
    let centre: Vec<f32> = gallery.mean().iter().map(|&x| x as f32).collect();
    let probes = Vectors::from_rows(std::iter::repeat_n(&centre[..], 30));
    let own: Vec<usize> = (0..30).collect();
    let found = ranks(&probes, &gallery, &own, &centre, &[Distance::Relative], &[]);
    assert!(found[0][0].iter().all(|rank| rank.ties == 29));
}

#[test]
fn the_nearest_are_found_in_blocks_of_any_size() {
    let (probes, gallery, centre) = (random_rows(9, 20, 6), random_rows(500, 20, 7), vec![0.2; 20]);
    for kind in Distance::ALL {
        let mut expected: Vec<usize> = (0..500).collect();
        let to = |item: &usize| distance(probes.row(4), gallery.row(*item), &centre, kind);
        expected.sort_by(|a, b| to(a).total_cmp(&to(b)));
        for size in [500, 7] {
            let blocks = (0..500).step_by(size).map(|first| {
                let rows: Vec<usize> = (first..500.min(first + size)).collect();
                Ok::<_, Infallible>(gallery.select(&rows))
            });
            let hits = nearest(&probes, blocks, 10, &centre, kind).unwrap();
            let items: Vec<usize> = hits[4].iter().map(|hit| hit.item).collect();
            assert_eq!(items, expected[..10], "{kind:?}");
        }
    }
}

#[test]
fn the_nearest_are_those_of_scikit_learn() {
    let reference = read("retrieval.json");
    let (voices, faces) = (rows("retrieval_voices.npy"), rows("retrieval_faces.npy"));
    let centre: Vec<f32> = numbers(&reference, "centre").into_iter().map(|x| x as f32).collect();
    for kind in Distance::ALL {
        let expected = cases(&reference["nearest"], kind.name());
        let probes: Vec<usize> = (0..expected.len()).collect();
        let blocks = std::iter::once(Ok::<_, Infallible>(faces.clone()));
        let found = nearest(&voices.select(&probes), blocks, 5, &centre, kind).unwrap();
        for (hits, expected) in found.iter().zip(expected) {
            let items: Vec<usize> = hits.iter().map(|hit| hit.item).collect();
            assert_eq!(serde_json::json!(items), *expected, "{kind:?}");
        }
    }
}

#[test]
fn one_of_many_with_ties_is_hypergeometric() {
    for case in cases(&read("retrieval.json"), "one_of") {
        let count = |name: &str| number(case, name) as u32;
        let rank = Rank { closer: count("closer"), ties: count("ties"), others: count("others") };
        let found = rank.best_of(count("n") as usize).unwrap();
        // SciPy adds logarithms of factorials of up to 5000, about 40 000: 1e-16 of that.
        near(found, number(case, "chance"), 1e-11, case);
    }
}
