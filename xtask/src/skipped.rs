//! Tests that were skipped since their data is not there.
//!
//! A test that passes prints nothing, so `s2f_testing` appends a line to the file that
//! [`VARIABLE`] names. Tests of several processes append to the same file.

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

/// What was missing, and for how many tests.
pub fn read() -> Result<Vec<(String, usize)>, String> {
    match fs::read_to_string(path()) {
        Ok(text) => Ok(count(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", path().display())),
    }
}

/// Counts equal lines. The words `skipped:` in front of a line may be missing.
fn count(text: &str) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let what = line.strip_prefix("skipped:").unwrap_or(line).trim();
        *counts.entry(what.to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_are_counted() {
        let counts = count(
            "skipped: GRID is not there\n\nskipped: a GPU is not there\nskipped: GRID is not there\n",
        );
        assert_eq!(
            counts,
            [("GRID is not there".to_owned(), 2), ("a GPU is not there".to_owned(), 1)]
        );
    }
}
