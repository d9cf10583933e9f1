//! Tables of scores.

use maud::{Markup, html};

use crate::report::number::{ScoreField, interval, number};
use crate::report::{Cell, Report, Score, Table, Unit};

/// A table with at least this many columns has less space between them.
const MANY: usize = 8;

/// A table that scrolls inside its own box if it is wider than the page.
pub(super) fn render(report: &Report, table: &Table) -> Markup {
    if table.rows.is_empty() {
        return html! { p.nothing { (table.title) ": nothing to show" } };
    }
    html! {
        div.table {
            // The box takes the focus, so that the arrow keys scroll it.
            div.scroll role="region" tabindex="0" aria-label=(table.title) {
                table.shaded[table.shaded].many[table.columns.len() >= MANY] {
                    caption { span { (table.title) } }
                    thead { tr {
                        th.text scope="col" { (table.corner) }
                        @for (index, head) in table.columns.iter().enumerate() {
                            // Neither breaks a line: "5 %", "10–19".
                            @let head = head.replace(" %", "\u{a0}%");
                            @let head = head.replace('–', "\u{2060}–\u{2060}");
                            th.text[is_text(table, index)] scope="col" { (head) }
                        }
                    } }
                    tbody { @for (label, cells) in &table.rows { tr {
                        th.text scope="row" { (label) }
                        @for each in cells { (cell(report, each, table.shaded)) }
                    } } }
                }
            }
            @if let Some(caption) = &table.caption { p.caption { (caption) } }
        }
    }
}

/// Whether a column holds text, which is aligned left; numbers are aligned right.
fn is_text(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|(_, cells)| cells.get(column)).peekable();
    cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Text(_) | Cell::Empty))
}

fn cell(report: &Report, cell: &Cell, shaded: bool) -> Markup {
    match cell {
        Cell::Value(id) => named(report, id, |score| {
            html! {
                td style=[share(score, shaded)] {
                    (number(score, ScoreField::Value))
                    @if let Some(interval) = interval(score) { (interval) }
                }
            }
        }),
        Cell::Chance(id) => named(report, id, |score| {
            html! { td.quiet { (number(score, ScoreField::Chance)) } }
        }),
        Cell::P(id) => named(report, id, |score| html! { td { (number(score, ScoreField::P)) } }),
        Cell::Size(id) => named(report, id, |score| html! { td.size { (size(score)) } }),
        Cell::Text(text) => html! { td.text { (text) } },
        Cell::Empty => html! { td {} },
    }
}

/// The cell of a score, or a placeholder if there is no such score.
fn named(report: &Report, id: &str, cell: impl FnOnce(&Score) -> Markup) -> Markup {
    match report.score(id) {
        Some(score) => cell(score),
        None => html! { td { (unknown(id)) } },
    }
}

/// A placeholder for a score that the report does not have.
pub(super) fn unknown(id: &str) -> Markup {
    html! { span.missing title={ "no score is named " (id) } { "–" } }
}

/// How dark a cell of a confusion matrix is, in per cent.
fn share(score: &Score, shaded: bool) -> Option<String> {
    let shown = shaded && score.unit == Unit::Percent && score.value.is_finite();
    shown.then(|| format!("--share:{:.0}", score.value.clamp(0.0, 100.0)))
}

fn size(score: &Score) -> Markup {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    html! {
        (number(score, ScoreField::Pairs)) " pair" (plural(score.pairs)) " · "
        (number(score, ScoreField::Speakers)) " speaker" (plural(score.speakers))
        @if score.gallery.is_some() {
            " " span.among { "among " (number(score, ScoreField::Gallery)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::sample;

    #[test]
    fn a_table_without_rows_says_so() {
        let table = Table { title: "Ages".to_owned(), ..Table::default() };
        let page = render(&sample::report(), &table).into_string();
        assert_eq!(page, "<p class=\"nothing\">Ages: nothing to show</p>");
    }

    #[test]
    fn heads_of_columns_do_not_break_within_a_range() {
        let table = Table {
            columns: vec!["10–19".into(), "at 5 %".into()],
            rows: vec![("a".into(), vec![Cell::Empty, Cell::Empty])],
            ..Table::default()
        };
        let page = render(&sample::report(), &table).into_string();
        assert!(page.contains(">10\u{2060}–\u{2060}19<"), "{page}");
        assert!(page.contains(">at 5\u{a0}%<"), "{page}");
    }

    #[test]
    fn only_shares_are_shaded() {
        let share = |value, unit, shaded| share(&sample::score("a/b", value, unit), shaded);
        assert_eq!(share(63.4, Unit::Percent, true).as_deref(), Some("--share:63"));
        assert_eq!(share(130.0, Unit::Percent, true).as_deref(), Some("--share:100"));
        assert_eq!(share(63.4, Unit::Percent, false), None);
        assert_eq!(share(63.4, Unit::Count, true), None);
        assert_eq!(share(f64::NAN, Unit::Percent, true), None);
    }

    #[test]
    fn a_score_that_is_missing_is_named() {
        let page = cell(&sample::report(), &Cell::Value("no/such".to_owned()), false);
        let page = page.into_string();
        assert!(page.contains("no score is named no/such"), "{page}");
        assert!(!page.contains("data-score"), "{page}");
    }

    #[test]
    fn sizes_agree_in_number() {
        let mut score = sample::score("a/b", 1.0, Unit::Plain);
        (score.pairs, score.speakers, score.gallery) = (1, 1, None);
        let words = |score: &Score| {
            let page = size(score).into_string();
            page.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text).collect()
        };
        let text: String = words(&score);
        assert_eq!(text, "1 pair · 1 speaker");
        (score.pairs, score.speakers, score.gallery) = (1300, 100, Some(99.5));
        assert_eq!(words(&score), "1\u{202f}300 pairs · 100 speakers among 99.5");
    }
}
