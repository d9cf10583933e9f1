//! Distributions of faces: whether they hold the true faces as often as they say, and how much a
//! voice narrows them.

use s2f_metrics::uniformity;

use super::values;
use crate::context::Context;
use crate::distributions::{Prediction, SAMPLES};
use crate::report::{Cell, Item, Line, Lines, Section, Table, Unit};
use crate::scorer::{Baseline, Scorer};

/// Regions of highest density, per cent.
const REGIONS: [u32; 3] = [50, 80, 95];
/// Bars of the rank histogram.
const BINS: usize = 10;

/// `None` if the model has no distribution.
pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Option<Section> {
    let predictions = context.predictions.as_deref()?;
    let mut items = vec![quality(context, predictions, scorer), regions(predictions, scorer)];
    items.push(rank_histogram(predictions, scorer));
    items.push(spread(context, predictions, scorer));
    items.extend(of_traits(predictions, scorer));
    Some(Section {
        id: "distribution".into(),
        title: "Distributions of faces".into(),
        text: vec![
            format!(
                "The model predicts how probable every face is for a voice. It is compared with \
                 its own distribution of faces without any voice. Log-density is that of the true \
                 feature, per dimension, and what the voice adds to it, per face; larger is \
                 better. The energy score is the mean distance of {SAMPLES} samples to the true \
                 feature less half of their mean distance to each other; smaller is better."
            ),
            "A region of highest density holds the true face as often as its name says if the \
             distributions are right; more often if they are too wide. The largest error over all \
             regions is the Kolmogorov-Smirnov statistic. The rank of a true face is the share of \
             the distribution that is more probable than it: each tenth of the ranks holds a tenth \
             of the faces if the distributions are right, the last ones more if they are too \
             narrow. Faces of one voice are samples of its \
             distribution; faces of two voices are the means of two."
                .into(),
        ],
        items,
        ..Section::default()
    })
}

fn table(title: &str, columns: &[&str], rows: Vec<(String, Vec<Cell>)>) -> Item {
    Item::Table(Table {
        title: title.into(),
        corner: String::new(),
        columns: columns.iter().map(|&column| column.into()).collect(),
        rows,
        ..Table::default()
    })
}

fn quality(context: &Context<'_>, predictions: &[Prediction], scorer: &mut Scorer<'_>) -> Item {
    let identity = context.space.identity_dimension() as f64;
    let mut mean = |id: &str, of: &dyn Fn(&Prediction) -> f64, baseline: Baseline| {
        let numbers: Vec<f64> = predictions.iter().map(of).collect();
        scorer.mean(&format!("distribution/{id}"), Unit::Plain, &numbers, baseline)
    };
    let none = Baseline::default();
    let rows = vec![
        (
            "log-density per dimension, nats".to_owned(),
            values([
                mean("log-density", &|p| p.log_density / identity, none),
                mean("log-density/prior", &|p| p.prior_log_density / identity, none),
            ]),
        ),
        (
            "what the voice adds, nats per face".to_owned(),
            values([mean(
                "log-density/gain",
                &|p| p.log_density - p.prior_log_density,
                Baseline::chance(0.0),
            )]),
        ),
        (
            "energy score".to_owned(),
            values([
                mean("energy", &|p| p.energy, none),
                mean("energy/prior", &|p| p.prior_energy, none),
            ]),
        ),
        (
            "what the voice takes from it".to_owned(),
            values([mean("energy/gain", &|p| p.prior_energy - p.energy, Baseline::chance(0.0))]),
        ),
        (
            "share of the variance that the voice explains".to_owned(),
            values([mean("explained", &|p| p.explained, Baseline::chance(0.0))]),
        ),
    ];
    table("How probable the true face is", &["with the voice", "without it"], rows)
}

fn regions(predictions: &[Prediction], scorer: &mut Scorer<'_>) -> Item {
    let mut rows = Vec::new();
    for region in REGIONS {
        let level = f64::from(region) / 100.0;
        let inside: Vec<f64> =
            predictions.iter().map(|p| f64::from(u8::from(p.level <= level))).collect();
        let baseline = Baseline::chance(f64::from(region));
        let id = scorer.share(&format!("distribution/coverage/{region}"), &inside, baseline);
        rows.push((
            format!("region of {region} %"),
            vec![Cell::Value(id.clone()), Cell::Chance(id)],
        ));
    }
    let levels: Vec<f64> = predictions.iter().map(|p| p.level).collect();
    let error = uniformity(&levels).map_or(f64::NAN, |found| 100.0 * found.distance);
    let on = (predictions.len(), scorer.items.speakers.len());
    let id = scorer.number("distribution/coverage/largest-error", Unit::PercentPoints, error, on);
    rows.push(("largest error of any region".into(), vec![Cell::Value(id), Cell::Empty]));
    table("How often the true face is inside", &["true faces inside", "if right"], rows)
}

/// Shares of the true faces by tenth of their rank.
fn rank_histogram(predictions: &[Prediction], scorer: &mut Scorer<'_>) -> Item {
    let width = 100.0 / BINS as f64;
    let points = (0..BINS).map(|bin| {
        let inside = |p: &Prediction| ((p.level * BINS as f64) as usize).min(BINS - 1) == bin;
        let inside: Vec<f64> = predictions.iter().map(|p| f64::from(u8::from(inside(p)))).collect();
        let id = format!("distribution/ranks/{}", bin + 1);
        let id = scorer.share(&id, &inside, Baseline::chance(width));
        ((bin as f64 + 0.5) * width, id)
    });
    Item::Lines(Lines {
        title: "Rank histogram".into(),
        x_label: "share of the distribution that is more probable than the true face, per cent"
            .into(),
        y_label: "true faces, per cent".into(),
        x_log: false,
        lines: vec![Line { label: "true faces".into(), points: points.collect(), chance: true }],
    })
}

fn spread(context: &Context<'_>, predictions: &[Prediction], scorer: &mut Scorer<'_>) -> Item {
    let others = [
        ("two faces of one voice", "within", None),
        ("two voices of one speaker", "clips", Some(&context.controls.other_clip)),
        ("voices of two speakers of one sex", "same-sex", Some(&context.controls.same_sex)),
        ("voices of two speakers", "anybody", Some(&context.controls.anybody)),
    ];
    let rows = others.map(|(label, id, other)| {
        let distances: Vec<f64> = predictions
            .iter()
            .enumerate()
            .map(|(pair, prediction)| match other {
                None => prediction.within,
                Some(other) => other[pair]
                    .map_or(f64::NAN, |other| distance(&prediction.mean, &predictions[other].mean)),
            })
            .collect();
        let id = format!("distribution/distance/{id}");
        let id = scorer.mean(&id, Unit::Plain, &distances, Baseline::default());
        (label.to_owned(), vec![Cell::Value(id.clone()), Cell::Size(id)])
    });
    table("Distances of faces", &["distance", "on"], rows.into())
}

/// Sex and age, if the model predicts them and the corpus states them.
fn of_traits(predictions: &[Prediction], scorer: &mut Scorer<'_>) -> Option<Item> {
    let all = |of: &dyn Fn(&Prediction) -> Option<f64>| -> Vec<f64> {
        predictions.iter().map(|p| of(p).unwrap_or(f64::NAN)).collect()
    };
    let mut rows = Vec::new();
    let sexes = all(&|p| p.stated_sex);
    if sexes.iter().any(|share| share.is_finite()) {
        let id = scorer.share("distribution/sex", &sexes, Baseline::chance(50.0));
        let cells = vec![Cell::Value(id.clone()), Cell::Chance(id)];
        rows.push(("probability of the stated sex".to_owned(), cells));
    }
    for region in [50, 90] {
        let half = f64::from(region) / 200.0;
        let inside = all(&|p| Some(f64::from(u8::from((p.age_level? - 0.5).abs() <= half))));
        if inside.iter().any(|share| share.is_finite()) {
            let baseline = Baseline::chance(f64::from(region));
            let id = scorer.share(&format!("distribution/age/{region}"), &inside, baseline);
            let cells = vec![Cell::Value(id.clone()), Cell::Chance(id)];
            rows.push((format!("age within its interval of {region} %"), cells));
        }
    }
    let widths = all(&|p| p.age_width);
    if widths.iter().any(|width| width.is_finite()) {
        let id = "distribution/age/width";
        let id = scorer.mean(id, Unit::Years, &widths, Baseline::default());
        let cells = vec![Cell::Value(id), Cell::Empty];
        rows.push(("width of the interval of 90 %".to_owned(), cells));
    }
    (!rows.is_empty()).then(|| table("Sex and age", &["predicted", "if right"], rows))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}
