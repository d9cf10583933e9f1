//! `report.html`: a report as one page, without scripts and without any other file or network
//! access.

mod table;

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
pub(crate) mod trace;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::number::{ScoreField, interval, number};
use super::{
    Attachments, Cell, Headline, Item, Lines, Map, Picture, Report, Section, Table, figure,
};

const STYLE: &str = include_str!("html.css");

/// Content security policy: the page can load and run nothing, regardless of its text.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A report as a self-contained page, with the pictures of `attachments`. A missing one is replaced
/// by a note.
///
/// Every number of a score is in an element with `data-score`, the id of the score, and
/// `data-part`, which of its values it is.
pub fn render(report: &Report, attachments: &Attachments) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(report.software);
                // Without an icon, browsers request one from the server.
                link rel="icon" href="data:,";
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(report))
                main {
                    @if !report.notes.is_empty() {
                        div.notes role="note" { @for note in &report.notes { p { (note) } } }
                    }
                    @if !report.headlines.is_empty() {
                        section.headlines aria-label="Headlines" {
                            @for each in &report.headlines { (headline(report, each)) }
                        }
                    }
                    div.columns {
                        (contents(&report.sections))
                        div.sections {
                            @for each in &report.sections { (section(report, attachments, each)) }
                        }
                    }
                }
                (footer(report))
            }
        }
    };
    page.into_string()
}

fn header(report: &Report) -> Markup {
    html! {
        header {
            h1 { (report.title) }
            dl { @for (label, text) in &report.about {
                div { dt { (label) } dd { (text) } }
            } }
        }
    }
}

fn headline(report: &Report, headline: &Headline) -> Markup {
    let score = report.score(&headline.score);
    html! {
        article.card {
            h2 { (headline.label) }
            p.big {
                @match score {
                    Some(score) => (number(score, ScoreField::Value)),
                    None => (table::unknown(&headline.score)),
                }
            }
            p.beside {
                @if let Some(interval) = score.and_then(interval) { (interval) }
                @if let Some(score) = score && score.chance.is_some() {
                    span { "chance " (number(score, ScoreField::Chance)) }
                }
            }
            p.verdict { (headline.verdict) }
        }
    }
}

fn contents(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Contents" {
            ol { @for section in sections {
                li { a href={ "#" (section.id) } { (section.title) } }
            } }
        }
    }
}

fn section(report: &Report, attachments: &Attachments, section: &Section) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            @for paragraph in &section.text { p { (paragraph) } }
            @if !section.notes.is_empty() {
                div.notes role="note" { @for note in &section.notes { p { (note) } } }
            }
            @for item in &section.items {
                @match item {
                    Item::Table(each) => (table::render(report, each)),
                    Item::Lines(each) => (lines(report, each)),
                    Item::Map(each) => (map(each)),
                    Item::Picture(each) => (picture(attachments, each)),
                }
            }
        }
    }
}

fn lines(report: &Report, lines: &Lines) -> Markup {
    let Some(plot) = figure::lines(report, lines) else {
        return html! { p.nothing { (lines.title) ": nothing to show" } };
    };
    html! {
        figure {
            figcaption { (lines.title) }
            (plot)
            details {
                summary { "The numbers of this figure" }
                (table::render(report, &numbers(lines)))
            }
        }
    }
}

/// The scores of a figure as a table, for those who cannot see it or point at it.
fn numbers(lines: &Lines) -> Table {
    let shown: Vec<_> = lines.lines.iter().filter(|line| !line.points.is_empty()).collect();
    let mut places: Vec<f64> =
        shown.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let row = |x: f64| {
        let cells = shown.iter().map(|line| {
            let point = line.points.iter().find(|(place, _)| *place == x);
            point.map_or(Cell::Empty, |(_, id)| Cell::Value(id.clone()))
        });
        (figure::plain(x), cells.collect())
    };
    Table {
        title: lines.y_label.clone(),
        corner: lines.x_label.clone(),
        columns: shown.iter().map(|line| line.label.clone()).collect(),
        rows: places.into_iter().map(row).collect(),
        ..Table::default()
    }
}

fn map(map: &Map) -> Markup {
    let Some(plot) = figure::map(map) else {
        return html! { p.nothing { (map.title) ": nothing to show" } };
    };
    html! {
        figure {
            figcaption { (map.title) }
            (plot)
            p.caption { (map.caption) }
        }
    }
}

fn picture(attachments: &Attachments, picture: &Picture) -> Markup {
    let bytes = attachments.get(&picture.file);
    html! {
        figure {
            figcaption { (picture.title) }
            @match bytes.and_then(|bytes| Some((media_type(bytes)?, bytes))) {
                Some((kind, bytes)) => {
                    @let encoded = STANDARD.encode(bytes);
                    img alt=(picture.alt) src={ "data:" (kind) ";base64," (encoded) };
                }
                None if bytes.is_some() => {
                    p.nothing { (picture.file) " is neither a PNG nor a JPEG" }
                }
                None => p.nothing { (picture.file) " is not with this report" },
            }
            p.caption { (picture.caption) }
        }
    }
}

/// Media type of a picture, detected from its first bytes and not its name.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else {
        None
    }
}

fn footer(report: &Report) -> Markup {
    html! {
        footer {
            p {
                "Every number is in " code { "scores.csv" } ", unrounded, under the id that "
                "appears when you point at it. Small numbers below or beside a value are its "
                "95\u{202f}% confidence interval."
            }
            p {
                "Faces marked as synthetic are generated. This report identifies nobody: it "
                "measures a model, not a person."
            }
            p { (report.software) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_traced_to_the_scores() {
        let report = sample::report();
        let parts = trace::check(&report, &render(&report, &sample::attachments()));
        let all = ["chance", "gallery", "high", "low", "p", "pairs", "speakers", "value"];
        assert!(parts.keys().eq(&all), "{parts:?}");
    }

    #[test]
    fn text_stays_text_and_nothing_is_loaded() {
        let page = render(&sample::report(), &sample::attachments());
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;"));
        for address in ["http://", "https://", "url(", "@import", "src=\"//", "onload"] {
            assert!(!page.contains(address), "{address}");
        }
    }

    #[test]
    fn pictures_are_embedded_or_said_to_be_missing() {
        let page = render(&sample::report(), &sample::attachments());
        assert!(page.contains("src=\"data:image/png;base64,iVBORw0KGgo=\""));
        assert!(page.contains("lost.png is not with this report"));
        assert!(page.contains("page.png is neither a PNG nor a JPEG"));
    }

    #[test]
    fn an_empty_report_is_a_page() {
        let mut report = sample::report();
        (report.headlines, report.sections, report.scores) = Default::default();
        let page = render(&report, &Attachments::new());
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    }

    #[test]
    fn the_table_of_a_figure_has_its_scores() {
        let report = sample::report();
        let Item::Lines(lines) = &report.sections[0].items[3] else { panic!("not a figure") };
        let table = numbers(lines);
        let heads: Vec<_> = table.rows.iter().map(|(head, _)| head.as_str()).collect();
        assert_eq!(heads, ["1", "2", "4", "8"]);
        assert_eq!(table.columns, [sample::HOSTILE]);
        assert_eq!(table.rows[0].1, [Cell::Value("identity/top/1".to_owned())]);
    }
}
