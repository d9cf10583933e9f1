//! The run folder: resolved configuration, metrics, results. Whole files are written to a
//! temporary name, flushed, then renamed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::TrainError;

/// Told to whoever waits: after each step.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// The losses of this step by name, unweighted.
    pub losses: Vec<(&'static str, f64)>,
}

/// The folder of one run.
pub(crate) struct Run {
    folder: PathBuf,
    metrics: File,
}

impl Run {
    /// Makes the folder, or takes an existing one, and writes the resolved configuration.
    pub(crate) fn start(folder: &Path, config: &impl Serialize) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(TrainError::io("make", folder))?;
        let path = folder.join("metrics.jsonl");
        let metrics = File::create(&path).map_err(TrainError::io("write", &path))?;
        let run = Self { folder: folder.to_owned(), metrics };
        let text = toml::to_string(config).map_err(|e| TrainError::Config {
            path: run.path("config.toml"),
            reason: e.to_string(),
        })?;
        run.write("config.toml", text.as_bytes())?;
        Ok(run)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Appends the losses of a step to `metrics.jsonl`; an error if one is not a number.
    pub(crate) fn log(&mut self, progress: &Progress) -> Result<(), TrainError> {
        if let Some((loss, _)) = progress.losses.iter().find(|(_, value)| !value.is_finite()) {
            return Err(TrainError::Diverged { step: progress.step, loss });
        }
        let mut line = Map::from_iter([("step".to_owned(), Value::from(progress.step))]);
        line.extend(progress.losses.iter().map(|&(name, v)| (name.to_owned(), Value::from(v))));
        let path = self.path("metrics.jsonl");
        writeln!(self.metrics, "{}", Value::Object(line)).map_err(TrainError::io("write", &path))
    }

    /// Writes a whole file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path(name);
        let temporary = self.path(&format!("{name}.tmp"));
        let write = || {
            if let Some(parent) = temporary.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(TrainError::io("write", &path))
    }

    /// Writes a value as JSON.
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|e| TrainError::io("write", &self.path(name))(e.into()))?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }
}
