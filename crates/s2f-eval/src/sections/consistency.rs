//! Consistency: whether the predicted face of a person stays the same within a recording, from clip
//! to clip, and from language to language.

use s2f_metrics::{Rank, Vectors};

use crate::context::{Context, MAIN, is_stated, permuted};
use crate::groups::Control;
use crate::outcome::{Gap, search};
use crate::report::{Cell, Item, Section, Table, Unit};
use crate::scorer::{Baseline, Scorer};

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, voices, halves, controls, .. } = context;
    let mut section = Section {
        id: "consistency".into(),
        title: "Consistency".into(),
        text: vec![
            "The angle between the features predicted from two voices, and how often a voice of \
             the same person is nearer than one of another person (chance level 50 %). Two halves \
             of a recording share room and microphone; two clips of a speaker come from different \
             recordings if there are any."
                .into(),
        ],
        ..Section::default()
    };
    let clips: Vec<Vec<Option<usize>>> =
        vec![controls.other_clip.clone(), controls.same_sex.clone(), controls.anybody.clone()];
    let mut rows = Vec::new();
    if let Some([first, second]) = halves {
        let label = "two halves of one recording";
        rows.push(row(context, scorer, label, "halves", second, first, None));
    }
    rows.extend([
        row(context, scorer, "two clips of one speaker", "clips", voices, voices, Some(&clips[0])),
        row(
            context,
            scorer,
            "two speakers of one sex",
            "same-sex",
            voices,
            voices,
            Some(&clips[1]),
        ),
        row(context, scorer, "two speakers", "anybody", voices, voices, Some(&clips[2])),
    ]);
    let faces = &items.faces;
    rows.push(row(
        context,
        scorer,
        "two photographs of one person",
        "photographs",
        faces,
        faces,
        Some(&clips[0]),
    ));
    section.items.push(Item::Table(Table {
        title: "Predicted faces of one speaker and of two".into(),
        corner: "between".into(),
        columns: ["angle", "nearer than another's", "nearer than another's of the same sex", "on"]
            .map(String::from)
            .into(),
        rows,
        ..Table::default()
    }));
    languages(context, scorer, &mut section);
    section
}

/// A row of the table: between each pair's row of `a` and that of another pair of `b`, or its own.
/// If both are of the same speaker, also how often they are nearer than another speaker's.
fn row(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    label: &str,
    id: &str,
    a: &Vectors,
    b: &Vectors,
    other: Option<&[Option<usize>]>,
) -> (String, Vec<Cell>) {
    let Context { items, centre, .. } = context;
    let gaps = Gap::Degrees.of_pairs(a, b, centre, |pair| match other {
        Some(other) => other[pair],
        None => Some(pair),
    });
    let angle = scorer.mean(
        &format!("consistency/{id}/degrees"),
        Unit::Degrees,
        &gaps,
        Baseline::default(),
    );
    let mut cells = vec![Cell::Value(angle.clone())];
    if matches!(id, "same-sex" | "anybody") {
        cells.extend([Cell::Empty, Cell::Empty]);
    } else {
        let probes = other.map_or_else(|| a.clone(), |other| permuted(a, other));
        let found = search(items, &probes, b, centre, &[MAIN]);
        let mut nearer = |version: &str, ranks: &[Option<Rank>]| {
            Cell::Value(scorer.best_of(&format!("consistency/{id}/nearer{version}"), ranks, 2))
        };
        cells.push(nearer("", found.all(MAIN)));
        cells.push(nearer("/same-sex", found.among(MAIN, Control::Sex)));
    }
    cells.push(Cell::Size(angle));
    (label.to_owned(), cells)
}

/// One speaker in two languages, if languages are stated.
fn languages(context: &Context<'_>, scorer: &mut Scorer<'_>, section: &mut Section) {
    let Context { items, voices, .. } = context;
    if !is_stated(items, Control::Language) {
        section
            .notes
            .push("Languages are not stated, so bilingual speakers are not compared.".into());
        return;
    }
    let spoken = items.groups(Control::Language);
    let partner = |same: bool| -> Vec<Option<usize>> {
        let bilingual = |speaker: usize| {
            let mut languages = items.of_speaker[speaker].iter().filter_map(|&pair| spoken[pair]);
            let first = languages.next();
            languages.any(|language| Some(language) != first)
        };
        (0..items.len())
            .map(|pair| {
                let item = &items.items[pair];
                let fits = |&other: &usize| {
                    other != pair
                        && spoken[other].is_some()
                        && (spoken[other] == spoken[pair]) == same
                };
                spoken[pair].filter(|_| bilingual(item.speaker))?;
                let pairs = &items.of_speaker[item.speaker];
                (1..pairs.len()).map(|step| pairs[(item.round + step) % pairs.len()]).find(fits)
            })
            .collect()
    };
    let (other, same) = (partner(false), partner(true));
    if other.iter().all(Option::is_none) {
        section.notes.push("No speaker is stated to speak two languages.".into());
        return;
    }
    let rows = vec![
        row(context, scorer, "in two languages", "two-languages", voices, voices, Some(&other)),
        row(context, scorer, "in one language", "one-language", voices, voices, Some(&same)),
    ];
    section.items.push(Item::Table(Table {
        title: "Speakers of two languages".into(),
        corner: "two clips of one speaker".into(),
        columns: ["angle", "nearer than another's", "nearer than another's of the same sex", "on"]
            .map(String::from)
            .into(),
        rows,
        ..Table::default()
    }));
}
