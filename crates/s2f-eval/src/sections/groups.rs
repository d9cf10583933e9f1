//! Scores by group of people and by noise of the recording.

use std::collections::BTreeMap;

use s2f_core::Sex;
use s2f_metrics::{Rank, quantile};

use crate::context::{Context, MAIN};
use crate::groups::{Control, age_band, band_name};
use crate::outcome::Gap;
use crate::report::{Cell, Item, Section, Table, Unit};
use crate::scorer::{Baseline, MIN_SPEAKERS, Scorer, id_part, per_cent};

/// Size of an effect, in standard errors, that is detected at 5 % in 4 of 5 studies: the sum of the
/// 97.5 % and the 80 % quantile of the normal distribution.
const POWER: f64 = 1.96 + 0.84;

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let mut section = Section {
        id: "groups".into(),
        title: "Groups".into(),
        text: vec![
            "The same searches, by group of speakers and of recordings. Every group is searched \
             for among everybody, and is matched one of two among people of one sex. The last \
             column is how far from chance that score would need to be to be detected in four of \
             five such studies: a group of few people may differ by less without being noticed."
                .into(),
        ],
        ..Section::default()
    };
    let items = &context.items.items;
    let by_sex: Vec<Option<String>> = items
        .iter()
        .map(|item| {
            item.info.sex.map(|sex| if sex == Sex::Male { "male" } else { "female" }.to_owned())
        })
        .collect();
    let by_age = items.iter().map(|item| age_band(item.info.age).map(band_name)).collect();
    let by_language = items.iter().map(|item| item.info.language.clone()).collect();
    let mut groupings = vec![
        ("sex".to_owned(), "Sex, as stated".to_owned(), by_sex),
        ("age".into(), "Age band, as stated".into(), by_age),
        ("language".into(), "Language, as stated".into(), by_language),
        (
            "recording".into(),
            "Recording, by how far speech is above noise".into(),
            thirds(&context.noise_db),
        ),
    ];
    if let Some(labels) = &context.labels {
        for (attribute, name) in labels.attributes.iter().enumerate() {
            let of = items.iter().map(|item| labels.of(attribute, &item.info).map(str::to_owned));
            let id = format!("labels/{}", id_part(name));
            groupings.push((id, format!("{name}, your labels"), of.collect()));
        }
    }
    for (id, title, of) in groupings {
        grouping(context, scorer, &id, &title, &of, &mut section);
    }
    section
}

fn grouping(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    id: &str,
    title: &str,
    of: &[Option<String>],
    section: &mut Section,
) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    of.iter().flatten().for_each(|name| *names.entry(name).or_default() += 1);
    if names.len() < 2 {
        section.notes.push(match names.keys().next() {
            None => format!("{title}: unknown for all pairs."),
            Some(only) => format!("{title}: all known ones are {only}."),
        });
        return;
    }
    if names.len() > MAX_GROUPS {
        let count = names.len();
        section.notes.push(format!("{title}: {count} groups, the {MAX_GROUPS} largest are shown."));
        let mut largest: Vec<(&str, usize)> = names.into_iter().collect();
        largest.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        names = largest.into_iter().take(MAX_GROUPS).collect();
    }
    let Context { items, voices, centre, voice_to_face, .. } = context;
    let searches = &voice_to_face.own;
    let degrees = Gap::Degrees.of_pairs(voices, &items.faces, centre, Some);
    let mut rows = Vec::new();
    let mut few = Vec::new();
    for (name, _) in names {
        let is_in = |pair: usize| of[pair].as_deref() == Some(name);
        let only = |ranks: &[Option<Rank>]| -> Vec<Option<Rank>> {
            ranks.iter().enumerate().map(|(pair, rank)| rank.filter(|_| is_in(pair))).collect()
        };
        let gaps: Vec<f64> = degrees
            .iter()
            .enumerate()
            .map(|(pair, gap)| if is_in(pair) { *gap } else { f64::NAN })
            .collect();
        let id = |what: &str| format!("groups/{id}/{}/{what}", id_part(name));
        let everybody = only(searches.all(MAIN));
        let same_sex = only(searches.among(MAIN, Control::Sex));
        let angle = scorer.mean(&id("degrees"), Unit::Degrees, &gaps, Baseline::default());
        let choice = scorer.best_of(&id("1-of-2/same-sex"), &same_sex, 2);
        let speakers = scorer.get(&angle).map_or(0, |score| score.speakers);
        if speakers < MIN_SPEAKERS {
            few.push(format!("{name} ({speakers})"));
        }
        let on = scorer.get(&choice).map_or((0, 0), |score| (score.pairs, score.speakers));
        let mut cells = vec![
            Cell::Size(angle.clone()),
            Cell::Value(angle),
            Cell::Value(scorer.recall(&id("at-10-percent"), &everybody, per_cent(10))),
            Cell::Value(scorer.best_of(&id("1-of-2"), &everybody, 2)),
        ];
        if on.0 > 0 {
            let error = scorer.error(&choice).unwrap_or(f64::NAN);
            let seen =
                scorer.number(&id("1-of-2/same-sex/visible"), Unit::Percent, POWER * error, on);
            cells.extend([Cell::Value(choice), Cell::Value(seen)]);
        } else {
            cells.extend([Cell::Empty, Cell::Empty]);
        }
        rows.push((name.to_owned(), cells));
    }
    if !few.is_empty() {
        section.notes.push(format!(
            "{title}: too few speakers to distinguish a group from the others: {}.",
            few.join(", ")
        ));
    }
    section.items.push(Item::Table(Table {
        title: title.to_owned(),
        corner: "group".into(),
        columns: [
            "on",
            "angle",
            "recall at 10 %",
            "one of 2",
            "one of 2, of one sex",
            "detectable from ±",
        ]
        .map(String::from)
        .into(),
        rows,
        ..Table::default()
    }));
}

/// Maximum number of groups in a table.
const MAX_GROUPS: usize = 16;

/// Label of the tercile of each value.
fn thirds(numbers: &[f64]) -> Vec<Option<String>> {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let [low, high] = [1.0 / 3.0, 2.0 / 3.0].map(|share| quantile(&sorted, share));
    let name = |&number: &f64| {
        Some(match number {
            x if !x.is_finite() => return None,
            x if x <= low => "noisiest third".to_owned(),
            x if x <= high => "middle third".to_owned(),
            _ => "cleanest third".to_owned(),
        })
    };
    numbers.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirds_are_of_equal_size() {
        let numbers: Vec<f64> = (0..9).map(f64::from).chain([f64::NAN]).collect();
        let thirds = thirds(&numbers);
        let count =
            |begin: &str| thirds.iter().flatten().filter(|name| name.starts_with(begin)).count();
        assert_eq!(["noisiest", "middle", "cleanest"].map(count), [3, 3, 3]);
        assert_eq!(thirds[9], None);
    }
}
