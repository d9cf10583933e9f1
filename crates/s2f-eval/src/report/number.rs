//! Numbers as a reader sees them: rounded, with their unit, and marked with the row and the column
//! of `scores.csv` that they come from.

use maud::{Markup, html};

use super::{Score, Unit};

/// Narrow no-break space, between thousands and before a unit.
const THIN: char = '\u{202f}';

/// One of the values of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScoreField {
    Value,
    Low,
    High,
    Chance,
    /// The adjusted p-value where there is one.
    P,
    Pairs,
    Speakers,
    Gallery,
}

impl ScoreField {
    /// Its name in `data-part`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Low => "low",
            Self::High => "high",
            Self::Chance => "chance",
            Self::P => "p",
            Self::Pairs => "pairs",
            Self::Speakers => "speakers",
            Self::Gallery => "gallery",
        }
    }

    /// The column of `scores.csv` that it comes from.
    fn column(self, score: &Score) -> &'static str {
        match self {
            Self::P if score.p_adjusted.is_some() => "p_adjusted",
            _ => self.name(),
        }
    }

    /// The number as text; `None` if the score has no such number.
    pub(super) fn text(self, score: &Score) -> Option<String> {
        let finite = |value: f64| value.is_finite().then_some(value);
        let unit = score.unit;
        Some(match self {
            Self::Value => format!("{}{}", bare(finite(score.value)?, unit), suffix(unit)),
            Self::Chance => format!("{}{}", bare(finite(score.chance?)?, unit), suffix(unit)),
            Self::Low => bare(finite(score.interval?[0])?, unit),
            Self::High => bare(finite(score.interval?[1])?, unit),
            Self::P => match finite(score.p_adjusted.or(score.p)?)? {
                p if p < 0.001 => format!("<{THIN}0.001"),
                p => fixed(p, 3),
            },
            Self::Pairs => fixed(score.pairs as f64, 0),
            Self::Speakers => fixed(score.speakers as f64, 0),
            Self::Gallery => {
                let size = finite(score.gallery?)?;
                fixed(size, if size.fract() == 0.0 { 0 } else { 1 })
            }
        })
    }
}

/// A number of a score with its id; a dash if there is none.
pub(super) fn number(score: &Score, field: ScoreField) -> Markup {
    let title = format!("{} · {}", score.id, field.column(score));
    match (field.text(score), field) {
        (Some(text), _) => html! {
            span data-score=(score.id) data-part=(field.name()) title=(title) { (text) }
        },
        (None, ScoreField::Value) => html! {
            span.missing data-score=(score.id) data-part=(field.name())
                title={ (score.id) " · nothing to measure on" } { "–" }
        },
        (None, _) => html! { span.missing title={ (title) ": none" } { "–" } },
    }
}

/// The interval of a score, if it has one.
pub(super) fn interval(score: &Score) -> Option<Markup> {
    let between = between(score)?;
    Some(html! {
        span.interval {
            (number(score, ScoreField::Low)) (between) (number(score, ScoreField::High))
        }
    })
}

/// Value and interval as text.
pub(super) fn sentence(score: &Score) -> Option<String> {
    let value = ScoreField::Value.text(score)?;
    let Some(between) = between(score) else { return Some(value) };
    let (low, high) = (ScoreField::Low.text(score)?, ScoreField::High.text(score)?);
    Some(format!("{value} ({low}{between}{high})"))
}

/// The separator between the ends of an interval; `None` if there is no interval. A dash before a
/// minus sign would look like two dashes.
fn between(score: &Score) -> Option<&'static str> {
    let [low, high] = score.interval.filter(|ends| ends.iter().all(|end| end.is_finite()))?;
    score.value.is_finite().then_some(if low.min(high) < 0.0 { " to " } else { " – " })
}

/// A number in its unit, without the unit's sign.
fn bare(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Degrees | Unit::Percent | Unit::Rank | Unit::Years => fixed(value, 1),
        Unit::PercentPoints => {
            let text = fixed(value, 1);
            if value > 0.0 && text != "0.0" { format!("+{text}") } else { text }
        }
        Unit::Plain => significant(value),
        Unit::Count => fixed(value, 0),
    }
}

fn suffix(unit: Unit) -> String {
    match unit {
        Unit::Degrees => "°".to_owned(),
        Unit::Percent => format!("{THIN}%"),
        Unit::PercentPoints => format!("{THIN}pp"),
        Unit::Years => format!("{THIN}y"),
        Unit::Plain | Unit::Count | Unit::Rank => String::new(),
    }
}

/// Three significant digits, but at most three decimals.
fn significant(value: f64) -> String {
    // The exponent is read after rounding: 9.999 is 10.0, not 10.00.
    let rounded = format!("{value:.2e}");
    let exponent = rounded.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0_i32);
    fixed(value, (2 - exponent).clamp(0, 3) as usize)
}

/// A number with `decimals` decimals, separated thousands, and a true minus sign.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let whole = digits.split('.').next().unwrap_or_default().len();
    let mut text = String::new();
    // A number that rounds to zero has no sign.
    if value < 0.0 && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        text.push('−');
    }
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at) % 3 == 0 {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::sample;

    #[track_caller]
    fn check(value: f64, unit: Unit, expected: &str) {
        let score = sample::score("a/b", value, unit);
        // Spaces of the expected text are thin ones.
        let expected = expected.replace(' ', "\u{202f}");
        assert_eq!(ScoreField::Value.text(&score), Some(expected));
    }

    #[test]
    fn each_unit_has_its_decimals_and_its_sign() {
        check(45.66, Unit::Degrees, "45.7°");
        check(10.94, Unit::Percent, "10.9 %");
        check(100.0, Unit::Percent, "100.0 %");
        check(3.21, Unit::PercentPoints, "+3.2 pp");
        check(-3.21, Unit::PercentPoints, "−3.2 pp");
        check(0.04, Unit::PercentPoints, "0.0 pp");
        check(-0.04, Unit::PercentPoints, "0.0 pp");
        check(3.4, Unit::Years, "3.4 y");
        check(12.25, Unit::Rank, "12.2");
        check(1_234_567.0, Unit::Count, "1 234 567");
        check(999.0, Unit::Count, "999");
    }

    #[test]
    fn plain_numbers_have_three_digits() {
        check(0.123_45, Unit::Plain, "0.123");
        check(-0.012_34, Unit::Plain, "−0.012");
        check(-0.000_1, Unit::Plain, "0.000");
        check(0.0, Unit::Plain, "0.00");
        check(0.999_9, Unit::Plain, "1.00");
        check(9.999, Unit::Plain, "10.0");
        check(123.4, Unit::Plain, "123");
        check(12_345.6, Unit::Plain, "12 346");
    }

    #[test]
    fn p_values_are_the_adjusted_ones() {
        let score =
            |p, p_adjusted| Score { p, p_adjusted, ..sample::score("a/b", 1.0, Unit::Plain) };
        let text = |score: Score| ScoreField::P.text(&score);
        assert_eq!(text(score(None, None)), None);
        assert_eq!(text(score(Some(0.012_34), None)).as_deref(), Some("0.012"));
        assert_eq!(text(score(Some(0.012_34), Some(0.04))).as_deref(), Some("0.040"));
        assert_eq!(text(score(Some(0.000_99), None)).as_deref(), Some("<\u{202f}0.001"));
        let page = number(&score(Some(0.01), Some(0.04)), ScoreField::P).into_string();
        assert!(page.contains("a/b · p_adjusted"), "{page}");
    }

    #[test]
    fn intervals_below_zero_are_separated_by_a_word() {
        let score = |low, high| Score {
            interval: Some([low, high]),
            ..sample::score("a/b", 1.0, Unit::Plain)
        };
        assert_eq!(sentence(&score(0.5, 1.5)).as_deref(), Some("1.00 (0.500 – 1.50)"));
        assert_eq!(sentence(&score(-0.5, 1.5)).as_deref(), Some("1.00 (−0.500 to 1.50)"));
        assert_eq!(sentence(&score(f64::NAN, 1.5)).as_deref(), Some("1.00"));
    }

    #[test]
    fn what_is_not_a_number_is_a_dash_that_says_why() {
        let page =
            number(&sample::score("a/b", f64::NAN, Unit::Plain), ScoreField::Value).into_string();
        assert!(page.contains("nothing to measure on") && page.contains(">–<"), "{page}");
    }
}
