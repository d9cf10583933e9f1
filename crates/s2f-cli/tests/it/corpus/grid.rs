//! The talking faces of GRID: every clip a pair, and every feature its person's.

use s2f_pairs::{PairSet, Payload};

use super::{Kit, run};
use crate::support::Folder;

#[test]
fn grid_becomes_pairs_whose_features_tell_people_apart() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    kit.people(&folder, "people", usize::MAX);
    run(&folder, &kit.prepare(&["people", "-o", "out"])).exits(0).says(&["from 83 clips"]);
    let pairs = PairSet::open(&folder.path("out")).unwrap();
    let features = Payload { audio: false, face: false, feature: true };
    let rows: Vec<_> = pairs.rows(features, None).map(Result::unwrap).collect();
    assert!(rows.len() * 100 >= 83 * 98, "{} pairs of 83 clips", rows.len());

    let (mut same, mut other) = (Vec::new(), Vec::new());
    for (index, one) in rows.iter().enumerate() {
        for two in &rows[..index] {
            let cosine: f32 = one.feature.iter().zip(&two.feature).map(|(a, b)| a * b).sum();
            let kind =
                if one.info.speaker_id == two.info.speaker_id { &mut same } else { &mut other };
            kind.push(cosine);
        }
    }
    let error = equal_error_rate(&same, &other);
    assert!(error <= 0.02, "equal error rate {error}");
}

/// The error rate at the threshold where false rejections and false acceptances are equal.
fn equal_error_rate(same: &[f32], other: &[f32]) -> f64 {
    let share = |some: &[f32], holds: &dyn Fn(f32) -> bool| {
        some.iter().filter(|&&cosine| holds(cosine)).count() as f64 / some.len() as f64
    };
    let at = |threshold: f32| {
        let refused = share(same, &|cosine| cosine < threshold);
        let accepted = share(other, &|cosine| cosine >= threshold);
        refused.max(accepted)
    };
    (-100..=100).map(|step| at(step as f32 / 100.0)).fold(1.0, f64::min)
}
