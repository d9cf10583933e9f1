//! Two evaluations on the same pairs.

use std::path::Path;

use crate::EvalError;
use crate::report::{Cell, FORMAT, Item, Paired, Report, Score, Section, Table, Unit};
use crate::scorer::Scorer;
use s2f_metrics::sign_flip_p;
use s2f_metrics::{Bootstrap, Spread};

/// Scores that models are compared by, and what tables call them.
const COMPARED: [(&str, &str); 8] = [
    ("similarity/degrees", "angle"),
    ("retrieval/voice-to-face/relative/at-1", "recall at 1 face"),
    ("retrieval/voice-to-face/relative/at-10", "at 10 faces"),
    ("retrieval/voice-to-face/relative/at-10-percent", "at 10 %"),
    ("retrieval/voice-to-face/cosine/at-10-percent", "at 10 %, plain cosine"),
    ("matching/voice-to-face/1-of-2", "one of 2"),
    ("matching/voice-to-face/1-of-2/same-sex", "one of 2, of one sex"),
    ("attributes/sex/photograph/voice/accuracy", "sex of the drawn face"),
];

/// More than any report has.
const MOST_BYTES: u64 = 256 << 20;

/// What an evaluation says to others, from its scores.
pub(crate) fn paired(scorer: &Scorer<'_>, pairs_sha256: String, model: String) -> Paired {
    let sums = COMPARED
        .iter()
        .filter_map(|(id, _)| Some(((*id).to_owned(), scorer.sums.get(*id)?.clone())))
        .collect();
    Paired { pairs_sha256, model, sums }
}

/// Reads an earlier report, or the folder that it is in.
pub(crate) fn read_baseline(path: &Path) -> Result<Report, EvalError> {
    let file = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let wrong = |reason: String| EvalError::Baseline {
        path: file.clone(),
        reason,
        hint: "name the report.json of another evaluation, or its folder",
    };
    let bytes = std::fs::metadata(&file).map_err(|error| wrong(error.to_string()))?.len();
    if bytes > MOST_BYTES {
        return Err(wrong(format!("it has {bytes} bytes, at most {MOST_BYTES} are read")));
    }
    let text = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("it is not a report ({error})")))?;
    if report.format != FORMAT {
        return Err(wrong(format!("it is in format {}, not {FORMAT}", report.format)));
    }
    Ok(report)
}

/// Refuses a baseline of other pairs, or one that was damaged.
pub(crate) fn check_baseline(
    path: &Path,
    baseline: &Paired,
    own: &str,
    speakers: usize,
) -> Result<(), EvalError> {
    let wrong = |reason: &str, hint| {
        Err(EvalError::Baseline { path: path.to_owned(), reason: reason.into(), hint })
    };
    if baseline.pairs_sha256 != own {
        return wrong(
            "it was measured on other pairs, or on other lengths of them",
            "evaluate both models on the same pairs with the same --split, --most and --seconds",
        );
    }
    let is_whole = |sums: &Vec<(f64, f64)>| {
        sums.len() == speakers && sums.iter().all(|(sum, n)| sum.is_finite() && *n >= 0.0)
    };
    if !baseline.sums.values().all(is_whole) {
        return wrong("its sums by speaker are damaged", "make that report again");
    }
    Ok(())
}

/// The models beside each other, and how far each is from the first.
pub(crate) fn section(
    scorer: &mut Scorer<'_>,
    bootstrap: &Bootstrap,
    own: &Paired,
    others: &[(String, Paired)],
    seed: u64,
) -> Section {
    let known: Vec<(&str, &str)> = COMPARED
        .into_iter()
        .filter(|(id, _)| {
            own.sums.contains_key(*id) && others.iter().any(|(_, o)| o.sums.contains_key(*id))
        })
        .collect();
    let mut section = Section {
        id: "comparison".into(),
        title: "Comparison of models".into(),
        text: vec![format!(
            "All on the same pairs. Differences are those to {}, speaker by speaker: the interval is \
             the bootstrap's, p is from 10 000 draws in which the signs of speakers' differences are \
             turned at random, corrected for all tests of the table after Holm.",
            own.model
        )],
        ..Section::default()
    };
    let columns: Vec<String> = known.iter().map(|(_, title)| (*title).to_owned()).collect();
    let mut rows = vec![(
        own.model.clone(),
        known.iter().map(|(id, _)| Cell::Value((*id).to_owned())).collect(),
    )];
    let mut differences = Vec::new();
    let mut tests = Vec::new();
    for (number, (name, other)) in others.iter().enumerate() {
        let (mut row, mut difference) = (Vec::new(), Vec::new());
        for (id, _) in &known {
            let (Some(a), Some(b)) = (own.sums.get(*id), other.sums.get(*id)) else {
                row.push(Cell::Empty);
                difference.extend([Cell::Empty, Cell::Empty]);
                continue;
            };
            let unit = scorer.get(id).map_or(Unit::Plain, |score| score.unit);
            let prefix = format!("comparison/{}-{name}", number + 1);
            row.push(Cell::Value(mean(scorer, bootstrap, &format!("{prefix}/{id}"), unit, b)));
            let id =
                compare(scorer, bootstrap, &format!("{prefix}/{id}/difference"), unit, a, b, seed);
            tests.push(id.clone());
            difference.extend([Cell::Value(id.clone()), Cell::P(id)]);
        }
        rows.push((name.clone(), row));
        differences.push((name.clone(), difference));
    }
    scorer.correct(&tests);
    section.items.push(Item::Table(Table {
        title: "Scores".into(),
        corner: "model".into(),
        columns: columns.clone(),
        rows,
        ..Table::default()
    }));
    section.items.push(Item::Table(Table {
        title: format!("Difference to {}", own.model),
        corner: "model".into(),
        columns: columns.into_iter().flat_map(|column| [column, "p".into()]).collect(),
        rows: differences,
        ..Table::default()
    }));
    section
}

fn mean(
    scorer: &mut Scorer<'_>,
    bootstrap: &Bootstrap,
    id: &str,
    unit: Unit,
    sums: &[(f64, f64)],
) -> String {
    let (sum, count) = sums.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    // Shares are kept in per cent.
    let spread = if unit == Unit::Percent {
        let shares: Vec<[f64; 2]> = sums.iter().map(|&(sum, n)| [sum / 100.0, n]).collect();
        let spread = bootstrap.share(&shares);
        spread.map(|spread| Spread { interval: spread.interval.map(|x| 100.0 * x), ..spread })
    } else {
        bootstrap.mean(&sums.iter().map(|&(sum, n)| [sum, n]).collect::<Vec<_>>())
    };
    scorer.add(Score {
        interval: spread.map(|spread| spread.interval),
        ..Score::new(
            id,
            unit,
            sum / count,
            (count as usize, sums.iter().filter(|(_, count)| *count > 0.0).count()),
        )
    })
}

/// The other minus the own model.
fn compare(
    scorer: &mut Scorer<'_>,
    bootstrap: &Bootstrap,
    id: &str,
    unit: Unit,
    own: &[(f64, f64)],
    other: &[(f64, f64)],
    seed: u64,
) -> String {
    let both: Vec<[f64; 4]> = own
        .iter()
        .zip(other)
        .map(|(&(a, n), &(b, m))| if n > 0.0 && m > 0.0 { [a, n, b, m] } else { [0.0; 4] })
        .collect();
    let total = both.iter().fold([0.0; 4], |mut total, row| {
        total.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        total
    });
    let difference = |&[a, n, b, m]: &[f64; 4]| b / m - a / n;
    let spread = bootstrap.spread(&both, difference);
    // Each speaker's share of the difference of the means.
    let [_, n, _, m] = total;
    let shares: Vec<f64> = both.iter().map(|[a, _, b, _]| b / m - a / n).collect();
    scorer.add(Score {
        interval: spread.map(|spread| spread.interval),
        chance: Some(0.0),
        p: Some(sign_flip_p(&shares, seed)),
        ..Score::new(
            id,
            if unit == Unit::Percent { Unit::PercentPoints } else { unit },
            difference(&total),
            (m as usize, both.iter().filter(|row| row[1] > 0.0).count()),
        )
    })
}
