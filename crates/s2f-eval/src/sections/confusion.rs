//! Confusion matrices.

use crate::report::{Cell, Table, Unit};
use crate::scorer::{Baseline, Scorer, id_part};

/// A confusion matrix, as shares of each row and as counts. Pairs without one of the two labels are
/// left out.
pub(crate) fn confusion(
    scorer: &mut Scorer<'_>,
    title: &str,
    id: &str,
    names: &[String],
    rows: &[Option<usize>],
    columns: &[Option<usize>],
) -> [Table; 2] {
    let table = |title: String, shaded: bool| Table {
        title,
        columns: names.to_vec(),
        shaded,
        ..Table::default()
    };
    let mut shares = table(format!("{title}: % of each row"), true);
    let mut counts = table(format!("{title}: pairs"), false);
    counts.columns.push("all".into());
    for (row, row_name) in names.iter().enumerate() {
        let is_in = |pair: usize| rows[pair] == Some(row) && columns[pair].is_some();
        if !(0..rows.len()).any(is_in) {
            continue;
        }
        let (mut of_row, mut counted) = (Vec::new(), Vec::new());
        let mut size = (0, 0);
        for (column, name) in names.iter().enumerate() {
            let is_here = |pair| f64::from(columns[pair] == Some(column));
            let values: Vec<f64> = (0..rows.len())
                .map(|pair| if is_in(pair) { is_here(pair) } else { f64::NAN })
                .collect();
            let cell = format!("{id}/{}-as-{}", id_part(row_name), id_part(name));
            let share = scorer.share(&cell, &values, Baseline::default());
            size = scorer.get(&share).map_or(size, |score| (score.pairs, score.speakers));
            let count = values.iter().filter(|&&value| value == 1.0).count() as f64;
            of_row.push(Cell::Value(share));
            let count = scorer.number(&format!("{cell}/count"), Unit::Count, count, size);
            counted.push(Cell::Value(count));
        }
        let all = format!("{id}/{}/count", id_part(row_name));
        counted.push(Cell::Value(scorer.number(&all, Unit::Count, size.0 as f64, size)));
        shares.rows.push((row_name.clone(), of_row));
        counts.rows.push((row_name.clone(), counted));
    }
    [shares, counts]
}
