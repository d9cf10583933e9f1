//! Sex and age that an independent network reads in the generated faces (section 6.1 of the paper).

use s2f_core::Sex;
use s2f_metrics::quantile;

use super::confusion::confusion;
use super::{chances, values};
use crate::FaceReading;
use crate::context::{Context, Readings};
use crate::groups::{Control, age_band, band_name, stated_age};
use crate::report::{Cell, Item, Section, Table, Unit};
use crate::scorer::{Baseline, Scorer};

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let mut section = Section {
        id: "attributes".into(),
        title: "Attributes of the generated faces".into(),
        text: vec![
            "A network that took no part in training (face-api.js) reads sex and age in the face \
             generated from the voice, in the face decoded from the feature of the true face (the \
             best that the face decoder can do), and in the photograph. It makes errors, most of \
             all about people who were rare in its training; its answers are useful for averages \
             and say nothing about a person."
                .into(),
        ],
        ..Section::default()
    };
    let Some(readings) = &context.readings else {
        section.notes.push("Pictures were left out, so there are no readings.".into());
        return section;
    };
    let all = Drawn::all(context, readings);
    let photographs = Truth {
        id: "photograph",
        title: "what is read in the photograph",
        sex: sexes(&readings.photograph),
        age: ages(&readings.photograph),
    };
    let infos = || context.items.items.iter().zip(&readings.was_read);
    let stated = Truth {
        id: "stated",
        title: "what the corpus states",
        sex: infos()
            .map(|(item, &read)| item.info.sex.filter(|_| read).map(|sex| sex == Sex::Male))
            .collect(),
        age: infos()
            .map(|(item, &read)| stated_age(item.info.age).filter(|_| read).map(f64::from))
            .collect(),
    };
    section.items.push(Item::Table(no_face(scorer, readings)));
    for truth in [&photographs, &stated] {
        if truth.sex.iter().flatten().count() > 0 {
            section.items.push(Item::Table(sex_table(scorer, &all, truth)));
            section.items.extend(
                confusion(
                    scorer,
                    &format!(
                        "Sex: rows {}, columns the face generated from the voice",
                        truth.title
                    ),
                    &format!("attributes/sex/{}/voice", truth.id),
                    &["female".into(), "male".into()],
                    &classes(&truth.sex),
                    &classes(&all[0].sex),
                )
                .map(Item::Table),
            );
        } else {
            section.notes.push("Nobody's sex is stated.".into());
        }
        if truth.age.iter().flatten().count() > 0 {
            section.items.push(Item::Table(age_table(context, scorer, &all, truth)));
            let bands = |ages: &[Option<f64>]| -> Vec<Option<usize>> {
                ages.iter().map(|age| age.map(|age| band_of(age) as usize)).collect()
            };
            let (rows, columns) = (bands(&truth.age), bands(&all[0].age));
            let most = rows.iter().chain(&columns).flatten().max().copied().unwrap_or(0);
            let names: Vec<String> = (0..=most as u32).map(band_name).collect();
            section.items.extend(
                confusion(
                    scorer,
                    &format!(
                        "Age by decade: rows {}, columns the face generated from the voice",
                        truth.title
                    ),
                    &format!("attributes/age/{}/voice", truth.id),
                    &names,
                    &rows,
                    &columns,
                )
                .map(Item::Table),
            );
        } else {
            section.notes.push("Nobody's age is stated.".into());
        }
    }
    section
}

/// How often no face is detected in a picture.
fn no_face(scorer: &mut Scorer<'_>, readings: &Readings) -> Table {
    let cells = [
        ("voice", &readings.voice),
        ("decoded", &readings.decoded),
        ("photograph", &readings.photograph),
    ]
    .map(|(id, of)| {
        let missing: Vec<f64> = of
            .iter()
            .zip(&readings.was_read)
            .map(|(reading, &read)| if read { f64::from(reading.is_none()) } else { f64::NAN })
            .collect();
        Cell::Value(scorer.share(
            &format!("attributes/no-face/{id}"),
            &missing,
            Baseline::default(),
        ))
    });
    Table {
        title: "Pictures in which no face is detected".into(),
        columns: ["from the voice", "from the true face's feature", "photograph"]
            .map(String::from)
            .into(),
        rows: vec![("share".into(), cells.into())],
        ..Table::default()
    }
}

/// Reference values of sex and age.
struct Truth {
    id: &'static str,
    title: &'static str,
    /// Whether male.
    sex: Vec<Option<bool>>,
    age: Vec<Option<f64>>,
}

/// Readings of faces that were generated under one condition.
struct Drawn {
    id: &'static str,
    title: &'static str,
    sex: Vec<Option<bool>>,
    age: Vec<Option<f64>>,
    /// Whether there was a picture, with or without a face.
    drawn: Vec<bool>,
}

impl Drawn {
    fn all(context: &Context<'_>, readings: &Readings) -> Vec<Self> {
        let was_read = &readings.was_read;
        let of = |id, title, readings: &[Option<FaceReading>], drawn: Vec<bool>| Self {
            id,
            title,
            sex: sexes(readings),
            age: ages(readings),
            drawn,
        };
        let own =
            |id, title, readings: &[Option<FaceReading>]| of(id, title, readings, was_read.clone());
        let another = |id, title, order: &[Option<usize>]| {
            // Both pictures must have been read: the pair's own and that of the other voice.
            let other =
                |pair: usize| order[pair].filter(|&other| was_read[pair] && was_read[other]);
            let drawn = (0..order.len()).map(|pair| other(pair).is_some()).collect();
            let read = (0..order.len()).map(|pair| readings.voice[other(pair)?].clone());
            of(id, title, &read.collect::<Vec<_>>(), drawn)
        };
        let mean: Vec<Option<FaceReading>> =
            was_read.iter().map(|&read| readings.mean_face.clone().filter(|_| read)).collect();
        vec![
            own("voice", "from the voice", &readings.voice),
            own("decoded", "from the true face's feature", &readings.decoded),
            own("mean-face", "the mean face for everybody", &mean),
            another("another-voice", "from another person's voice", &context.controls.anybody),
            another("another-voice-same-sex", "… of the same sex", &context.controls.same_sex),
        ]
    }
}

/// Readings of sex: whether male.
pub(super) fn sexes(readings: &[Option<FaceReading>]) -> Vec<Option<bool>> {
    readings.iter().map(|reading| reading.as_ref().map(|reading| reading.male > 0.5)).collect()
}

/// Readings of age, years.
pub(super) fn ages(readings: &[Option<FaceReading>]) -> Vec<Option<f64>> {
    readings.iter().map(|reading| reading.as_ref().map(|reading| f64::from(reading.age))).collect()
}

/// Classes of sex: 0 for female, 1 for male.
fn classes(male: &[Option<bool>]) -> Vec<Option<usize>> {
    male.iter().map(|male| male.map(usize::from)).collect()
}

fn band_of(age: f64) -> u32 {
    age_band(Some(age.max(0.0) as f32)).unwrap_or(0)
}

/// Accuracy and balanced accuracy of readings of sex. Pairs whose pictures were not read are left
/// out; a picture without a face counts as wrong.
pub(super) fn sex_scores(
    scorer: &mut Scorer<'_>,
    id: &str,
    known: &[Option<bool>],
    read: &[Option<bool>],
    was_read: &[bool],
) -> [String; 2] {
    let males = known.iter().flatten().filter(|male| **male).count() as f64;
    let share = males / known.iter().flatten().count() as f64;
    let majority = 100.0 * share.max(1.0 - share);
    let right = |pair: usize| {
        let male = known[pair].filter(|_| was_read[pair])?;
        Some((male, f64::from(read[pair] == Some(male))))
    };
    let values: Vec<f64> =
        (0..known.len()).map(|pair| right(pair).map_or(f64::NAN, |(_, right)| right)).collect();
    let accuracy = scorer.share(&format!("{id}/accuracy"), &values, Baseline::chance(majority));
    let balanced = scorer.balanced(&format!("{id}/balanced-accuracy"), &classes(known), &values);
    [accuracy, balanced]
}

fn sex_table(scorer: &mut Scorer<'_>, all: &[Drawn], truth: &Truth) -> Table {
    let mut rows = Vec::new();
    let mut first = None;
    for drawn in all {
        let id = format!("attributes/sex/{}/{}", truth.id, drawn.id);
        let ids = sex_scores(scorer, &id, &truth.sex, &drawn.sex, &drawn.drawn);
        let sized = Cell::Size(ids[0].clone());
        first.get_or_insert_with(|| ids.clone());
        let mut cells = values(ids);
        cells.push(sized);
        rows.push((drawn.title.to_owned(), cells));
    }
    if let Some(first) = first {
        let mut cells = chances(first);
        cells.push(Cell::Empty);
        rows.push(("the more frequent sex for everybody".into(), cells));
    }
    Table {
        title: format!("Sex against {}", truth.title),
        corner: "face".into(),
        columns: ["accuracy", "balanced accuracy", "on"].map(String::from).into(),
        rows,
        ..Table::default()
    }
}

fn age_table(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    all: &[Drawn],
    truth: &Truth,
) -> Table {
    let pairs = truth.age.len();
    let value = |age: Option<f64>| age.unwrap_or(f64::NAN);
    let truths: Vec<f64> = truth.age.iter().map(|&age| value(age)).collect();
    let by_sex = context.items.groups(Control::Sex);
    let chance = OneAge::best(&truth.age);
    let mut rows = Vec::new();
    for drawn in all {
        let id = |what: &str| format!("attributes/age/{}/{}/{what}", truth.id, drawn.id);
        let both = |pair: usize| Some((truth.age[pair]?, drawn.age[pair]?));
        let of = |score: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            (0..pairs).map(|pair| both(pair).map_or(f64::NAN, |(a, b)| score(a, b))).collect()
        };
        let apart = |a: f64, b: f64| band_of(a).abs_diff(band_of(b));
        let exact = of(&|a, b| f64::from(apart(a, b) == 0));
        let within = of(&|a, b| f64::from(apart(a, b) <= 1));
        let errors = of(&|a, b| (a - b).abs());
        let ages: Vec<f64> = drawn.age.iter().map(|&age| value(age)).collect();
        let mut cells = vec![
            Cell::Value(scorer.share(&id("same-decade"), &exact, Baseline::chance(chance.same))),
            Cell::Value(scorer.share(
                &id("within-a-decade"),
                &within,
                Baseline::chance(chance.within),
            )),
            Cell::Value(scorer.mean(
                &id("error"),
                Unit::Years,
                &errors,
                Baseline::chance(chance.error),
            )),
        ];
        if drawn.id == "mean-face" {
            // A constant age is not correlated with anything.
            cells.extend([Cell::Empty, Cell::Empty]);
        } else {
            cells.push(Cell::Value(scorer.correlation(&id("r"), &ages, &truths)));
            let within =
                scorer.correlation_within(&id("r-within-sex"), &ages, &truths, |p| by_sex[p]);
            cells.push(Cell::Value(within));
        }
        rows.push((drawn.title.to_owned(), cells));
    }
    let ids = ["same-decade", "within-a-decade", "error"];
    let mut cells = chances(ids.map(|what| format!("attributes/age/{}/voice/{what}", truth.id)));
    cells.resize(5, Cell::Empty);
    rows.push(("the best one age for everybody".into(), cells));
    Table {
        title: format!("Age against {}", truth.title),
        corner: "face".into(),
        columns: ["same decade", "within a decade", "mean error", "r", "r within each sex"]
            .map(String::from)
            .into(),
        rows,
        caption: Some("Pictures without a face are left out. r is over speakers.".into()),
        ..Table::default()
    }
}

/// Scores of the best constant answer.
struct OneAge {
    /// Pairs of the same decade, %.
    same: f64,
    /// Pairs within a decade, %.
    within: f64,
    /// Mean error, years: that of the median age.
    error: f64,
}

impl OneAge {
    fn best(ages: &[Option<f64>]) -> Self {
        let mut known: Vec<f64> = ages.iter().flatten().copied().collect();
        known.sort_unstable_by(f64::total_cmp);
        let share = |apart: u32| {
            let near = |band: u32| {
                known.iter().filter(|&&age| band_of(age).abs_diff(band) <= apart).count()
            };
            let most = known.iter().map(|&age| near(band_of(age))).max().unwrap_or(0);
            100.0 * most as f64 / known.len().max(1) as f64
        };
        let median = quantile(&known, 0.5);
        let error = known.iter().map(|age| (age - median).abs()).sum::<f64>() / known.len() as f64;
        Self { same: share(0), within: share(1), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_one_age_by_hand() {
        let best = OneAge::best(&[Some(21.0), Some(25.0), Some(38.0), Some(61.0), None]);
        assert_eq!((best.same, best.within), (50.0, 75.0));
        // From 31.5: 10.5, 6.5, 6.5, 29.5.
        assert!((best.error - 53.0 / 4.0).abs() < 1e-12);
    }
}
