//! A small report with every kind of item and cell, for tests.

use speech2face::VoicePolicy;

use crate::report::{
    Attachments, Cell, FORMAT, Headline, Item, Line, Lines, Map, Paired, Picture, Report, Score,
    Section, Table, Unit,
};

/// What a page must show as text and never run.
pub(in crate::report) const HOSTILE: &str = "</title><script>alert(\"1\")</script> & 'more'";

pub(in crate::report) fn score(id: &str, value: f64, unit: Unit) -> Score {
    Score {
        id: id.to_owned(),
        value,
        interval: None,
        chance: None,
        unit,
        pairs: 1300,
        speakers: 100,
        gallery: None,
        p: None,
        p_adjusted: None,
    }
}

pub(in crate::report) fn report() -> Report {
    let nobody =
        Score { pairs: 0, speakers: 0, ..score("age/error/nobody", f64::NAN, Unit::Years) };
    let top = Score {
        interval: Some([8.125, 13.75]),
        chance: Some(1.0),
        gallery: Some(99.5),
        p: Some(0.000_02),
        p_adjusted: Some(0.000_3),
        ..score("identity/top/1", 10.937_5, Unit::Percent)
    };
    let gain = Score {
        interval: Some([-1.25, 7.5]),
        chance: Some(0.0),
        p: Some(0.125),
        ..score("gain", 3.21, Unit::PercentPoints)
    };
    let scores = vec![
        top,
        gain,
        nobody,
        score("angle", 45.66, Unit::Degrees),
        Score { interval: Some([-0.2, 0.1]), ..score("correlation", -0.034_56, Unit::Plain) },
        score("frames", 12_345.0, Unit::Count),
        score("rank", 17.25, Unit::Rank),
        score("years", 3.44, Unit::Years),
        score(HOSTILE, 62.5, Unit::Percent),
    ];
    let cells = |id: &str| {
        let id = || id.to_owned();
        let cells = [Cell::Value(id()), Cell::Chance(id()), Cell::P(id()), Cell::Size(id())];
        cells.into_iter().chain([Cell::Text(HOSTILE.to_owned()), Cell::Empty]).collect()
    };
    let table = Table {
        title: format!("Table {HOSTILE}"),
        corner: HOSTILE.to_owned(),
        columns: ["Value", "Chance", "p", "Size", "Words", "Nothing"].map(str::to_owned).into(),
        rows: scores
            .iter()
            .map(|s| s.id.as_str())
            .chain(["no/such"])
            .map(|id| (id.to_owned(), cells(id)))
            .collect(),
        shaded: false,
        caption: Some(HOSTILE.to_owned()),
    };
    let confusion = Table {
        title: "Confusion".to_owned(),
        columns: vec!["a".to_owned(), "b".to_owned()],
        rows: vec![("a".to_owned(), vec![Cell::Value(HOSTILE.to_owned()), Cell::Empty])],
        shaded: true,
        ..Table::default()
    };
    let point = |x: f64, id: &str| (x, id.to_owned());
    let lines = Lines {
        title: format!("Lines {HOSTILE}"),
        x_label: "seconds".to_owned(),
        y_label: HOSTILE.to_owned(),
        x_log: true,
        lines: vec![
            Line {
                label: HOSTILE.to_owned(),
                points: vec![
                    point(1.0, "identity/top/1"),
                    point(2.0, "age/error/nobody"),
                    point(4.0, "no/such"),
                    point(8.0, HOSTILE),
                ],
                chance: true,
            },
            Line { label: "empty".to_owned(), points: Vec::new(), chance: true },
        ],
    };
    let map = Map {
        title: "Map".to_owned(),
        classes: vec![HOSTILE.to_owned(), "other".to_owned()],
        points: vec![(0.0, 1.0, 0), (2.0, 3.0, 1), (f32::NAN, 0.0, 1), (1.0, 1.0, 7)],
        caption: HOSTILE.to_owned(),
    };
    let picture = |file: &str| Picture {
        title: format!("Picture {file}"),
        file: file.to_owned(),
        alt: HOSTILE.to_owned(),
        caption: "synthetic".to_owned(),
    };
    Report {
        software: HOSTILE.to_owned(),
        format: FORMAT,
        voice_policy: VoicePolicy::default(),
        title: HOSTILE.to_owned(),
        about: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        notes: vec!["few".into()],
        headlines: ["identity/top/1", "age/error/nobody", "no/such"]
            .map(|id| Headline {
                label: HOSTILE.to_owned(),
                score: id.to_owned(),
                verdict: HOSTILE.to_owned(),
            })
            .into(),
        sections: vec![
            Section {
                id: "every-kind".to_owned(),
                title: HOSTILE.to_owned(),
                text: vec![HOSTILE.to_owned()],
                notes: vec![HOSTILE.to_owned()],
                items: vec![
                    Item::Table(table),
                    Item::Table(confusion),
                    Item::Table(Table::default()),
                    Item::Lines(lines.clone()),
                    Item::Lines(Lines { lines: Vec::new(), ..lines }),
                    Item::Map(map),
                    Item::Picture(picture("face.png")),
                    Item::Picture(picture("lost.png")),
                    Item::Picture(picture("page.png")),
                ],
            },
            Section::default(),
        ],
        scores,
        paired: Paired::default(),
    }
}

/// The picture of the report, and a file that is not a picture.
pub(in crate::report) fn attachments() -> Attachments {
    [("face.png", &b"\x89PNG\r\n\x1a\n"[..]), ("page.png", b"<svg onload='alert(1)'/>")]
        .map(|(name, bytes)| (name.to_owned(), bytes.to_owned()))
        .into()
}
