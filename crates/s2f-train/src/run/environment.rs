//! `environment.json`: version, command, computer, device and data of a run, and when it was
//! started and resumed.

use std::time::{SystemTime, UNIX_EPOCH};

use speech2face::{DataId, Environment, RunFolder, TrainingRecord};

use crate::TrainError;
use crate::host::host;

/// How the program that trains was started: for the record in the run folder and the model card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// Commit that the program was built from, if it is known.
    pub commit: Option<String>,
    /// The command line, argument by argument.
    pub command: Vec<String>,
}

/// Where and on what this session trains.
#[derive(Debug, Clone)]
pub(crate) struct ThisSession {
    /// How the program was started.
    pub(crate) invocation: Invocation,
    /// Device or devices.
    pub(crate) device: String,
    /// Random seed.
    pub(crate) seed: u64,
    /// The training data.
    pub(crate) data: DataId,
    /// What the model is trained on: in this run, and in those that it starts from.
    pub(crate) trained_on: Vec<TrainingRecord>,
}

/// The environment with this session added, to be written; an error if the data has changed since.
pub(super) fn compared(
    folder: &RunFolder,
    session: &ThisSession,
) -> Result<Environment, TrainError> {
    let now = utc(SystemTime::now());
    let ThisSession { invocation, device, seed, data, mut trained_on } = session.clone();
    let uses_gpu = ["cuda", "wgpu"].iter().any(|kind| device.starts_with(kind));
    let (mut started, mut resumed) = (now.clone(), Vec::new());
    if folder.environment_file().exists() {
        let earlier = folder.environment()?;
        if earlier.data != data {
            return Err(TrainError::OtherData { path: folder.root().to_owned() });
        }
        if !earlier.trained_on.is_empty() {
            trained_on = earlier.trained_on;
        }
        (started, resumed) = (earlier.started, earlier.resumed);
        resumed.push(now);
    }
    Ok(Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: invocation.commit,
        command: invocation.command,
        host: Some(host(uses_gpu)),
        device,
        seed,
        threads: rayon::current_num_threads(),
        data,
        trained_on,
        started,
        resumed,
    })
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
