//! Distances, searches and matching by how long a voice is heard.

use super::similarity::standard_deviation;
use super::{Context, MAIN, values};
use crate::items::Control;
use crate::outcome::{Gap, search};
use crate::report::{Cell, Item, Line, Lines, Section, Table};
use crate::scorer::{Scorer, With, per_cent};

/// What is searched and matched, in the order of the table's columns.
const SEARCHES: [&str; 6] = [
    "recall at 1 face",
    "at 10 faces",
    "at 10 %",
    "median rank",
    "one of 2",
    "one of 2, of one sex",
];

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, hearing, by_length, centre, .. } = context;
    let (mut distances, mut searches) = (Vec::new(), Vec::new());
    let mut angles = Vec::new();
    let mut columns: Vec<Vec<(f64, String)>> = vec![Vec::new(); SEARCHES.len()];
    for (&seconds, voices) in hearing.lengths.iter().zip(by_length) {
        let name = |what: &str| format!("lengths/{seconds}s/{what}");
        let label = format!("{seconds} s");
        let mut cells = Vec::new();
        for gap in [Gap::Degrees, Gap::L2, Gap::L1] {
            let gaps = gap.of_pairs(voices, &items.faces, centre, Some);
            let id = scorer.mean(&name(gap.name()), gap.unit(), &gaps, With::default());
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
            scorer.median_place(&name("median-rank"), all),
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
            corner: "heard".into(),
            columns,
            rows,
            ..Table::default()
        })
    };
    let heads = ["angle", "± sd", "L2", "± sd", "L1", "± sd", "on"].map(String::from).into();
    Section {
        id: "length".into(),
        title: "Length of the voice".into(),
        text: vec![format!(
            "The first seconds of each voice, at lengths up to {} s on the same pairs, beyond it on \
             those that have enough. What is shorter than 3 s is repeated until the network is given \
             3 s.",
            hearing.seconds
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
    }
}
