//! `scores.csv`: every score of a report, one per row, unrounded.

use ::csv::{Error, Writer};

use super::{Report, Score};

/// Header. Readers of the file rely on these names.
pub const COLUMNS: [&str; 11] = [
    "id",
    "value",
    "low",
    "high",
    "chance",
    "unit",
    "pairs",
    "speakers",
    "gallery",
    "p",
    "p_adjusted",
];

/// The scores of a report, in order, as the text of `scores.csv`.
///
/// Numbers have enough digits to read back the same number. A field is empty if a score has no
/// such value.
///
/// # Errors
/// Only if memory runs out.
pub fn render(report: &Report) -> Result<String, Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for score in &report.scores {
        writer.write_record(row(score))?;
    }
    let bytes = writer.into_inner().map_err(|e| Error::from(e.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn row(score: &Score) -> [String; COLUMNS.len()] {
    let number = |value: Option<f64>| {
        value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
    };
    [
        score.id.clone(),
        number(Some(score.value)),
        number(score.interval.map(|[low, _]| low)),
        number(score.interval.map(|[_, high]| high)),
        number(score.chance),
        score.unit.name().to_owned(),
        score.pairs.to_string(),
        score.speakers.to_string(),
        number(score.gallery),
        number(score.p),
        number(score.p_adjusted),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::sample;

    #[test]
    fn numbers_read_back_as_they_were() {
        let report = sample::report();
        let text = render(&report).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), report.scores.len());
        for (row, score) in rows.iter().zip(&report.scores) {
            let number = |column: usize| row[column].parse::<f64>().ok();
            assert_eq!(&row[0], score.id);
            assert_eq!(number(1), Some(score.value).filter(|value| value.is_finite()));
            assert_eq!(number(2).zip(number(3)), score.interval.map(Into::into));
            assert_eq!(number(4), score.chance);
            assert_eq!(&row[5], score.unit.name());
            assert_eq!(row[6].parse(), Ok(score.pairs));
            assert_eq!(row[7].parse(), Ok(score.speakers));
            assert_eq!(
                [number(8), number(9), number(10)],
                [score.gallery, score.p, score.p_adjusted]
            );
        }
    }

    #[test]
    fn a_score_without_a_number_has_empty_fields() {
        let mut report = sample::report();
        report.scores.retain(|score| score.value.is_nan());
        let text = render(&report).unwrap();
        assert_eq!(text.lines().nth(1), Some("age/error/nobody,,,,,years,0,0,,,"));
    }
}
