//! Confusion matrices.

use crate::report::{Cell, Table, Unit};
use crate::scorer::{Scorer, With};

/// A confusion matrix: shares of each row, and counts.
pub(crate) fn confusion(
    scorer: &mut Scorer<'_>,
    title: &str,
    id: &str,
    names: &[String],
    rows: &[Option<usize>],
    columns: &[Option<usize>],
) -> Table {
    let class = |pair: usize, of: usize| rows[pair] == Some(of) && columns[pair].is_some();
    let present: Vec<usize> =
        (0..names.len()).filter(|&row| (0..rows.len()).any(|pair| class(pair, row))).collect();
    let mut table = Table {
        title: title.to_owned(),
        corner: String::new(),
        columns: names.to_vec(),
        shaded: true,
        caption: Some("Shares of each row in %; the last column counts its pairs.".into()),
        ..Table::default()
    };
    table.columns.push("pairs".into());
    for row in present {
        let mut cells = Vec::new();
        let (mut total, mut speakers) = (0, 0);
        for (column, name) in names.iter().enumerate() {
            let values: Vec<f64> = (0..rows.len())
                .map(|pair| {
                    if class(pair, row) {
                        f64::from(columns[pair] == Some(column))
                    } else {
                        f64::NAN
                    }
                })
                .collect();
            let cell =
                scorer.share(&format!("{id}/{}-as-{name}", names[row]), &values, With::default());
            if let Some(score) = scorer.get(&cell) {
                (total, speakers) = (score.pairs, score.speakers);
            }
            let count = values.iter().filter(|&&value| value == 1.0).count();
            scorer.number(
                &format!("{id}/{}-as-{name}/count", names[row]),
                Unit::Count,
                count as f64,
                (total, speakers),
            );
            cells.push(Cell::Value(cell));
        }
        let count = scorer.number(
            &format!("{id}/{}/count", names[row]),
            Unit::Count,
            total as f64,
            (total, speakers),
        );
        cells.push(Cell::Value(count));
        table.rows.push((names[row].clone(), cells));
    }
    table
}
