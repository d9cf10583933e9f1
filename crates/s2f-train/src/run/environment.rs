//! `environment.json`: under what a run came about.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use s2f_core::hash::{Digest, Sha256};
use serde::{Deserialize, Serialize};

use super::disk;
use crate::TrainError;

const FILE: &str = "environment.json";

/// Under what a run comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Version of the program.
    pub(crate) version: String,
    /// What it computes on.
    pub(crate) device: String,
    /// Seed of all that is drawn.
    pub(crate) seed: u64,
    /// Threads that share the work.
    pub(crate) threads: usize,
    /// SHA-256 of what it learns from.
    pub(crate) data_sha256: String,
}

/// The file: the first session, and when it went on.
#[derive(Serialize, Deserialize)]
struct Sessions {
    #[serde(flatten)]
    latest: Environment,
    /// When it began, UTC.
    started: String,
    /// When it went on, UTC.
    resumed: Vec<String>,
}

impl Environment {
    /// This program on `device`, with the threads that it has.
    pub(crate) fn new(device: impl Into<String>, seed: u64, data_sha256: String) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.into(),
            seed,
            threads: rayon::current_num_threads(),
            data_sha256,
        }
    }

    /// Writes the file, or one session more into it; an error if the data has changed since.
    pub(super) fn write_or_compare(&self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(FILE);
        let now = utc(SystemTime::now());
        let earlier = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(TrainError::io("read", &path)(error)),
        };
        let mut sessions = Sessions { latest: self.clone(), started: now.clone(), resumed: vec![] };
        if let Some(bytes) = earlier {
            let earlier: Sessions = serde_json::from_slice(&bytes)
                .map_err(|e| TrainError::Config { path: path.clone(), reason: e.to_string() })?;
            if earlier.latest.data_sha256 != self.data_sha256 {
                return Err(TrainError::OtherData { path: folder.to_owned() });
            }
            sessions.started = earlier.started;
            sessions.resumed = earlier.resumed;
            sessions.resumed.push(now);
        }
        disk::write_json(&path, &sessions)
    }
}

/// SHA-256 of files: of their number and, in the order given, lengths and contents.
pub(crate) fn data_hash(files: &[PathBuf]) -> Result<String, TrainError> {
    let mut hasher = Sha256::new();
    hasher.update((files.len() as u64).to_le_bytes());
    for path in files {
        let mut add = || {
            let mut file = File::open(path)?;
            hasher.update(file.metadata()?.len().to_le_bytes());
            io::copy(&mut file, &mut hasher)
        };
        add().map_err(TrainError::io("read", path))?;
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// A time as `2026-01-31T23:59:59Z`.
fn utc(time: SystemTime) -> String {
    const DAY_S: u64 = 24 * 60 * 60;
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut day, second) = (seconds / DAY_S, seconds % DAY_S);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // `date -u -d @SECONDS +%FT%TZ`
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
