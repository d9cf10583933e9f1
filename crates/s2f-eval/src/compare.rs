//! Comparison of models on the same pairs, and reading an earlier report.

use std::path::Path;

use s2f_metrics::{Bootstrap, SumAndCount, sign_flip_p};

use crate::EvalError;
use crate::report::{Cell, FORMAT, Item, Paired, Report, Score, Section, Table, Unit};
use crate::scorer::{Baseline, Scorer};

/// Scores by which models are compared, and their names in tables.
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

/// Larger than any report.
const MAX_BYTES: u64 = 256 << 20;

/// What other evaluations need to compare themselves with this one.
pub(crate) fn paired(scorer: &Scorer<'_>, pairs_sha256: String, model: String) -> Paired {
    let sums = COMPARED
        .iter()
        .filter_map(|(id, _)| Some(((*id).to_owned(), scorer.sums.get(*id)?.clone())))
        .collect();
    Paired { pairs_sha256, model, sums }
}

/// Reads an earlier report: `report.json` or its folder.
///
/// # Errors
/// [`EvalError::Baseline`] if it cannot be read, is too large, or is no report of this version.
pub fn read_report(path: &Path) -> Result<Report, EvalError> {
    let file = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    let wrong = |reason: String| EvalError::Baseline {
        path: file.clone(),
        reason,
        hint: "name the report.json of another evaluation, or its folder",
    };
    let bytes = std::fs::metadata(&file).map_err(|error| wrong(error.to_string()))?.len();
    if bytes > MAX_BYTES {
        return Err(wrong(format!("it has {bytes} bytes, more than the limit of {MAX_BYTES}")));
    }
    let text = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("it is not a report ({error})")))?;
    if report.format != FORMAT {
        return Err(wrong(format!("it is in format {}, not {FORMAT}", report.format)));
    }
    Ok(report)
}

/// Refuses a baseline on other pairs, or a damaged one.
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
            "it was measured on other pairs, or on other parts of their voices",
            "evaluate both models on the same pairs with the same --split, --max-pairs and \
             --seconds",
        );
    }
    let is_whole = |sums: &Vec<(f64, f64)>| {
        sums.len() == speakers && sums.iter().all(|(sum, n)| sum.is_finite() && *n >= 0.0)
    };
    if !baseline.sums.values().all(is_whole) {
        return wrong("its sums by speaker are damaged", "evaluate that model again");
    }
    Ok(())
}

/// The scores of all models, and the difference of each to the first.
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
            "All models on the same pairs. Differences are to {}, paired by speaker. Their \
             intervals are from the bootstrap; p is from 10 000 random flips of the signs of the \
             speakers' differences, with Holm's correction for all tests of the table.",
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
        let (mut row, mut gaps) = (Vec::new(), Vec::new());
        for (id, _) in &known {
            let (Some(a), Some(b)) = (own.sums.get(*id), other.sums.get(*id)) else {
                row.push(Cell::Empty);
                gaps.extend([Cell::Empty, Cell::Empty]);
                continue;
            };
            let unit = scorer.get(id).map_or(Unit::Plain, |score| score.unit);
            let prefix = format!("comparison/{}-{name}", number + 1);
            let [a, b] = [a, b].map(|sums| -> Vec<SumAndCount> {
                sums.iter().map(|&(sum, count)| [sum, count]).collect()
            });
            let id = format!("{prefix}/{id}");
            row.push(Cell::Value(scorer.of_sums(&id, unit, &b, Baseline::default())));
            let id =
                difference(scorer, bootstrap, &format!("{id}/difference"), unit, [&b, &a], seed);
            tests.push(id.clone());
            gaps.extend([Cell::Value(id.clone()), Cell::P(id)]);
        }
        rows.push((name.clone(), row));
        differences.push((name.clone(), gaps));
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

/// The score of the other model minus that of this one, over speakers that both have.
fn difference(
    scorer: &mut Scorer<'_>,
    bootstrap: &Bootstrap,
    id: &str,
    unit: Unit,
    [other, own]: [&[SumAndCount]; 2],
    seed: u64,
) -> String {
    let both: Vec<[f64; 4]> = other
        .iter()
        .zip(own)
        .map(|(&[a, n], &[b, m])| if n > 0.0 && m > 0.0 { [a, n, b, m] } else { [0.0; 4] })
        .collect();
    let [a, n, b, m] = both.iter().fold([0.0; 4], |mut total, row| {
        total.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        total
    });
    // Each speaker's part of the difference of the means.
    let parts: Vec<f64> = both.iter().map(|[a, _, b, _]| a / n - b / m).collect();
    let share = |sums: &[SumAndCount]| -> Vec<SumAndCount> {
        sums.iter().map(|[sum, count]| [sum / 100.0, *count]).collect()
    };
    let interval = if unit == Unit::Percent {
        let found = bootstrap.difference_of_shares(&share(other), &share(own));
        found.map(|found| found.interval.map(|bound| 100.0 * bound))
    } else {
        bootstrap.difference_of_means(other, own).map(|found| found.interval)
    };
    scorer.add(Score {
        interval,
        chance: Some(0.0),
        p: Some(sign_flip_p(&parts, seed)),
        ..Score::new(
            id,
            if unit == Unit::Percent { Unit::PercentPoints } else { unit },
            a / n - b / m,
            (n as usize, both.iter().filter(|row| row[1] > 0.0).count()),
        )
    })
}
