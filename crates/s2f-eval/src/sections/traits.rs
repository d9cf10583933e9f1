//! Attributes from the user's labels, read from features by a nearest-mean classifier.

use std::collections::BTreeMap;

use s2f_metrics::{Vectors, dot};

use super::confusion::confusion;
use crate::context::Context;
use crate::labels::Labels;
use crate::report::{Cell, Item, Section, Table};
use crate::scorer::{Baseline, Scorer, id_part};

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Option<Section> {
    let labels = context.labels.as_ref()?;
    let mut section = Section {
        id: "labels".into(),
        title: "Attributes from your labels".into(),
        text: vec![
            "For each attribute, a classifier learns the mean face of each label from the true \
             faces of all other speakers, and assigns the nearest label to the features that are \
             predicted from voices. Intervals take the classifier as given: with few speakers per \
             label they are too narrow. Its score on the true faces is the best that can be \
             expected. Labels are used for this report only."
                .into(),
        ],
        ..Section::default()
    };
    for attribute in 0..labels.attributes.len() {
        of_attribute(context, scorer, labels, attribute, &mut section);
    }
    Some(section)
}

fn of_attribute(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    labels: &Labels,
    attribute: usize,
    section: &mut Section,
) {
    let Context { items, voices, centre, controls, .. } = context;
    let name = &labels.attributes[attribute];
    let of = |pair: usize| labels.of(attribute, &items.items[pair].info);
    let mut names: Vec<String> = (0..items.len()).filter_map(of).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    if !(2..=MAX_LABELS).contains(&names.len()) {
        section.notes.push(format!(
            "{name} has {} different labels among the pairs; from 2 to {MAX_LABELS} can be read.",
            names.len()
        ));
        return;
    }
    let truth: Vec<Option<usize>> = (0..items.len())
        .map(|pair| names.iter().position(|n| Some(n.as_str()) == of(pair)))
        .collect();
    let faces = items.faces.minus(centre);
    let reader = NearestClass::new(&faces, &truth, names.len());
    let speakers: Vec<usize> = items.items.iter().map(|item| item.speaker).collect();
    let read = |rows: &Vectors| -> Vec<Option<usize>> {
        let read = |pair: usize| {
            // Without anything of the same speaker.
            let own = items.of_speaker[speakers[pair]].iter().copied();
            truth[pair].and_then(|_| reader.read(rows.row(pair), own, &faces, &truth))
        };
        (0..items.len()).map(read).collect()
    };
    let heard = read(&voices.minus(centre));
    let another: Vec<Option<usize>> =
        controls.anybody.iter().map(|other| other.and_then(|other| heard[other])).collect();
    let mut counts = vec![0; names.len()];
    truth.iter().flatten().for_each(|&class| counts[class] += 1);
    let known: usize = counts.iter().sum();
    let majority = 100.0 * counts.iter().copied().max().unwrap_or(0) as f64 / known.max(1) as f64;
    let mut rows = Vec::new();
    let mut first = None;
    for (id, label, found) in [
        ("voice", "from the voice", &heard),
        ("true-face", "from the true face", &read(&faces)),
        ("another-voice", "from another person's voice", &another),
    ] {
        let right: Vec<f64> = (0..items.len())
            .map(|pair| match (truth[pair], found[pair]) {
                (Some(truth), Some(found)) => f64::from(found == truth),
                _ => f64::NAN,
            })
            .collect();
        let accuracy = scorer.share(
            &format!("labels/{}/{id}/accuracy", id_part(name)),
            &right,
            Baseline::chance(majority),
        );
        let balanced = scorer.balanced(
            &format!("labels/{}/{id}/balanced-accuracy", id_part(name)),
            &truth,
            &right,
        );
        first.get_or_insert_with(|| accuracy.clone());
        let size = Cell::Size(accuracy.clone());
        rows.push((label.to_owned(), vec![Cell::Value(accuracy), Cell::Value(balanced), size]));
    }
    if let Some(first) = first {
        rows.push((
            "the most frequent label for everybody".into(),
            vec![Cell::Chance(first), Cell::Empty, Cell::Empty],
        ));
    }
    section.items.push(Item::Table(Table {
        title: name.clone(),
        corner: "read".into(),
        columns: ["accuracy", "balanced accuracy", "on"].map(String::from).into(),
        rows,
        ..Table::default()
    }));
    section.items.extend(
        confusion(
            scorer,
            &format!("{name}: rows the label, columns read from the voice"),
            &format!("labels/{}/voice", id_part(name)),
            &names,
            &truth,
            &heard,
        )
        .map(Item::Table),
    );
}

/// Maximum number of different labels of an attribute.
const MAX_LABELS: usize = 24;

/// A classifier: the class whose mean feature is nearest by cosine.
struct NearestClass {
    sums: Vec<Vec<f64>>,
}

impl NearestClass {
    fn new(rows: &Vectors, truth: &[Option<usize>], classes: usize) -> Self {
        let mut sums = vec![vec![0.0; rows.dimension()]; classes];
        for (row, class) in rows.rows().zip(truth) {
            if let Some(class) = class {
                sums[*class].iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
        Self { sums }
    }

    /// The class of `row`, with the rows `without` left out of the means.
    fn read(
        &self,
        row: &[f32],
        without: impl Iterator<Item = usize>,
        rows: &Vectors,
        truth: &[Option<usize>],
    ) -> Option<usize> {
        let mut without_own: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for own in without {
            let Some(class) = truth[own] else { continue };
            let sum = without_own.entry(class).or_insert_with(|| self.sums[class].clone());
            sum.iter_mut().zip(rows.row(own)).for_each(|(sum, &x)| *sum -= f64::from(x));
        }
        let nearness = |class: usize| -> Option<f64> {
            let sum = without_own.get(&class).unwrap_or(&self.sums[class]);
            let mean: Vec<f32> = sum.iter().map(|&x| x as f32).collect();
            let length = dot(&mean, &mean).sqrt();
            // If this speaker is the only one of a class, only rounding errors are left of it.
            (length > 1e-6).then(|| dot(row, &mean) / length)
        };
        (0..self.sums.len())
            .filter_map(|class| Some((class, nearness(class)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(class, _)| class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_is_read_by_the_others() {
        let rows = Vectors::new(vec![1.0, 0.1, 1.0, -0.1, 0.0, 1.0, 0.9, 0.0], 2);
        let truth = [Some(0), Some(0), Some(1), Some(1)];
        let reader = NearestClass::new(&rows, &truth, 2);
        // With its own row the last one would be of its class; without, it is not.
        assert_eq!(reader.read(rows.row(3), [3].into_iter(), &rows, &truth), Some(0));
        assert_eq!(reader.read(rows.row(2), [].into_iter(), &rows, &truth), Some(1));
        // A label with a single person cannot be read for that person.
        let truth = [Some(0), Some(0), Some(0), Some(1)];
        let reader = NearestClass::new(&rows, &truth, 2);
        assert_eq!(reader.read(rows.row(3), [3].into_iter(), &rows, &truth), Some(0));
    }
}
