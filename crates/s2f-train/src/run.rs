//! Writes a run folder, and resumes the run in it: the same command starts a run and resumes it.
//!
//! | file | contents |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `environment.json` | version, commit, command, computer, device, seed, training data, times |
//! | `metrics.jsonl` | one line of JSON for each step and each validation |
//! | `events.out.tfevents.*` | the same and the sheets for TensorBoard, one file for each session |
//! | `sheets/` | pictures of the same faces at different steps |
//! | `checkpoints/step-000500/` | the newest two: weights, optimizer, state |
//! | `checkpoints/best/` | the weights with the best score, and `best.json` about them |
//! | `lock` | locked as long as a process trains here |
//!
//! The names are those of [`RunFolder`]. Whole files are written under a temporary name, flushed,
//! then renamed. `metrics.jsonl`, which grows, is truncated to the checkpoint that a run resumes
//! from.

pub(crate) mod checkpoint;
mod config_file;
mod environment;
mod files;
mod parameter_ids;
mod tensorboard;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use checkpoint::{Best, Restored};
pub use environment::Invocation;
pub(crate) use environment::ThisSession;
pub(crate) use files::entries;
use s2f_core::{FileError, FileLock, remove_temporary};
use s2f_nn::weights::{self, Precision};
use s2f_nn::{Model, ModelConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use speech2face::{Environment, ModelId, RunFolder};

use crate::card::Card;
use crate::{TrainError, sheet};

/// The folder of a run, in which no other process trains meanwhile.
pub(crate) struct Run {
    folder: RunFolder,
    environment: Environment,
    metrics: File,
    /// TensorBoard's events of this session, once there are any.
    events: Option<tensorboard::Writer>,
    best: Option<Best>,
    /// Locked until the run is dropped or the process ends.
    _lock: FileLock,
}

impl Run {
    /// Creates the folder, or opens it to resume its run.
    ///
    /// # Errors
    /// [`TrainError::OtherFile`] as [`check_folder`], [`TrainError::Busy`] if another process
    /// trains in it, [`TrainError::OtherRun`] if its run has another configuration (apart from the
    /// number of steps and `watch`), [`TrainError::OtherData`] if its run is trained on other data.
    pub(crate) fn open<C: Serialize + DeserializeOwned>(
        root: &Path,
        config: &C,
        session: &ThisSession,
    ) -> Result<Self, TrainError> {
        let folder = RunFolder::at(root);
        check_folder(root)?;
        fs::create_dir_all(root).map_err(FileError::at("make", root))?;
        let lock = lock(&folder)?;
        // Both are compared before one of them is written.
        let config = config_file::compared(&folder, config)?;
        let environment = environment::compared(&folder, session)?;
        files::write(&folder.config_file(), config.as_bytes())?;
        files::write_json(&folder.environment_file(), &environment)?;
        for folder in [root.to_owned(), folder.model_folder(), folder.sheets()] {
            if folder.is_dir() {
                remove_temporary(&folder)?;
            }
        }
        let path = folder.metrics_file();
        let metrics = OpenOptions::new().create(true).append(true).open(&path);
        let metrics = metrics.map_err(FileError::at("write", &path))?;
        Ok(Self { folder, environment, metrics, events: None, best: None, _lock: lock })
    }

    /// The names of its files.
    pub(crate) fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Logs values of a step or scores of a validation, in `metrics.jsonl` and for TensorBoard.
    /// Steps count from 1.
    pub(crate) fn log(
        &mut self,
        step: usize,
        values: &[(&'static str, f64)],
    ) -> Result<(), TrainError> {
        // No time stamps: the lines of a resumed run equal those of an uninterrupted one, but for
        // the steps per second.
        let values_text = values.iter().map(|&(name, v)| format!(",\"{name}\":{}", Value::from(v)));
        let text = format!("{{\"step\":{step}{}}}\n", values_text.collect::<String>());
        let path = self.folder.metrics_file();
        self.metrics.write_all(text.as_bytes()).map_err(FileError::at("write", &path))?;
        self.events(step)?.scalars(step, values)
    }

    /// Writes a picture of a step, a PNG file, as `sheets/NAME-000500.png` and for TensorBoard.
    pub(crate) fn picture(
        &mut self,
        name: &str,
        step: usize,
        png: &[u8],
    ) -> Result<(), TrainError> {
        self.write(&self.folder.sheet_file(name, step), png)?;
        self.events(step)?.picture(step, name, png)
    }

    /// Writes a whole file of the folder, and the folders above it.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
        Ok(files::write(path, bytes)?)
    }

    /// Writes the model folder, weights in half precision; its `config.json` comes last, since it
    /// is what tells a finished run.
    pub(crate) fn write_model(
        &self,
        config: &ModelConfig,
        model: &Model,
    ) -> Result<ModelId, TrainError> {
        let folder = self.folder.model_folder();
        let saved = weights::save(model, Precision::Half)?;
        self.write(&folder.join("model.safetensors"), &saved)?;
        self.write_json(&folder.join("config.json"), config)?;
        Ok(sheet::finished(&config.name, &saved))
    }

    /// Writes a card with these scores.
    pub(crate) fn write_card(
        &self,
        path: &Path,
        card: &Card<'_>,
        scores: &impl Serialize,
    ) -> Result<(), TrainError> {
        self.write(path, card.text(&self.environment, scores).as_bytes())
    }

    /// The file of a model's card.
    pub(crate) fn model_card_file(&self) -> PathBuf {
        self.folder.model_folder().join("README.md")
    }

    /// Writes a value as JSON.
    pub(crate) fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
        Ok(files::write_json(path, value)?)
    }

    /// TensorBoard's events of this session. TensorBoard ignores those that earlier sessions wrote
    /// for `step` and later steps.
    fn events(&mut self, step: usize) -> Result<&mut tensorboard::Writer, TrainError> {
        let writer = match self.events.take() {
            Some(writer) => writer,
            None => tensorboard::Writer::begin(self.folder.root(), step)?,
        };
        Ok(self.events.insert(writer))
    }
}

/// Checks that a run can be started or resumed in `root` without a loss: that the folder is missing
/// or empty, or holds a run. A `config.toml` alone is no run: somebody may have written it.
///
/// # Errors
/// [`TrainError::OtherFile`] names the first file that is not a run's.
pub(crate) fn check_folder(root: &Path) -> Result<(), TrainError> {
    let folder = RunFolder::at(root);
    let lock = folder.lock_file();
    if folder.config_file().exists() && (lock.exists() || folder.environment_file().exists()) {
        return Ok(());
    }
    let mut paths: Vec<_> = entries(root)?.into_iter().map(|(_, path)| path).collect();
    paths.sort_unstable();
    // A run that is interrupted at once leaves only the lock and temporary files.
    match paths.into_iter().find(|path| *path != lock && !files::is_temporary(path)) {
        Some(path) => Err(TrainError::OtherFile { path }),
        None => Ok(()),
    }
}

fn lock(folder: &RunFolder) -> Result<FileLock, TrainError> {
    let busy = || TrainError::Busy { path: folder.root().to_owned() };
    FileLock::try_take(&folder.lock_file())?.ok_or_else(busy)
}

#[cfg(test)]
mod tests;
