//! Several runs of one configuration that differ in their seed, and the spread of their scores.

use std::fmt;
use std::path::Path;

use s2f_core::AtomicFile;

use crate::devices::Devices;
use crate::event::TrainEvent;
use crate::run::entries;
use crate::score_table::{numbers, rounded};
use crate::{Invocation, TrainError, VoiceEncoderTraining, train_voice_encoder};

/// The table over all seeds, in the folder of their runs.
const TABLE: &str = "seeds.csv";

/// Scores of several runs that differ in their seed. `Display` gives a table in Markdown.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedScores {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The scores that all runs have.
    pub rows: Vec<SeedRow>,
}

/// One score of several runs.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedRow {
    /// Name of the score, for example `test.3s.recall.at_1`.
    pub name: String,
    /// Its values, in the order of the seeds.
    pub values: Vec<f64>,
}

impl SeedRow {
    /// Mean of the values.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Standard deviation of the values, as an estimate for all seeds (n − 1); NaN of one value.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|x| (x - mean).powi(2)).sum();
        (squares / (self.values.len() as f64 - 1.0)).sqrt()
    }
}

/// Trains a voice encoder `count` times, with the seed of the configuration and those after it, and
/// writes the spread of the scores to `seeds.csv`.
///
/// The run of seed 7 is the folder `seed-7` in `out`. Interrupted, the same call resumes; with a
/// larger `count`, it adds runs. `on_event` gets the seed of each event. Of several processes, only
/// the first returns scores.
///
/// # Errors
/// As [`train_voice_encoder`]; [`TrainError::OtherFile`] if `out` has anything else in it.
pub fn train_voice_encoder_seeds(
    config: &VoiceEncoderTraining,
    out: &Path,
    devices: &Devices,
    invocation: &Invocation,
    count: usize,
    mut on_event: impl FnMut(u64, &TrainEvent),
) -> Result<Option<SeedScores>, TrainError> {
    for (name, path) in entries(out)? {
        let is_run = name.strip_prefix("seed-").is_some_and(|seed| seed.parse::<u64>().is_ok());
        if !(is_run && path.is_dir() || name == TABLE || s2f_core::is_temporary(name.as_ref())) {
            return Err(TrainError::OtherFile { path });
        }
    }
    let seeds: Vec<u64> = (0..count as u64).map(|n| config.seed.wrapping_add(n)).collect();
    let mut all = Vec::new();
    for &seed in &seeds {
        let config = VoiceEncoderTraining { seed, ..config.clone() };
        let folder = out.join(format!("seed-{seed}"));
        let scores = train_voice_encoder(&config, &folder, devices.clone(), invocation, |event| {
            on_event(seed, event);
        })?;
        all.extend(scores.as_ref().map(numbers));
    }
    if !devices.processes().is_first() {
        return Ok(None);
    }
    let scores = SeedScores { rows: rows(&all), seeds };
    AtomicFile::write(&out.join(TABLE), scores.csv().as_bytes())?;
    Ok(Some(scores))
}

/// The scores that all runs have.
fn rows(runs: &[Vec<(String, f64)>]) -> Vec<SeedRow> {
    let Some((first, _)) = runs.split_first() else { return Vec::new() };
    let row = |(name, _): &(String, f64)| {
        let value = |run: &Vec<(String, f64)>| {
            run.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
        };
        let values = runs.iter().map(value).collect::<Option<Vec<f64>>>()?;
        Some(SeedRow { name: name.clone(), values })
    };
    first.iter().filter_map(row).collect()
}

impl SeedScores {
    /// `seeds.csv`: score, mean, standard deviation, and the values, not rounded.
    fn csv(&self) -> String {
        let seeds: String = self.seeds.iter().map(|seed| format!(",seed_{seed}")).collect();
        let mut text = format!("score,mean,sd{seeds}\n");
        for row in &self.rows {
            let values: String = row.values.iter().map(|value| format!(",{value}")).collect();
            text += &format!("{},{},{}{values}\n", row.name, row.mean(), row.deviation());
        }
        text
    }
}

impl fmt::Display for SeedScores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| score | mean ± sd of {} seeds |\n|---|---|", self.seeds.len())?;
        for row in &self.rows {
            let (mean, deviation) = (rounded(row.mean()), rounded(row.deviation()));
            writeln!(f, "| {} | {mean} ± {deviation} |", row.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_means_and_deviations() {
        let run = |a: f64, b: Option<f64>| {
            let named = |name: &str, value| (name.to_owned(), value);
            [Some(named("a", a)), b.map(|b| named("b", b))].into_iter().flatten().collect()
        };
        // python3 -c 'import statistics as s; print(s.stdev([2, 4, 4.5]))': 1.3228756555322954
        let runs = [run(2.0, Some(1.0)), run(4.0, None), run(4.5, Some(2.0))];
        let scores = SeedScores { seeds: vec![7, 8, 9], rows: rows(&runs) };
        assert_eq!(scores.rows.len(), 1);
        assert_eq!(scores.rows[0].mean(), 3.5);
        assert!((scores.rows[0].deviation() - 1.322_875_655_532_295_4).abs() < 1e-15);
        assert_eq!(
            scores.to_string(),
            "| score | mean ± sd of 3 seeds |\n|---|---|\n| a | 3.500 ± 1.323 |\n"
        );
        assert_eq!(
            scores.csv(),
            "score,mean,sd,seed_7,seed_8,seed_9\na,3.5,1.3228756555322954,2,4,4.5\n"
        );
    }
}
