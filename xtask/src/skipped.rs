//! Tests that were skipped because their data is missing.
//!
//! A test that passes prints nothing, so `s2f_testing` appends a line to the file that
//! [`VARIABLE`] names: `skipped: TEST: REASON`. Tests of several processes append to one file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::root;

/// Environment variable that names the file.
pub const VARIABLE: &str = "S2F_SKIPPED_LOG";

/// The file.
pub fn path() -> PathBuf {
    root().join("target").join("skipped-tests.txt")
}

/// Removes what an earlier run wrote.
pub fn forget() -> Result<(), String> {
    let path = path();
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Skipped tests, by the reason.
pub fn read() -> Result<BTreeMap<String, Vec<String>>, String> {
    match fs::read_to_string(path()) {
        Ok(text) => Ok(by_reason(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{}: {error}", path().display())),
    }
}

fn by_reason(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("skipped: ").unwrap_or(line);
        let (test, reason) = line.split_once(": ").unwrap_or(("a test", line));
        reasons.entry(reason.to_owned()).or_default().push(test.to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_grouped_by_reason() {
        let text = "skipped: a::b: no GPU\nskipped: c: no data at x: y\n\nskipped: d::e: no GPU\n";
        let found: Vec<_> = by_reason(text).into_iter().collect();
        let expected = [("no GPU", vec!["a::b", "d::e"]), ("no data at x: y", vec!["c"])];
        let expected = expected.map(|(reason, tests)| {
            (reason.to_owned(), tests.into_iter().map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(found, expected);
    }
}
