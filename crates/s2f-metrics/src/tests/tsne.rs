//! Neighbours and map against scikit-learn: `reference/metrics/map.py`.

use super::{cases, number, read, rows};
use crate::{affinities, tsne};

#[test]
fn neighbours_and_map_are_as_good_as_those_of_scikit_learn() {
    let (reference, rows) = (read("map.json"), rows("map.npy"));
    let count = rows.len();
    let wanted = affinities(&rows);
    for (found, expected) in wanted.chunks_exact(count).zip(cases(&reference, "neighbours")) {
        for (found, expected) in found.iter().zip(expected.as_array().unwrap()) {
            let expected = expected.as_f64().unwrap();
            // The reference finds the width of a neighbourhood to 1e-5 of its entropy, writes six
            // digits, and cuts off tiny values.
            assert!((found - expected).abs() <= 1e-4 * expected + 1e-9, "{found}, {expected}");
        }
    }
    let entropy = -wanted.iter().filter(|p| **p > 1e-12).map(|p| p * p.ln()).sum::<f64>();
    assert!((entropy / number(&reference, "entropy") - 1.0).abs() < 1e-5, "{entropy}");

    let places = tsne(&rows);
    let near = |i: usize, j: usize| {
        let apart = [0, 1].map(|axis| f64::from(places[i][axis] - places[j][axis]).powi(2));
        1.0 / (1.0 + apart[0] + apart[1])
    };
    let pairs = || (0..count * count).map(|n| (n / count, n % count)).filter(|(i, j)| i != j);
    let total: f64 = pairs().map(|(i, j)| near(i, j)).sum();
    let divergence: f64 = pairs()
        .map(|(i, j)| (wanted[i * count + j], near(i, j) / total))
        .filter(|(p, _)| *p > 0.0)
        .map(|(p, q)| p * (p / q).ln())
        .sum();
    // Two descents end in different local minima, which differ by a few per cent; ours may be the
    // lower one. An unfinished map, or one of other neighbours, has a far higher divergence.
    assert!(divergence < 1.05 * number(&reference, "divergence"), "{divergence}");
}
