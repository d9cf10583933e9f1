//! Checkpoints: all that a killed run needs to go on to the very end that it would have come to.
//!
//! `step-000500/` holds `weights.safetensors` in full precision, `optimizer.bpk`, `parameters.json`
//! (the numbers by which the optimizer knows the weights), `state.toml` (the loop's own state, the
//! best validation, the length of the metrics) and `manifest.json` with the sizes and hashes of
//! those four, by which they are trusted. The folder is written under a temporary name, flushed and
//! renamed, so a kill leaves either all of it or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::Bytes;
use s2f_nn::weights::{self, Precision};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Event, Run, disk, identity};
use crate::TrainError;

const FOLDER: &str = "checkpoints";
const BEST: &str = "best";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const PARAMETERS: &str = "parameters.json";
const STATE: &str = "state.toml";
const MANIFEST: &str = "manifest.json";

/// What a run goes on from.
pub(crate) struct Restored<M, S> {
    /// Steps done.
    pub(crate) step: usize,
    pub(crate) module: M,
    pub(crate) optimizer: ModuleOptimizer,
    /// The loop's own state.
    pub(crate) state: S,
}

/// The best validation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Steps done.
    pub(crate) step: usize,
    /// The higher, the better.
    pub(crate) score: f64,
    bytes: usize,
    sha256: String,
}

/// `state.toml`. TOML, because numbers with a fraction come back as they were.
#[derive(Serialize, Deserialize)]
struct State<S> {
    step: usize,
    /// Length of `metrics.jsonl`.
    metrics_bytes: u64,
    best: Option<Best>,
    of_loop: S,
}

/// `manifest.json`: the other files by name.
type Manifest = BTreeMap<String, FileHash>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FileHash {
    bytes: usize,
    sha256: String,
}

impl FileHash {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: disk::sha256(bytes) }
    }
}

/// The files of a checkpoint, checked.
struct Whole {
    weights: Vec<u8>,
    optimizer: Vec<u8>,
    parameters: Vec<u8>,
    state: String,
}

impl Run {
    /// Goes on from the newest checkpoint that is whole; none in a new run. What the run said after
    /// that checkpoint is cut off. Call before anything is logged.
    ///
    /// `module` and `optimizer` are built as for a new run; the optimizer has made no step yet.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] where there are checkpoints and none is whole, and where the one
    /// that is whole does not fit the module.
    pub(crate) fn restore<M: Module, S: DeserializeOwned>(
        &mut self,
        module: &M,
        optimizer: &ModuleOptimizer,
        mut tell: impl FnMut(&Event),
    ) -> Result<Option<Restored<M, S>>, TrainError> {
        let mut damage = None;
        for (step, path) in self.checkpoints()?.into_iter().rev() {
            let whole = match read(&path) {
                Ok(whole) => whole,
                Err(reason) => {
                    let name = format!("{FOLDER}/{}", name(step));
                    tell(&Event::Note(format!("{name} is passed over: {reason}")));
                    damage.get_or_insert((path, reason));
                    continue;
                }
            };
            let bad = |reason: String| TrainError::Checkpoint { path: path.clone(), reason };
            let state: State<S> = toml::from_str(&whole.state).map_err(|e| bad(e.to_string()))?;
            let ids: BTreeMap<String, u64> =
                serde_json::from_slice(&whole.parameters).map_err(|e| bad(e.to_string()))?;
            if !ids.keys().eq(identity::ids(module).keys()) {
                return Err(bad("it is of another network".to_owned()));
            }
            let module = weights::load(module.clone(), &whole.weights)?;
            let optimizer = optimizer.clone().from_bytes(Bytes::from_bytes_vec(whole.optimizer));
            let restored = Restored {
                step: state.step,
                module: identity::with_ids(module, &ids),
                optimizer: optimizer.map_err(|e| bad(e.to_string()))?,
                state: state.of_loop,
            };
            self.cut_metrics(state.metrics_bytes)?;
            self.best = state.best;
            self.show_best()?;
            return Ok(Some(restored));
        }
        if let Some((path, reason)) = damage {
            return Err(TrainError::Checkpoint { path, reason });
        }
        self.cut_metrics(0)?;
        Ok(None)
    }

    /// Writes a checkpoint, after all else that belongs to `step`, and keeps it and the one before.
    pub(crate) fn checkpoint<M: Module>(
        &mut self,
        step: usize,
        module: &M,
        optimizer: &ModuleOptimizer,
        state: &impl Serialize,
    ) -> Result<(), TrainError> {
        let path = self.path(FOLDER).join(name(step));
        let bad = |reason: String| TrainError::Checkpoint { path: path.clone(), reason };
        let metrics = self.path("metrics.jsonl");
        let metrics_bytes = self.metrics.sync_all().and_then(|()| self.metrics.metadata());
        let metrics_bytes = metrics_bytes.map_err(TrainError::io("write", &metrics))?.len();
        let state = State { step, metrics_bytes, best: self.best.clone(), of_loop: state };
        let optimizer = optimizer.into_bytes().map_err(|e| bad(e.to_string()))?;
        let parameters = serde_json::to_vec_pretty(&identity::ids(module));
        let files: [(&str, Vec<u8>); 4] = [
            (WEIGHTS, full_precision(module)?),
            (OPTIMIZER, optimizer.to_vec()),
            (PARAMETERS, parameters.map_err(|e| bad(e.to_string()))?),
            (STATE, toml::to_string(&state).map_err(|e| bad(e.to_string()))?.into_bytes()),
        ];
        let hash = |(name, bytes): &(&str, Vec<u8>)| ((*name).to_owned(), FileHash::of(bytes));
        let manifest: Manifest = files.iter().map(hash).collect();

        let new = disk::temporary(&path);
        let write = || {
            remove(&new)?;
            fs::create_dir_all(&new)?;
            for (name, bytes) in &files {
                disk::flushed(&new.join(name), bytes)?;
            }
            disk::flushed(&new.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
            // There is an old one of this step only where it was damaged.
            discard(&path)?;
            disk::rename(&new, &path)
        };
        write().map_err(TrainError::io("write", &path))?;
        self.tidy(step)
    }

    /// Keeps the weights where `score` is above all earlier ones; whether it is.
    pub(crate) fn keep_best<M: Module>(
        &mut self,
        step: usize,
        score: f64,
        module: &M,
    ) -> Result<bool, TrainError> {
        if self.best.as_ref().is_some_and(|best| best.score >= score) {
            return Ok(false);
        }
        let bytes = full_precision(module)?;
        disk::write(&self.best_file(step), &bytes)?;
        self.best = Some(Best { step, score, bytes: bytes.len(), sha256: disk::sha256(&bytes) });
        self.show_best()?;
        Ok(true)
    }

    /// The best validation so far.
    pub(crate) fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// `module` with the weights that had the best score, where there was a validation.
    pub(crate) fn load_best<M: Module>(&self, module: &M) -> Result<Option<M>, TrainError> {
        let Some(best) = &self.best else { return Ok(None) };
        let path = self.best_file(best.step);
        let bytes = fs::read(&path).map_err(TrainError::io("read", &path))?;
        if bytes.len() != best.bytes || disk::sha256(&bytes) != best.sha256 {
            let reason = "it is not what was written".to_owned();
            return Err(TrainError::Checkpoint { path, reason });
        }
        Ok(Some(weights::load(module.clone(), &bytes)?))
    }

    /// All checkpoints that are whole by name, oldest first.
    fn checkpoints(&self) -> Result<Vec<(usize, PathBuf)>, TrainError> {
        let folder = self.path(FOLDER);
        let mut found: Vec<(usize, PathBuf)> = entries(&folder)?
            .into_iter()
            .filter_map(|(name, path)| Some((name.strip_prefix("step-")?.parse().ok()?, path)))
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Removes all that neither the checkpoint of `step` nor the one before it needs.
    fn tidy(&self, step: usize) -> Result<(), TrainError> {
        let folder = self.path(FOLDER);
        let all = self.checkpoints()?;
        let before = all.iter().map(|(other, _)| *other).rfind(|&other| other < step);
        let mut needed: Vec<usize> = self.best.iter().map(|best| best.step).collect();
        for (other, path) in all {
            if other != step && Some(other) != before {
                discard(&path).map_err(TrainError::io("remove", &path))?;
            } else if let Ok(whole) = fs::read_to_string(path.join(STATE))
                && let Ok(State { best: Some(best), .. }) =
                    toml::from_str::<State<serde::de::IgnoredAny>>(&whole)
            {
                needed.push(best.step);
            }
        }
        for (name, path) in entries(&folder)? {
            if name.ends_with(disk::TEMPORARY) {
                remove(&path).map_err(TrainError::io("remove", &path))?;
            }
        }
        for (name, path) in entries(&folder.join(BEST))? {
            let is_needed = |&step: &usize| self.best_file(step) == path;
            if name != "best.json" && !needed.iter().any(is_needed) {
                fs::remove_file(&path).map_err(TrainError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn best_file(&self, step: usize) -> PathBuf {
        self.path(FOLDER).join(BEST).join(format!("{}.safetensors", name(step)))
    }

    /// Brings `best.json` up to date.
    fn show_best(&self) -> Result<(), TrainError> {
        let path = self.path(FOLDER).join(BEST).join("best.json");
        match &self.best {
            Some(best) => disk::write_json(&path, best),
            None => remove(&path).map_err(TrainError::io("remove", &path)),
        }
    }

    /// Cuts off the lines of steps that were undone by a kill.
    fn cut_metrics(&mut self, bytes: u64) -> Result<(), TrainError> {
        let path = self.path("metrics.jsonl");
        let cut = self.metrics.metadata().and_then(|found| {
            // Where somebody has shortened it, nothing is made up.
            self.metrics.set_len(bytes.min(found.len()))
        });
        cut.map_err(TrainError::io("write", &path))
    }
}

fn name(step: usize) -> String {
    format!("step-{step:06}")
}

fn full_precision<M: Module>(module: &M) -> Result<Vec<u8>, TrainError> {
    // `valid` gathers the running statistics, which lag behind by a step in training.
    Ok(weights::save(&module.valid(), Precision::Full)?)
}

/// The files of a checkpoint, or what is wrong with them.
fn read(folder: &Path) -> Result<Whole, String> {
    let file = |name: &str| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
    let manifest: Manifest =
        serde_json::from_slice(&file(MANIFEST)?).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let checked = |name: &str| {
        let bytes = file(name)?;
        if manifest.get(name) == Some(&FileHash::of(&bytes)) {
            Ok(bytes)
        } else {
            Err(format!("{name} is not what was written"))
        }
    };
    Ok(Whole {
        weights: checked(WEIGHTS)?,
        optimizer: checked(OPTIMIZER)?,
        parameters: checked(PARAMETERS)?,
        state: String::from_utf8(checked(STATE)?).map_err(|e| format!("{STATE}: {e}"))?,
    })
}

/// Names and paths of what is in a folder; nothing where there is no folder.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, TrainError> {
    let read = || match fs::read_dir(folder) {
        Ok(found) => found
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
            })
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    read().map_err(TrainError::io("read", folder))
}

/// Takes a checkpoint away at once: under its name it is whole to the last.
fn discard(path: &Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut gone = path.as_os_str().to_owned();
    gone.push(".gone");
    gone.push(disk::TEMPORARY);
    let gone = PathBuf::from(gone);
    remove(&gone)?;
    fs::rename(path, &gone)?;
    remove(&gone)
}

/// Removes a file or a folder, where there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
