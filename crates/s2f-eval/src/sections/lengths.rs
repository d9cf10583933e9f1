//! Scores by length of the voice.

use super::attributes::{ages, sex_scores, sexes};
use super::similarity::standard_deviation;
use super::{diversity, values};
use crate::FaceReading;
use crate::context::{Context, MAIN, Readings, permuted};
use crate::craniofacial::MEASURES;
use crate::groups::Control;
use crate::outcome::{Gap, search};
use crate::report::{Cell, Item, Line, Lines, Section, Table, Unit};
use crate::scorer::{Baseline, Scorer, per_cent};

/// Searches and matching, in the order of the table's columns.
const SEARCHES: [&str; 6] = [
    "recall at 1 face",
    "at 10 faces",
    "at 10 %",
    "median rank",
    "one of 2",
    "one of 2, of one sex",
];

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, clips, by_length, centre, .. } = context;
    let (mut distances, mut searches) = (Vec::new(), Vec::new());
    let mut angles = Vec::new();
    let mut columns: Vec<Vec<(f64, String)>> = vec![Vec::new(); SEARCHES.len()];
    for (&seconds, voices) in clips.lengths.iter().zip(by_length) {
        let name = |what: &str| format!("lengths/{seconds}s/{what}");
        let label = format!("{seconds} s");
        let mut cells = Vec::new();
        for gap in [Gap::Degrees, Gap::L2, Gap::L1] {
            let gaps = gap.of_pairs(voices, &items.faces, centre, Some);
            let id = scorer.mean(&name(gap.name()), gap.unit(), &gaps, Baseline::default());
            let on = scorer.get(&id).map_or((0, 0), |score| (score.pairs, score.speakers));
            let sd = format!("{}/sd", name(gap.name()));
            let sd = scorer.number(&sd, gap.unit(), standard_deviation(&gaps), on);
            cells.extend(values([id, sd]));
        }
        let degrees = name(Gap::Degrees.name());
        angles.push((seconds, degrees.clone()));
        cells.push(Cell::Size(degrees));
        distances.push((label.clone(), cells));

        let found = search(items, voices, &items.faces, centre, &[MAIN]);
        let (all, same_sex) = (found.all(MAIN), found.among(MAIN, Control::Sex));
        let ids = [
            scorer.recall(&name("at-1"), all, |_| 1),
            scorer.recall(&name("at-10"), all, |_| 10),
            scorer.recall(&name("at-10-percent"), all, per_cent(10)),
            scorer.median_rank(&name("median-rank"), all),
            scorer.best_of(&name("1-of-2"), all, 2),
            scorer.best_of(&name("1-of-2/same-sex"), same_sex, 2),
        ];
        for (column, id) in columns.iter_mut().zip(&ids) {
            column.push((seconds, id.clone()));
        }
        searches.push((label, values(ids)));
    }
    let line = |label: &str, points: &[(f64, String)], chance: bool| Line {
        label: label.into(),
        points: points.to_vec(),
        chance,
    };
    let figure = |title: &str, y_label: &str, lines: Vec<Line>| {
        Item::Lines(Lines {
            title: title.into(),
            x_label: "seconds of voice".into(),
            y_label: y_label.into(),
            x_log: true,
            lines,
        })
    };
    let table = |title: &str, columns: Vec<String>, rows| {
        Item::Table(Table {
            title: title.into(),
            corner: "length".into(),
            columns,
            rows,
            ..Table::default()
        })
    };
    let generated = context.readings.as_ref().map(|readings| generated(context, scorer, readings));
    let same_person = same_person(context, scorer);
    let heads = ["angle", "± sd", "L2", "± sd", "L1", "± sd", "on"].map(String::from).into();
    let mut section = Section {
        id: "length".into(),
        title: "Length of the voice".into(),
        text: vec![format!(
            "The first seconds of each voice: at lengths up to {} s on the same pairs, beyond it \
             on those that are long enough. Each is cut, then used like a whole recording: what \
             is shorter than a window of {} s is repeated until it fills one, and of longer ones \
             the windows are pooled.",
            clips.common, clips.policy.window_s
        )],
        items: vec![
            table("Distance to the true face by length", heads, distances),
            table("Searches by length", SEARCHES.map(String::from).into(), searches),
            figure(
                "Recall by length",
                "recall, %",
                vec![
                    line("at 10 % of the gallery", &columns[2], true),
                    line("at 1 face", &columns[0], true),
                ],
            ),
            figure(
                "Matching by length",
                "right choices, %",
                vec![
                    line("one of 2", &columns[4], true),
                    line("one of 2, of one sex", &columns[5], false),
                ],
            ),
            figure(
                "Angle to the true face by length",
                "degrees",
                vec![line("angle", &angles, false)],
            ),
        ],
        ..Section::default()
    };
    section.items.push(Item::Table(same_person));
    section.items.extend(generated.into_iter().flatten().map(Item::Table));
    section
}

/// How much faces differ, and whether two clips of a speaker give the same face.
fn same_person(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Table {
    let Context { items, clips, by_length, centre, controls, .. } = context;
    let everybody = vec![Some(0); items.len()];
    let by_sex = items.groups(Control::Sex);
    let mut rows = Vec::new();
    for (&seconds, voices) in clips.lengths.iter().zip(by_length) {
        let name = |what: &str| format!("lengths/{seconds}s/{what}");
        let gaps = Gap::Degrees.of_pairs(voices, voices, centre, |pair| controls.other_clip[pair]);
        let mut cells = values([
            scorer.mean(&name("clips/degrees"), Unit::Degrees, &gaps, Baseline::default()),
            diversity::spread(context, scorer, &name("spread"), voices, &everybody),
        ]);
        // A gallery of voices needs all of them at the same length.
        if seconds <= clips.common {
            let other = permuted(voices, &controls.other_clip);
            let found = search(items, &other, voices, centre, &[MAIN]);
            let id = scorer.best_of(&name("clips/nearer"), found.all(MAIN), 2);
            cells.insert(1, Cell::Value(id));
        } else {
            cells.insert(1, Cell::Empty);
        }
        cells.push(if by_sex.iter().any(Option::is_some) {
            let id = name("spread/within-sex");
            Cell::Value(diversity::spread(context, scorer, &id, voices, &by_sex))
        } else {
            Cell::Empty
        });
        rows.push((format!("{seconds} s"), cells));
    }
    Table {
        title: "Consistency and diversity by length".into(),
        corner: "length".into(),
        columns: [
            "two clips of one speaker",
            "nearer than another's",
            "spread, of that of true faces",
            "… within each sex",
        ]
        .map(String::from)
        .into(),
        rows,
        ..Table::default()
    }
}

/// Readings of the faces generated from voices of each length.
fn generated(context: &Context<'_>, scorer: &mut Scorer<'_>, readings: &Readings) -> [Table; 2] {
    let Context { items, clips, by_length, .. } = context;
    let (true_sex, true_age) = (sexes(&readings.photograph), ages(&readings.photograph));
    let number = |age: &Option<f64>| age.unwrap_or(f64::NAN);
    let true_age: Vec<f64> = true_age.iter().map(number).collect();
    let mut attributes = Vec::new();
    let mut measures: Vec<(String, Vec<Cell>)> =
        MEASURES.iter().map(|measure| (measure.title.to_owned(), Vec::new())).collect();
    for ((&seconds, voices), read) in clips.lengths.iter().zip(by_length).zip(&readings.by_length) {
        let name = |what: &str| format!("lengths/{seconds}s/{what}");
        let was_read: Vec<bool> = (0..items.len())
            .map(|pair| readings.was_read[pair] && voices.row(pair)[0].is_finite())
            .collect();
        let ids = sex_scores(scorer, &name("sex"), &true_sex, &sexes(read), &was_read);
        let age: Vec<f64> = ages(read).iter().map(number).collect();
        let errors: Vec<f64> = age.iter().zip(&true_age).map(|(a, b)| (a - b).abs()).collect();
        let size = Cell::Size(ids[0].clone());
        let mut cells = values(ids);
        cells.extend(values([
            scorer.mean(&name("age/error"), Unit::Years, &errors, Baseline::default()),
            scorer.correlation(&name("age/r"), &age, &true_age),
        ]));
        cells.push(size);
        attributes.push((format!("{seconds} s"), cells));
        for (measure, (_, cells)) in MEASURES.iter().zip(&mut measures) {
            let of = |readings: &[Option<FaceReading>]| -> Vec<f64> {
                let value = |reading: &FaceReading| (measure.of)(&reading.landmarks);
                readings.iter().map(|reading| reading.as_ref().map_or(f64::NAN, value)).collect()
            };
            let id = name(&format!("craniofacial/{}", measure.id));
            cells.push(Cell::Value(scorer.correlation(&id, &of(read), &of(&readings.photograph))));
        }
    }
    [
        Table {
            title: "Attributes of the generated face, against the photograph, by length".into(),
            corner: "length".into(),
            columns: ["sex", "sex, balanced", "error of age", "r of age", "on"]
                .map(String::from)
                .into(),
            rows: attributes,
            ..Table::default()
        },
        Table {
            title: "Craniofacial measures, r against the photograph, by length".into(),
            corner: "measure".into(),
            columns: clips.lengths.iter().map(|seconds| format!("{seconds} s")).collect(),
            rows: measures,
            ..Table::default()
        },
    ]
}
