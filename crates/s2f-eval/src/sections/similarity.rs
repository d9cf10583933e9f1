//! Similarity of the predicted feature to that of the true face (section 6.3 of the paper).

use s2f_core::Normalisation;
use s2f_metrics::{Vectors, dot};

use super::values;
use crate::context::Context;
use crate::items::Items;
use crate::outcome::Gap;
use crate::report::{Cell, Item, Section, Table};
use crate::scorer::{Baseline, Scorer};

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, space, voices, centre, controls, .. } = context;
    let faces = &items.faces;
    let normalisation = space.normalisation;
    let own_mean = Vectors::from_rows((0..items.len()).map(|_| &centre[..]));
    let own_mean = as_predicted(own_mean, normalisation);
    let best_mean = as_predicted(mean_of_others(items), normalisation);
    let mut rows = Vec::new();
    for gap in Gap::ALL {
        let of = |a: &Vectors, other: &dyn Fn(usize) -> Option<usize>| {
            gap.of_pairs(a, faces, centre, other)
        };
        let own = of(voices, &Some);
        let one_face = of(&best_mean, &Some);
        let nearer: Vec<f64> = one_face.iter().zip(&own).map(|(mean, own)| mean - own).collect();
        let name = |version: &str| format!("similarity/{}{version}", gap.name());
        let mut mean = |version: &str, gaps: &[f64], baseline: Baseline| {
            Cell::Value(scorer.mean(&name(version), gap.unit(), gaps, baseline))
        };
        let mut cells = vec![
            mean("", &own, Baseline::default()),
            mean("/nearer-than-one-face", &nearer, Baseline::chance(0.0)),
            mean("/one-face", &one_face, Baseline::default()),
            // The direction from the model's mean face to itself is undefined.
            if gap == Gap::RelativeDegrees {
                Cell::Empty
            } else {
                mean("/mean-face", &of(&own_mean, &Some), Baseline::default())
            },
            mean("/another-voice", &of(voices, &|p| controls.anybody[p]), Baseline::default()),
            mean(
                "/another-voice-same-sex",
                &of(voices, &|p| controls.same_sex[p]),
                Baseline::default(),
            ),
            mean("/other-photograph", &of(faces, &|p| controls.other_clip[p]), Baseline::default()),
        ];
        let on = (items.len(), items.speakers.len());
        let sd = scorer.number(&name("/sd"), gap.unit(), standard_deviation(&own), on);
        cells.splice(1..1, values([sd]));
        rows.push((gap.title().to_owned(), cells));
    }
    Section {
        id: "similarity".into(),
        title: "Similarity of features".into(),
        text: vec![
            "Distance between the feature that the model predicts from a voice and that of the \
             speaker's true face; smaller is better. The best one face for everybody is the mean \
             of the true faces of all other speakers: a model that is not nearer has learnt \
             nothing about the person. The model's own mean face is far from it if these people \
             differ from those of its training. Another person's voice, of any sex or of the \
             speaker's own, shows what remains without information about the speaker. Another \
             photograph of the same person is the best that can be expected."
                .into(),
        ],
        items: vec![Item::Table(Table {
            title: "Distance to the true face".into(),
            corner: "distance".into(),
            columns: [
                "voice",
                "± sd over pairs",
                "nearer than one face by",
                "best one face",
                "model's mean face",
                "another's voice",
                "… of the same sex",
                "another photograph",
            ]
            .map(String::from)
            .into(),
            rows,
            ..Table::default()
        })],
        ..Section::default()
    }
}

/// For each pair, the mean of the true faces of all other speakers.
fn mean_of_others(items: &Items) -> Vectors {
    let mut sum = vec![0.0; items.faces.dimension()];
    let add = |sum: &mut [f64], row: &[f32], sign: f64| {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += sign * f64::from(x));
    };
    items.faces.rows().for_each(|row| add(&mut sum, row, 1.0));
    let of_speaker: Vec<Vec<f32>> = items
        .of_speaker
        .iter()
        .map(|pairs| {
            let mut others = sum.clone();
            pairs.iter().for_each(|&pair| add(&mut others, items.faces.row(pair), -1.0));
            let count = (items.len() - pairs.len()).max(1) as f64;
            others.into_iter().map(|x| (x / count) as f32).collect()
        })
        .collect();
    Vectors::from_rows(items.items.iter().map(|item| &of_speaker[item.speaker][..]))
}

/// Identities as a model would predict them: of unit length if the face space is normalised.
fn as_predicted(rows: Vectors, normalisation: Normalisation) -> Vectors {
    if normalisation == Normalisation::None {
        return rows;
    }
    let unit: Vec<f32> = rows
        .rows()
        .flat_map(|row| {
            let length = dot(row, row).sqrt().max(f64::MIN_POSITIVE) as f32;
            row.iter().map(move |x| x / length)
        })
        .collect();
    Vectors::new(unit, rows.dimension())
}

/// Standard deviation of the finite values of a sample.
pub(super) fn standard_deviation(values: &[f64]) -> f64 {
    let values: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::samples::items;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert!((standard_deviation(&[1.0, 3.0, f64::NAN]) - 2_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn the_best_one_face_leaves_the_speaker_out() {
        let items = items(5, 4);
        let means = mean_of_others(&items);
        // The third speaker's first pair: the mean of the other eight.
        let pair = items.of_speaker[2][0];
        for column in 0..4 {
            let others = (0..10).filter(|&other| items.items[other].speaker != 2);
            let expected = others.map(|other| items.faces.row(other)[column]).sum::<f32>() / 8.0;
            assert!((means.row(pair)[column] - expected).abs() < 1e-6);
        }
        let unit = as_predicted(means, Normalisation::UnitLength);
        assert!(unit.rows().all(|row| (dot(row, row) - 1.0).abs() < 1e-6));
    }
}
