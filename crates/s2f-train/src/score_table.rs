//! Scores as one table: names and numbers, for model cards and for tables over seeds.

use serde::Serialize;
use serde_json::Value;

/// Settings among the scores, which are not scores.
const SETTINGS: [&str; 2] = ["voice_policy", "seconds"];

/// All numbers of some scores with their names, for example `test.3s.recall.at_1`. A list of scores
/// at several lengths of the voice is named by the lengths, other lists by position, from 1.
pub(crate) fn numbers(scores: &impl Serialize) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::to_value(scores) {
        collect("", &value, &mut found);
    }
    found
}

fn collect(name: &str, value: &Value, found: &mut Vec<(String, f64)>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !SETTINGS.contains(&key.as_str())) {
                collect(&inner(key), value, found);
            }
        }
        Value::Array(values) => {
            for (index, value) in (1..).zip(values) {
                let seconds = value.get("seconds").and_then(Value::as_f64);
                let key = seconds.map_or_else(|| index.to_string(), |s| format!("{s}s"));
                collect(&inner(&key), value, found);
            }
        }
        Value::Number(number) => found.extend(number.as_f64().map(|x| (name.to_owned(), x))),
        _ => {}
    }
}

/// A number with about four significant digits.
pub(crate) fn rounded(value: f64) -> String {
    let size = value.abs();
    match () {
        () if value.fract() == 0.0 && size < 1e9 => format!("{value:.0}"),
        () if size >= 1000.0 => format!("{value:.0}"),
        () if size >= 100.0 => format!("{value:.1}"),
        () if size >= 10.0 => format!("{value:.2}"),
        () if size >= 1.0 => format!("{value:.3}"),
        () if size >= 1e-4 => format!("{value:.4}"),
        () => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_names() {
        let scores = json!({ "test": [
            { "seconds": 3.0, "voice_policy": { "window_s": 6.0 }, "recall": { "at_1": 12.5 } },
            { "seconds": 6.0, "recall": { "at_1": null }, "name": "a" },
        ], "high_men": [0.5, 84] });
        let expected = [("high_men.1", 0.5), ("high_men.2", 84.0), ("test.3s.recall.at_1", 12.5)]
            .map(|(name, value)| (name.to_owned(), value));
        let mut found = numbers(&scores);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_are_rounded_for_people() {
        let values = [84.0, 12345.6, 123.46, 12.346, 1.23456, 0.123456, 0.00001234, -0.5];
        let expected = ["84", "12346", "123.5", "12.35", "1.235", "0.1235", "1.234e-5", "-0.5000"];
        assert_eq!(values.map(rounded), expected);
    }
}
