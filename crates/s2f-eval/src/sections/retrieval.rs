//! Retrieval: searches for the speaker's face with a voice (section 6.4 of the paper).

use s2f_metrics::{Distance, Rank};

use super::{chances, values};
use crate::context::{Context, MAIN, is_stated, permuted};
use crate::groups::Control;
use crate::outcome::{Searches, search};
use crate::report::{Cell, Item, Line, Lines, Section, Table, Unit};
use crate::scorer::{Scorer, gallery, per_cent};

/// K, in faces and in per cent of the gallery.
const AT: [usize; 4] = [1, 2, 5, 10];

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, centre, controls, voice_to_face, .. } = context;
    let ceiling: Searches =
        search(items, &permuted(&items.faces, &controls.other_clip), &items.faces, centre, &[MAIN]);
    let main = voice_to_face.own.all(MAIN);
    let mut section = Section {
        id: "retrieval".into(),
        title: "Retrieval: voice to face".into(),
        text: vec![
            "Each voice is searched for in a gallery with one face of each person. Recall at K is \
             how often the speaker's face is among the first K. The paper's K is in per cent of \
             the gallery, so both are given, each with its chance level; a percentage is rounded \
             up to whole faces. Ties are broken at random, in expectation, so the same answer for \
             everybody scores exactly at chance."
                .into(),
            "The mean face dominates every feature. The cosine relative to it shows what \
             distinguishes people; the paper uses the plain cosine."
                .into(),
            "Another person's voice of the same sex shows how much of a score is due to sex \
             alone. What remains among people of one sex is what a voice carries beyond it."
                .into(),
        ],
        ..Section::default()
    };
    let people = gallery(main);
    let size = scorer.number(
        "retrieval/gallery",
        Unit::Count,
        people,
        (items.len(), items.speakers.len()),
    );
    for (title, percent) in
        [("Recall at K per cent of the gallery", true), ("Recall at K faces", false)]
    {
        section.items.push(Item::Table(by_distance(context, scorer, title, percent, &size)));
    }
    for percent in [false, true] {
        section.items.push(Item::Table(with_controls(context, scorer, &ceiling, percent)));
    }
    if ceiling.all(MAIN).iter().all(Option::is_none) {
        section.notes.push(
            "No speaker has two pairs, so the score of another photograph is unknown.".into(),
        );
    }
    if !is_stated(items, Control::Sex) {
        section.notes.push(
            "The sex of most speakers is not stated: there is no search among people of one sex, \
             and a score above chance may be due to sex alone."
                .into(),
        );
    }
    section.items.push(Item::Lines(curve(scorer, main, ceiling.all(MAIN), people)));
    section
}

fn name(distance: Distance, k: usize, percent: bool) -> String {
    let unit = if percent { "-percent" } else { "" };
    format!("retrieval/voice-to-face/{}/at-{k}{unit}", distance.name())
}

fn recall(
    scorer: &mut Scorer<'_>,
    id: &str,
    ranks: &[Option<Rank>],
    k: usize,
    percent: bool,
) -> String {
    if percent { scorer.recall(id, ranks, per_cent(k)) } else { scorer.recall(id, ranks, |_| k) }
}

/// Cells of [`AT`] and the median; recall at K faces is omitted if the gallery has no more than K.
fn shown(mut cells: Vec<Cell>, ranks: &[Option<Rank>], percent: bool) -> Vec<Cell> {
    for (cell, k) in cells.iter_mut().zip(AT) {
        if !percent && k as f64 >= gallery(ranks) {
            *cell = Cell::Empty;
        }
    }
    cells
}

fn by_distance(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    title: &str,
    percent: bool,
    size: &str,
) -> Table {
    let mut rows = Vec::new();
    let mut first = Vec::new();
    for distance in Distance::ALL {
        let ranks = context.voice_to_face.own.all(distance);
        let mut ids: Vec<String> =
            AT.map(|k| recall(scorer, &name(distance, k, percent), ranks, k, percent)).into();
        let median = format!("retrieval/voice-to-face/{}/median-rank", distance.name());
        ids.push(scorer.median_rank(&median, ranks));
        if first.is_empty() {
            first.clone_from(&ids);
        }
        let mut cells = shown(values(ids), ranks, percent);
        cells.push(Cell::Value(size.to_owned()));
        rows.push((distance.title().to_owned(), cells));
    }
    let main = context.voice_to_face.own.all(MAIN);
    let mut chance = shown(chances(first), main, percent);
    chance.push(Cell::Empty);
    rows.push(("chance".into(), chance));
    let unit = if percent { " %" } else { "" };
    let mut columns: Vec<String> = AT.iter().map(|k| format!("at {k}{unit}")).collect();
    columns.extend(["median rank".into(), "gallery".into()]);
    Table { title: title.into(), corner: "distance".into(), columns, rows, ..Table::default() }
}

fn with_controls(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    ceiling: &Searches,
    percent: bool,
) -> Table {
    let Context { items, voice_to_face, .. } = context;
    let by_sex = is_stated(items, Control::Sex);
    let mut rows: Vec<(&str, &str, &[Option<Rank>])> = vec![
        ("voice", "", voice_to_face.own.all(MAIN)),
        ("the mean face for everybody", "/mean-face", voice_to_face.mean_face.all(MAIN)),
        ("another person's voice", "/another-voice", voice_to_face.another.all(MAIN)),
    ];
    if by_sex {
        let ranks = voice_to_face.another_same_sex.all(MAIN);
        rows.push(("… of the same sex", "/another-voice-same-sex", ranks));
    }
    rows.push(("another photograph (face to face)", "/other-photograph", ceiling.all(MAIN)));
    if by_sex {
        let ranks = voice_to_face.own.among(MAIN, Control::Sex);
        rows.push(("voice, among people of one sex", "/same-sex", ranks));
    }
    let unit = if percent { " %" } else { "" };
    let what = if percent { "K per cent of the gallery" } else { "K faces" };
    let mut table = Table {
        title: format!("With controls, at {what}, by cosine relative to the mean face"),
        corner: "search with".into(),
        columns: AT.iter().map(|k| format!("at {k}{unit}")).collect(),
        ..Table::default()
    };
    table.columns.extend(["median rank".into(), "gallery".into()]);
    for (label, version, ranks) in rows {
        let mut ids: Vec<String> = AT
            .map(|k| {
                recall(scorer, &format!("{}{version}", name(MAIN, k, percent)), ranks, k, percent)
            })
            .into();
        let id = format!("retrieval/voice-to-face/{}/median-rank{version}", MAIN.name());
        ids.push(scorer.median_rank(&id, ranks));
        let on = scorer.get(&ids[0]).map_or((0, 0), |score| (score.pairs, score.speakers));
        let size = format!("retrieval/gallery{version}");
        let size = scorer.number(&size, Unit::Count, gallery(ranks), on);
        let mut cells = shown(values(ids.iter().cloned()), ranks, percent);
        cells.push(Cell::Value(size));
        table.rows.push((label.into(), cells));
        if version == "/same-sex" || version == "/other-photograph" {
            let label = if version == "/same-sex" { "chance, of one sex" } else { "chance" };
            let mut cells = shown(chances(ids), ranks, percent);
            cells.push(Cell::Empty);
            table.rows.push((label.into(), cells));
        }
    }
    table
}

/// Recall over K, up to the whole gallery.
fn curve(
    scorer: &mut Scorer<'_>,
    voices: &[Option<Rank>],
    faces: &[Option<Rank>],
    people: f64,
) -> Lines {
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|step| step * 10_usize.pow(power)));
    let ks: Vec<usize> = steps.take_while(|&k| (k as f64) < people).collect();
    let mut line = |label: &str, version: &str, ranks: &[Option<Rank>], chance: bool| {
        let points = ks.iter().map(|&k| {
            let id = format!("{}{version}", name(MAIN, k, false));
            (k as f64, recall(scorer, &id, ranks, k, false))
        });
        Line { label: label.into(), points: points.collect(), chance }
    };
    Lines {
        title: "Recall at K faces".into(),
        x_label: "K, faces".into(),
        y_label: "recall, %".into(),
        x_log: true,
        lines: vec![
            line("voice to face", "", voices, true),
            line("another photograph to face", "/other-photograph", faces, false),
        ],
    }
}
