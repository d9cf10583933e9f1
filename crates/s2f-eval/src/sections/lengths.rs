//! Every score by how long a voice is heard.

use super::{Context, MAIN, values};
use crate::items::Control;
use crate::outcome::{Gap, search};
use crate::report::{Item, Line, Lines, Section, Table, Unit};
use crate::scorer::{Scorer, With, per_cent};
use crate::search::Distance;

/// What is scored, in the order of the table's columns.
const COLUMNS: [&str; 9] = [
    "angle",
    "L2",
    "L1",
    "recall at 1 face",
    "at 10 faces",
    "at 10 %",
    "median rank",
    "one of 2",
    "one of 2, of one sex",
];

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, hearing, by_length, centre, .. } = context;
    let mut rows = Vec::new();
    let mut columns: Vec<Vec<(f64, String)>> = vec![Vec::new(); COLUMNS.len()];
    for (&seconds, voices) in hearing.lengths.iter().zip(by_length) {
        let found = search(items, voices, &items.faces, centre, &[MAIN, Distance::Cosine]);
        let name = |what: &str| format!("lengths/{seconds}s/{what}");
        let mut ids: Vec<String> = [Gap::Degrees, Gap::L2, Gap::L1]
            .iter()
            .map(|gap| {
                let unit = if *gap == Gap::Degrees { Unit::Degrees } else { Unit::Plain };
                let gaps = gap.of_pairs(voices, &items.faces, centre, Some);
                scorer.mean(&name(gap.name()), unit, &gaps, With::default())
            })
            .collect();
        let (all, same_sex) = (found.all(MAIN), found.among(MAIN, Control::Sex));
        ids.extend([
            scorer.recall(&name("at-1"), all, |_| 1),
            scorer.recall(&name("at-10"), all, |_| 10),
            scorer.recall(&name("at-10-percent"), all, per_cent(10)),
            scorer.median_place(&name("median-rank"), all),
            scorer.best_of(&name("1-of-2"), all, 2),
            scorer.best_of(&name("1-of-2/same-sex"), same_sex, 2),
        ]);
        for (column, id) in columns.iter_mut().zip(&ids) {
            column.push((seconds, id.clone()));
        }
        let mut cells = values(ids.iter().cloned());
        cells.push(crate::report::Cell::Size(ids[0].clone()));
        rows.push((format!("{seconds} s"), cells));
    }
    let mut heads: Vec<String> = COLUMNS.map(String::from).into();
    heads.push("on".into());
    let line = |label: &str, column: usize, chance: bool| Line {
        label: label.into(),
        points: columns[column].clone(),
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
            Item::Table(Table {
                title: "Scores by length".into(),
                corner: "heard".into(),
                columns: heads,
                rows,
                ..Table::default()
            }),
            figure(
                "Recall by length",
                "recall, %",
                vec![line("at 10 % of the gallery", 5, true), line("at 1 face", 3, true)],
            ),
            figure(
                "Matching by length",
                "right choices, %",
                vec![line("one of 2", 7, true), line("one of 2, of one sex", 8, false)],
            ),
            figure("Angle to the true face by length", "degrees", vec![line("angle", 0, false)]),
        ],
        ..Section::default()
    }
}
