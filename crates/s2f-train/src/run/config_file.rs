//! `config.toml`: the configuration of a run, and what may differ when it is resumed.

use s2f_core::read_text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use speech2face::RunFolder;
use toml::{Table, Value};

use crate::TrainError;
use crate::config::{MAX_BYTES, parsed};

/// Keys that may differ between two sessions of a run: its length, and how often it validates.
const RESUMABLE_KEYS: [&str; 3] = ["optimisation.steps", "optimisation.epochs", "watch"];

/// The resolved configuration, to be written; an error if the folder's run has another one.
pub(super) fn compared<C: Serialize + DeserializeOwned>(
    folder: &RunFolder,
    config: &C,
) -> Result<String, TrainError> {
    let path = folder.config_file();
    let bad = |reason: String| TrainError::Config { path: path.clone(), reason };
    let now = Table::try_from(config).map_err(|e| bad(e.to_string()))?;
    if path.exists() {
        let text = read_text(&path, MAX_BYTES)?;
        let was = parsed(&text).map_err(bad)?;
        // Keys that were added since get their defaults.
        let filled = C::deserialize(was.clone()).ok().and_then(|was| Table::try_from(&was).ok());
        let was = filled.unwrap_or(was);
        if let Some((key, was, now)) =
            difference("", &Value::Table(was), &Value::Table(now.clone()))
        {
            return Err(TrainError::OtherRun { path: folder.root().to_owned(), key, was, now });
        }
    }
    toml::to_string(&now).map_err(|e| bad(e.to_string()))
}

/// The first key that differs and may not, with both values.
fn difference(key: &str, was: &Value, now: &Value) -> Option<(String, String, String)> {
    if was == now || RESUMABLE_KEYS.contains(&key) {
        return None;
    }
    match (was, now) {
        (Value::Table(was), Value::Table(now)) => {
            let mut names: Vec<&String> = was.keys().chain(now.keys()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().find_map(|name| {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                match (was.get(name), now.get(name)) {
                    (Some(was), Some(now)) => difference(&key, was, now),
                    _ if RESUMABLE_KEYS.contains(&key.as_str()) => None,
                    (was, now) => Some((key, text(was), text(now))),
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (0..a.len())
            .find_map(|index| difference(&format!("{key}[{index}]"), &a[index], &b[index])),
        _ => Some((key.to_owned(), text(Some(was)), text(Some(now)))),
    }
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_that_may_not_change_is_named() {
        let was =
            "seed = 1\n[optimisation]\nsteps = 10\nrate = 0.1\n[[data.folders]]\npath = \"a\"";
        let check = |from: &str, to: &str, expected: Option<(&str, &str, &str)>| {
            let table = |text: &str| Value::Table(text.parse().unwrap());
            let found = difference("", &table(was), &table(&was.replace(from, to)));
            let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
            assert_eq!(found, expected, "{from} to {to}");
        };
        check("steps = 10", "steps = 20\nepochs = 3", None);
        check("seed = 1", "seed = 1\nwatch = { patience = 5 }", None);
        check("seed = 1", "seed = 2", Some(("seed", "1", "2")));
        check("rate = 0.1", "rate = 0.2", Some(("optimisation.rate", "0.1", "0.2")));
        check("rate = 0.1", "", Some(("optimisation.rate", "0.1", "absent")));
        check("\"a\"", "\"b\"", Some(("data.folders[0].path", "\"a\"", "\"b\"")));
        let longer = "\"a\"\n[[data.folders]]\npath = \"b\"";
        let both = ("data.folders", "[{ path = \"a\" }]", "[{ path = \"a\" }, { path = \"b\" }]");
        check("\"a\"", longer, Some(both));
    }
}
