//! What may be missing on the machine that tests run on.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// If it is `1`, missing data and programs fail the tests that need them.
const REQUIRE: &str = "S2F_REQUIRE_DATA";
/// File that lines about skipped tests are appended to, for a summary.
const LOG: &str = "S2F_SKIPPED_LOG";

/// A file or folder of this project, by its path from the root.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A file or folder of the test data, which are in `$S2F_SHARED` or in `shared` next to the
/// checkout; `None`, with a line of output, if it is missing.
pub fn data(path: &str) -> Option<PathBuf> {
    let root = env::var_os("S2F_SHARED").map_or_else(|| project("../shared"), PathBuf::from);
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    missing(&format!("there is no test data at {}", found.display()));
    None
}

/// The program ffmpeg; `None`, with a line of output, if it is not installed.
pub fn ffmpeg() -> Option<Command> {
    let runs = Command::new("ffmpeg").arg("-version").output();
    if runs.is_ok_and(|output| output.status.success()) {
        return Some(Command::new("ffmpeg"));
    }
    missing("ffmpeg is not installed");
    None
}

/// Skips the rest of a test, with a line that says so, because something is missing that can be
/// installed or downloaded.
///
/// # Panics
/// With `S2F_REQUIRE_DATA=1`.
pub fn missing(reason: &str) {
    assert!(
        env::var_os(REQUIRE).is_none_or(|required| required != "1"),
        "{REQUIRE}=1, but {reason}"
    );
    skip(reason);
}

/// Skips the rest of a test, with a line that says so, because it has no meaning here: for example
/// a test of permissions, if the user may do everything.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("skipped: {test}: {reason}");
    eprintln!("{line}");
    if let Some(log) = env::var_os(LOG) {
        let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        // One write, so that lines of tests that run at the same time do not mix.
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
