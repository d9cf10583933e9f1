//! Choosing the right one of N, after Nagrani, Albanie and Zisserman (CVPR 2018).

use s2f_metrics::Rank;

use super::{chances, values};
use crate::context::{Conditions, Context, MAIN, is_stated};
use crate::groups::Control;
use crate::report::{Item, Line, Lines, Section, Table};
use crate::scorer::Scorer;

/// N.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=10;

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, voice_to_face, face_to_voice, .. } = context;
    let stated: Vec<Control> =
        Control::ALL.into_iter().filter(|&control| is_stated(items, control)).collect();
    let mut section = Section {
        id: "matching".into(),
        title: "Matching: one of N".into(),
        text: vec![
            "Given a voice and N faces, one of them the speaker's: how often is that one the \
             nearest? And likewise from a face to N voices. The others are drawn from everybody, \
             or from those who share the speaker's stated sex, age band (a decade), language, or \
             all three. The score is the mean over all choices of others, in closed form. \
             Distance is the cosine relative to the mean face."
                .into(),
        ],
        ..Section::default()
    };
    let missing: Vec<&str> = Control::ALL
        .into_iter()
        .filter(|control| !stated.contains(control))
        .map(Control::title)
        .collect();
    if !missing.is_empty() {
        section.notes.push(format!(
            "Not stated for at least half of the pairs, so not controlled for: others {}.",
            missing.join(", others ")
        ));
    }
    for (direction, title, conditions) in [
        ("voice-to-face", "Voice to face", voice_to_face),
        ("face-to-voice", "Face to voice", face_to_voice),
    ] {
        let table = table(scorer, direction, title, conditions, &stated);
        section.items.push(Item::Table(table));
        section.items.push(Item::Lines(lines(scorer, direction, title, conditions, &stated)));
    }
    section
}

fn name(direction: &str, n: usize, version: &str) -> String {
    format!("matching/{direction}/1-of-{n}{version}")
}

fn row(
    scorer: &mut Scorer<'_>,
    direction: &str,
    version: &str,
    ranks: &[Option<Rank>],
) -> Vec<String> {
    CHOICES.map(|n| scorer.best_of(&name(direction, n, version), ranks, n)).collect()
}

fn table(
    scorer: &mut Scorer<'_>,
    direction: &str,
    title: &str,
    conditions: &Conditions,
    stated: &[Control],
) -> Table {
    let probe = if direction == "voice-to-face" { "voice" } else { "face" };
    let everybody = row(scorer, direction, "", conditions.own.all(MAIN));
    let mut rows = vec![("others: everybody".to_owned(), values(everybody.iter().cloned()))];
    for &control in stated {
        let version = format!("/{}", control.name());
        let ids = row(scorer, direction, &version, conditions.own.among(MAIN, control));
        rows.push((format!("others {}", control.title()), values(ids)));
    }
    let ids = row(scorer, direction, "/mean-face", conditions.mean_face.all(MAIN));
    rows.push(("the mean face for everybody".into(), values(ids)));
    let ids = row(scorer, direction, &format!("/another-{probe}"), conditions.another.all(MAIN));
    rows.push((format!("another person's {probe}"), values(ids)));
    if stated.contains(&Control::Sex) {
        let version = format!("/another-{probe}-same-sex");
        let ids = row(scorer, direction, &version, conditions.another_same_sex.all(MAIN));
        rows.push(("… of the same sex".into(), values(ids)));
    }
    rows.push(("chance".into(), chances(everybody)));
    Table {
        title: format!("{title}: right choices, %"),
        corner: "N".into(),
        columns: CHOICES.map(|n| n.to_string()).collect(),
        rows,
        ..Table::default()
    }
}

fn lines(
    scorer: &mut Scorer<'_>,
    direction: &str,
    title: &str,
    conditions: &Conditions,
    stated: &[Control],
) -> Lines {
    let mut line = |label: &str, version: &str, ranks: &[Option<Rank>], chance: bool| {
        let ids = row(scorer, direction, version, ranks);
        Line { label: label.into(), points: CHOICES.map(|n| n as f64).zip(ids).collect(), chance }
    };
    let mut lines = vec![line("others: everybody", "", conditions.own.all(MAIN), true)];
    for &control in stated {
        let version = format!("/{}", control.name());
        let label = format!("others {}", control.title());
        lines.push(line(&label, &version, conditions.own.among(MAIN, control), false));
    }
    Lines {
        title: format!("{title}: one of N"),
        x_label: "N".into(),
        y_label: "right choices, %".into(),
        x_log: false,
        lines,
    }
}
