//! Checks that every number of a page is one of `scores.csv`, for tests.

use std::collections::BTreeMap;

use crate::report::Report;

/// Checks every number of a page that names a score; returns how many there are of each part.
pub(crate) fn check(report: &Report, page: &str) -> BTreeMap<String, usize> {
    let fields = fields(report);
    let mut parts = BTreeMap::new();
    for (attributes, text) in elements(page, "data-score") {
        let id = &attributes["data-score"];
        let score = report.score(id).unwrap_or_else(|| panic!("no score {id}"));
        let Some(part) = attributes.get("data-part") else { continue };
        assert!(attributes["title"].contains(id.as_str()), "{attributes:?}");
        let column = match part.as_str() {
            "p" if score.p_adjusted.is_some() => "p_adjusted",
            column => column,
        };
        let field = &fields[&(id.clone(), column.to_owned())];
        assert!(rounds_to(field, &text), "{id} {column} {field}: {text}");
        *parts.entry(part.clone()).or_default() += 1;
    }
    parts
}

/// The attributes and the text of every element with an attribute.
fn elements<'a>(page: &'a str, attribute: &str) -> Vec<(BTreeMap<&'a str, String>, String)> {
    let tags = page.split('<').filter_map(|tag| tag.split_once('>'));
    let parsed = tags.map(|(tag, text)| {
        let mut attributes = BTreeMap::new();
        let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest);
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"').unwrap();
            attributes.insert(name.trim(), unescape(value));
            rest = after;
        }
        (attributes, unescape(text))
    });
    parsed.filter(|(attributes, _)| attributes.contains_key(attribute)).collect()
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

/// The fields of `scores.csv` by score and column.
fn fields(report: &Report) -> BTreeMap<(String, String), String> {
    let text = crate::report::csv::render(report).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows = reader.records().map(Result::unwrap);
    let fields = rows.flat_map(|row| {
        let id = row[0].to_owned();
        let named = heads.iter().zip(row.iter());
        named.map(|(head, x)| ((id.clone(), head.to_owned()), x.to_owned())).collect::<Vec<_>>()
    });
    fields.collect()
}

/// Whether a text is a number rounded to the decimals that the text has.
fn rounds_to(field: &str, text: &str) -> bool {
    if text == "–" {
        return field.is_empty();
    }
    let exact: f64 = field.parse().unwrap();
    if text == "<\u{202f}0.001" {
        return exact < 0.001;
    }
    let digits: String = text
        .chars()
        .map(|letter| if letter == '−' { '-' } else { letter })
        .filter(|letter| letter.is_ascii_digit() || matches!(letter, '.' | '-'))
        .collect();
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let half = 0.5 * 0.1_f64.powi(decimals as i32);
    (exact - digits.parse::<f64>().unwrap()).abs() <= half * 1.000_001
}
