//! Craniofacial measures of generated faces against true ones (section 6.2 of the paper).

use crate::FaceReading;
use crate::context::Context;
use crate::craniofacial::MEASURES;
use crate::groups::Control;
use crate::report::{Cell, Item, Section, Table};
use crate::scorer::Scorer;

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let mut section = Section {
        id: "craniofacial".into(),
        title: "Craniofacial measures".into(),
        text: vec![
            "Pearson correlation over speakers (each with the mean of their pairs) between \
             measures of the face generated from the voice and of the true face. Random pairs \
             have another person's true face, in 400 random assignments, of which the middle 95 % \
             are given. Within each sex, the average difference between women and men is removed. \
             p is from Student's t, two-sided, with Holm's correction for thirteen tests. \
             Measures are computed from 68 landmarks that a network detects (face-api.js), which \
             smooths unusual shapes."
                .into(),
            "The paper compares with the face that is decoded from the true feature, which lacks \
             what the decoder cannot draw. The second table compares with the photograph itself."
                .into(),
            "The mean face for everybody does not vary, so it has no correlation with anything."
                .into(),
        ],
        ..Section::default()
    };
    let Some(readings) = &context.readings else {
        section.notes.push("Pictures were left out, so no face was measured.".into());
        return section;
    };
    let truths = [
        ("decoded", "the face decoded from the true feature", &readings.decoded, None),
        ("photograph", "the photograph", &readings.photograph, Some(&readings.decoded)),
    ];
    for (id, title, truth, ceiling) in truths {
        let table = table(context, scorer, id, title, &readings.voice, truth, ceiling);
        section.items.push(Item::Table(table));
    }
    section.items.push(Item::Table(Table {
        title: "How each is measured".into(),
        corner: "measure".into(),
        columns: vec!["formula".into()],
        rows: MEASURES
            .iter()
            .map(|measure| (measure.title.to_owned(), vec![Cell::Text(measure.formula.into())]))
            .collect(),
        caption: Some(
            "n nasion, sn subnasale, al wings of the nose, sbal their base, sto stomion, ls and \
             li middle of the lips' outer edges, cph peaks of the upper lip, ch corners of the \
             mouth, en and ex inner and outer corners of the eyes, go angles of the jaw, zy \
             widest part of the face, gn chin; eyes: distance between the centres of the eyes."
                .into(),
        ),
        ..Table::default()
    }));
    section
}

fn table(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    id: &str,
    title: &str,
    voices: &[Option<FaceReading>],
    truth: &[Option<FaceReading>],
    ceiling: Option<&Vec<Option<FaceReading>>>,
) -> Table {
    let by_sex = context.items.groups(Control::Sex);
    let mut rows = Vec::new();
    let mut tested = [Vec::new(), Vec::new()];
    for measure in &MEASURES {
        let of = |readings: &[Option<FaceReading>]| -> Vec<f64> {
            let value = |reading: &FaceReading| (measure.of)(&reading.landmarks);
            readings.iter().map(|reading| reading.as_ref().map_or(f64::NAN, value)).collect()
        };
        let (predicted, measured) = (of(voices), of(truth));
        let name = |version: &str| format!("craniofacial/{id}/{}{version}", measure.id);
        let own = scorer.correlation(&name(""), &predicted, &measured);
        let within =
            scorer.correlation_within(&name("/within-sex"), &predicted, &measured, |p| by_sex[p]);
        tested[0].push(own.clone());
        tested[1].push(within.clone());
        let mut cells = vec![
            Cell::Value(own.clone()),
            Cell::P(own),
            Cell::Value(within.clone()),
            Cell::P(within),
            Cell::Value(scorer.random_correlation(
                &name("/random-pairs"),
                &predicted,
                &measured,
                context.seed,
            )),
        ];
        if let Some(ceiling) = ceiling {
            cells.push(Cell::Value(scorer.correlation(&name("/decoded"), &of(ceiling), &measured)));
        }
        rows.push((measure.title.to_owned(), cells));
    }
    tested.iter().for_each(|tests| scorer.correct(tests));
    let mut columns: Vec<String> =
        ["r", "p", "r within each sex", "p", "r of random pairs"].map(String::from).into();
    if ceiling.is_some() {
        columns.push("r of the decoded true face".into());
    }
    Table {
        title: format!("From the voice against {title}"),
        corner: "measure".into(),
        columns,
        rows,
        ..Table::default()
    }
}
