//! The run folder: all that a run is told, what it says on the way, and all that it needs to go on
//! where it was killed. The same command begins a run and goes on with it.
//!
//! | file | what |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `environment.json` | version, device, seed, threads, hash of the data, when begun and gone on |
//! | `metrics.jsonl` | a line of JSON for each step and each validation |
//! | `events.out.tfevents.*` | the same and the sheets for TensorBoard, a file for each session |
//! | `sheets/` | pictures of the same faces at different steps |
//! | `checkpoints/step-000500/` | the newest two: weights, optimizer, state |
//! | `checkpoints/best/` | the weights with the best score, and `best.json` about them |
//! | `lock` | held while a process trains here |
//!
//! Whole files are written to a temporary name, flushed, then renamed. What only grows
//! (`metrics.jsonl`) is cut back to the checkpoint that a run goes on from.

mod checkpoint;
mod disk;
mod environment;
mod event;
mod identity;
mod settings;
mod tensorboard;
mod watch;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::TrainError;
pub(crate) use checkpoint::Best;
pub(crate) use environment::{Environment, data_hash};
pub use event::Event;
pub use watch::Watch;

/// The folder of one run, in which no other process trains meanwhile.
pub(crate) struct Run {
    folder: PathBuf,
    metrics: File,
    /// TensorBoard's events of this session, from its first word on.
    events: Option<tensorboard::Writer>,
    best: Option<Best>,
    /// Held until the run is dropped or the process ends, however it ends.
    _lock: File,
}

impl Run {
    /// Makes the folder, or goes on in it.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] for a folder of other things, [`TrainError::Busy`] where another
    /// process trains in it, [`TrainError::OtherRun`] where its run was told something else than
    /// `config` (other than how long to train and how often to look), [`TrainError::OtherData`]
    /// where it has learnt from other data.
    pub(crate) fn open<C: Serialize + DeserializeOwned>(
        folder: &Path,
        config: &C,
        environment: &Environment,
    ) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(TrainError::io("make", folder))?;
        refuse_foreign(folder)?;
        let lock = lock(folder)?;
        settings::write_or_compare(folder, config)?;
        environment.write_or_compare(folder)?;
        let path = folder.join("metrics.jsonl");
        let metrics = OpenOptions::new().create(true).append(true).open(&path);
        let metrics = metrics.map_err(TrainError::io("write", &path))?;
        Ok(Self { folder: folder.to_owned(), metrics, events: None, best: None, _lock: lock })
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Notes the losses of a step or the scores of a validation, in `metrics.jsonl` and for
    /// TensorBoard. Steps count from 1; `ids` name what was in the batch.
    ///
    /// # Errors
    /// [`TrainError::Diverged`], and nothing noted, if one of the values is not a number.
    pub(crate) fn log(
        &mut self,
        step: usize,
        values: &[(&'static str, f64)],
        ids: &[String],
    ) -> Result<(), TrainError> {
        if let Some(&(loss, _)) = values.iter().find(|(_, value)| !value.is_finite()) {
            return Err(TrainError::Diverged { step, loss, ids: ids.to_vec() });
        }
        // No time of day: the lines of a run that went on are those of an undisturbed one.
        let values_text = values.iter().map(|&(name, v)| format!(",\"{name}\":{}", Value::from(v)));
        let text = format!("{{\"step\":{step}{}}}\n", values_text.collect::<String>());
        let path = self.path("metrics.jsonl");
        self.metrics.write_all(text.as_bytes()).map_err(TrainError::io("write", &path))?;
        self.events(step)?.scalars(step, values)
    }

    /// Keeps a picture of a step, a PNG file, as `sheets/NAME-000500.png` and for TensorBoard.
    pub(crate) fn picture(
        &mut self,
        name: &str,
        step: usize,
        png: &[u8],
    ) -> Result<(), TrainError> {
        self.write(&format!("sheets/{name}-{step:06}.png"), png)?;
        self.events(step)?.picture(step, name, png)
    }

    /// Writes a whole file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        disk::write(&self.path(name), bytes)
    }

    /// Writes a value as JSON.
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), TrainError> {
        disk::write_json(&self.path(name), value)
    }

    /// TensorBoard's events. What earlier sessions said of `step` and later was undone by a kill.
    fn events(&mut self, step: usize) -> Result<&mut tensorboard::Writer, TrainError> {
        let writer = match self.events.take() {
            Some(writer) => writer,
            None => tensorboard::Writer::begin(&self.folder, step)?,
        };
        Ok(self.events.insert(writer))
    }
}

/// An error where the folder holds things and none of them is a run's.
fn refuse_foreign(folder: &Path) -> Result<(), TrainError> {
    if folder.join(settings::FILE).exists() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).map_err(TrainError::io("read", folder))?;
    for entry in entries {
        let name = entry.map_err(TrainError::io("read", folder))?.file_name();
        // A run that was killed at once leaves no more than these.
        if name != LOCK && !name.to_string_lossy().ends_with(disk::TEMPORARY) {
            return Err(TrainError::NotARun { path: folder.to_owned() });
        }
    }
    Ok(())
}

const LOCK: &str = "lock";

fn lock(folder: &Path) -> Result<File, TrainError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(TrainError::io("write", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrainError::Busy { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(TrainError::io("lock", &path)(source)),
    }
}

#[cfg(test)]
mod tests;
