//! How near the predicted feature is to that of the true face (section 6.3 of the paper).

use super::{Context, FEW, values};
use crate::outcome::Gap;
use crate::report::{Cell, Item, Section, Table, Unit};
use crate::scorer::{Scorer, With};
use crate::vectors::Vectors;

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, voices, centre, controls, .. } = context;
    let faces = &items.faces;
    let mean_face = Vectors::from_rows((0..items.len()).map(|_| &centre[..]));
    let mut rows = Vec::new();
    for gap in Gap::ALL {
        let unit = match gap {
            Gap::Degrees | Gap::RelativeDegrees => Unit::Degrees,
            Gap::L2 | Gap::L1 => Unit::Plain,
        };
        let of = |a: &Vectors, other: &dyn Fn(usize) -> Option<usize>| {
            gap.of_pairs(a, faces, centre, other)
        };
        let own = of(voices, &Some);
        let versions = [
            ("", own.clone()),
            ("/mean-face", of(&mean_face, &Some)),
            ("/another-voice", of(voices, &|pair| controls.anybody[pair])),
            ("/another-voice-same-sex", of(voices, &|pair| controls.same_sex[pair])),
            ("/other-photograph", of(faces, &|pair| controls.other_clip[pair])),
        ];
        let mut cells = Vec::new();
        for (version, gaps) in versions {
            // From the mean face itself there is no direction to anything.
            if gap == Gap::RelativeDegrees && version == "/mean-face" {
                cells.push(Cell::Empty);
                continue;
            }
            let id = format!("similarity/{}{version}", gap.name());
            cells.push(Cell::Value(scorer.mean(&id, unit, &gaps, With::default())));
        }
        if gap == Gap::RelativeDegrees {
            cells.insert(2, Cell::Empty);
        } else {
            let mean = gap.of_pairs(&mean_face, faces, centre, Some);
            let nearer: Vec<f64> = mean.iter().zip(&own).map(|(mean, own)| mean - own).collect();
            let id = format!("similarity/{}/nearer-than-mean-face", gap.name());
            let nearer = scorer.mean(&id, unit, &nearer, With::chance(0.0));
            cells.insert(2, Cell::Value(nearer));
        }
        let sd = standard_deviation(&own);
        let on = (items.len(), items.speakers.len());
        let sd = scorer.number(&format!("similarity/{}/sd", gap.name()), unit, sd, on);
        cells.splice(1..1, values([sd]));
        rows.push((gap.title().to_owned(), cells));
    }
    let speakers = items.speakers.len();
    let few = format!(
        "{speakers} speakers are few: most of what a study wants to know cannot be told on them."
    );
    Section {
        notes: if speakers < FEW { vec![few] } else { Vec::new() },
        id: "similarity".into(),
        title: "Similarity of features".into(),
        text: vec![
            "Between the feature that the model predicts from a voice and that of the speaker's true \
             face; small is near. The mean face is one and the same answer for everybody: who does \
             not come nearer than that has learnt nothing about the person. Another person's voice is \
             what is left when the voice is somebody else's, of any sex or of the speaker's own. \
             Another photograph of the same person is the nearest that can be hoped for."
                .into(),
        ],
        items: vec![Item::Table(Table {
            title: "Distance to the true face".into(),
            corner: "distance".into(),
            columns: [
                "voice",
                "± sd over pairs",
                "the mean face",
                "nearer than it by",
                "another person's voice",
                "… of the same sex",
                "another photograph",
            ]
            .map(String::from)
            .into(),
            rows,
            ..Table::default()
        })],
    }
}

fn standard_deviation(values: &[f64]) -> f64 {
    let values: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert!((standard_deviation(&[1.0, 3.0, f64::NAN]) - 2_f64.sqrt()).abs() < 1e-12);
    }
}
