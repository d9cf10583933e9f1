//! Checkpoints: what an interrupted run needs to resume with byte-identical results.
//!
//! `step-000500/` holds `weights.safetensors` in full precision, `ema.safetensors` with their
//! moving average if there is one, `optimizer.bpk`, `parameters.json` (the optimizer's identifiers
//! of the weights), `state.toml` (the loop's own state, the best validation, the length of the
//! metrics) and `manifest.json` with the sizes and hashes of these files. The folder is written
//! under a temporary name, flushed and renamed, so an interruption leaves all of it or nothing. A
//! checkpoint whose files differ from its manifest is skipped with a warning.

mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Bytes;
use s2f_core::FileError;
use s2f_core::hash::sha256;
use s2f_nn::weights::{self, Precision};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub(crate) use shared::shared;

use super::{Run, files, parameter_ids};
use crate::TrainError;
use crate::event::TrainEvent;
use crate::train_state::{TrainState, WeightAverage};

const BEST: &str = "best";
const WEIGHTS: &str = "weights.safetensors";
const AVERAGE: &str = "ema.safetensors";
const OPTIMIZER: &str = "optimizer.bpk";
const PARAMETERS: &str = "parameters.json";
const STATE: &str = "state.toml";
const MANIFEST: &str = "manifest.json";

/// What a run resumes from.
pub(crate) struct Restored<M, S> {
    /// Steps done.
    pub(crate) step: usize,
    pub(crate) trained: TrainState<M>,
    /// The loop's own state.
    pub(crate) state: S,
    /// Step of the best validation.
    pub(crate) best: Option<usize>,
}

/// The best validation so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Steps done.
    pub(crate) step: usize,
    /// Higher is better.
    pub(crate) score: f64,
    bytes: usize,
    sha256: String,
}

/// `state.toml`: TOML reads a floating-point number back exactly.
#[derive(Serialize, Deserialize)]
struct State<S> {
    step: usize,
    /// Length of `metrics.jsonl`.
    metrics_bytes: u64,
    best: Option<Best>,
    of_loop: S,
}

/// `manifest.json`: sizes and hashes of the other files by name.
type Manifest = BTreeMap<String, FileHash>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FileHash {
    bytes: usize,
    sha256: String,
}

impl FileHash {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: sha256(bytes) }
    }
}

/// The files of a checkpoint.
struct Verified {
    weights: Vec<u8>,
    average: Option<Vec<u8>>,
    optimizer: Vec<u8>,
    parameters: Vec<u8>,
    state: String,
}

impl Run {
    /// Restores the newest undamaged checkpoint; `None` in a new run. Metrics of later steps are
    /// cut off. Call before anything is logged.
    ///
    /// `fresh` is built as for a new run; no step was made yet.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if all checkpoints are damaged, or if the newest undamaged one is
    /// of another network.
    pub(crate) fn restore<M: Module, S: DeserializeOwned>(
        &mut self,
        fresh: &TrainState<M>,
        mut on_event: impl FnMut(&TrainEvent),
    ) -> Result<Option<Restored<M, S>>, TrainError> {
        let mut damage = None;
        for (step, path) in self.checkpoints()?.into_iter().rev() {
            let files = match read(&path, fresh.average.is_some()) {
                Ok(files) => files,
                Err(reason) => {
                    let note = format!("checkpoints/{} is skipped: {reason}", name(step));
                    on_event(&TrainEvent::Note(note));
                    damage.get_or_insert((path, reason));
                    continue;
                }
            };
            let bad = |reason: String| TrainError::Checkpoint { path: path.clone(), reason };
            let (restored, state) = files.restored(fresh, bad)?;
            self.cut_metrics(state.metrics_bytes)?;
            self.best = state.best;
            self.write_best()?;
            return Ok(Some(restored));
        }
        if let Some((path, reason)) = damage {
            return Err(TrainError::Checkpoint { path, reason });
        }
        self.cut_metrics(0)?;
        Ok(None)
    }

    /// Writes a checkpoint, after everything else of `step`, and keeps it and the previous one.
    pub(crate) fn checkpoint<M: Module>(
        &mut self,
        step: usize,
        trained: &TrainState<M>,
        state: &impl Serialize,
    ) -> Result<(), TrainError> {
        let path = self.folder().checkpoints().join(name(step));
        let bad = |reason: String| TrainError::Checkpoint { path: path.clone(), reason };
        let metrics = self.folder().metrics_file();
        let metrics_bytes = self.metrics.sync_all().and_then(|()| self.metrics.metadata());
        let metrics_bytes = metrics_bytes.map_err(FileError::at("write", &metrics))?.len();
        let state = State { step, metrics_bytes, best: self.best.clone(), of_loop: state };
        let state = toml::to_string(&state).map_err(|e| bad(e.to_string()))?;
        let files = Verified::of(trained, state, bad)?;
        let mut contents: Vec<(&str, Vec<u8>)> = vec![
            (WEIGHTS, files.weights),
            (OPTIMIZER, files.optimizer),
            (PARAMETERS, files.parameters),
            (STATE, files.state.into_bytes()),
        ];
        contents.extend(files.average.map(|average| (AVERAGE, average)));
        let hash = |(name, bytes): &(&str, Vec<u8>)| ((*name).to_owned(), FileHash::of(bytes));
        let manifest: Manifest = contents.iter().map(hash).collect();

        let new = files::temporary(&path);
        let write = || {
            files::remove(&new)?;
            fs::create_dir_all(&new)?;
            for (name, bytes) in &contents {
                files::write_flushed(&new.join(name), bytes)?;
            }
            files::write_flushed(&new.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
            // One of this step exists only if it was damaged.
            files::discard(&path)?;
            files::rename(&new, &path)
        };
        write().map_err(FileError::at("write", &path))?;
        self.tidy(step)
    }

    /// Keeps the weights if `score` is above all earlier ones; returns whether it is.
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
        files::write(&self.best_file(step), &bytes)?;
        self.best = Some(Best { step, score, bytes: bytes.len(), sha256: sha256(&bytes) });
        self.write_best()?;
        Ok(true)
    }

    /// The best validation so far.
    pub(crate) fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// `module` with the weights of the best validation; `None` without a validation.
    pub(crate) fn load_best<M: Module>(&self, module: &M) -> Result<Option<M>, TrainError> {
        let Some(best) = &self.best else { return Ok(None) };
        let path = self.best_file(best.step);
        let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
        if bytes.len() != best.bytes || sha256(&bytes) != best.sha256 {
            let reason = "it has changed since it was written".to_owned();
            return Err(TrainError::Checkpoint { path, reason });
        }
        Ok(Some(weights::load(module.clone(), &bytes)?))
    }

    /// All checkpoints, damaged ones included, oldest first.
    fn checkpoints(&self) -> Result<Vec<(usize, PathBuf)>, TrainError> {
        let folder = self.folder().checkpoints();
        let mut found: Vec<(usize, PathBuf)> = files::entries(&folder)?
            .into_iter()
            .filter_map(|(name, path)| Some((name.strip_prefix("step-")?.parse().ok()?, path)))
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Removes what neither the checkpoint of `step` nor the previous one needs.
    fn tidy(&self, step: usize) -> Result<(), TrainError> {
        let folder = self.folder().checkpoints();
        let all = self.checkpoints()?;
        let previous = all.iter().map(|(other, _)| *other).rfind(|&other| other < step);
        let mut needed: Vec<usize> = self.best.iter().map(|best| best.step).collect();
        for (other, path) in all {
            if other != step && Some(other) != previous {
                files::discard(&path).map_err(FileError::at("remove", &path))?;
            } else if let Ok(text) = fs::read_to_string(path.join(STATE))
                && let Ok(State { best: Some(best), .. }) =
                    toml::from_str::<State<serde::de::IgnoredAny>>(&text)
            {
                needed.push(best.step);
            }
        }
        for (_, path) in files::entries(&folder)? {
            if files::is_temporary(&path) {
                files::remove(&path).map_err(FileError::at("remove", &path))?;
            }
        }
        for (name, path) in files::entries(&folder.join(BEST))? {
            let is_needed = |&step: &usize| self.best_file(step) == path;
            if name != "best.json" && !needed.iter().any(is_needed) {
                fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
            }
        }
        Ok(())
    }

    fn best_file(&self, step: usize) -> PathBuf {
        self.folder().checkpoints().join(BEST).join(format!("{}.safetensors", name(step)))
    }

    /// Writes `best.json`.
    fn write_best(&self) -> Result<(), TrainError> {
        let path = self.folder().checkpoints().join(BEST).join("best.json");
        match &self.best {
            Some(best) => Ok(files::write_json(&path, best)?),
            None => Ok(files::remove(&path).map_err(FileError::at("remove", &path))?),
        }
    }

    /// Cuts off the metrics of steps after a checkpoint.
    fn cut_metrics(&mut self, bytes: u64) -> Result<(), TrainError> {
        let path = self.folder().metrics_file();
        let cut = self.metrics.metadata().and_then(|found| {
            // A file that was shortened by hand stays as it is.
            self.metrics.set_len(bytes.min(found.len()))
        });
        Ok(cut.map_err(FileError::at("write", &path))?)
    }
}

impl Verified {
    fn of<M: Module>(
        trained: &TrainState<M>,
        state: String,
        bad: impl Fn(String) -> TrainError,
    ) -> Result<Self, TrainError> {
        let parameters = serde_json::to_vec_pretty(&parameter_ids::ids(&trained.network));
        let average = trained.average.as_ref();
        Ok(Self {
            weights: full_precision(&trained.network)?,
            average: average.map(|average| full_precision(average.network())).transpose()?,
            optimizer: trained.optimizer.into_bytes().map_err(|e| bad(e.to_string()))?.to_vec(),
            parameters: parameters.map_err(|e| bad(e.to_string()))?,
            state,
        })
    }

    fn restored<M: Module, S: DeserializeOwned>(
        self,
        fresh: &TrainState<M>,
        bad: impl Fn(String) -> TrainError,
    ) -> Result<(Restored<M, S>, State<()>), TrainError> {
        let State { step, metrics_bytes, best, of_loop } =
            toml::from_str::<State<S>>(&self.state).map_err(|e| bad(e.to_string()))?;
        let ids: BTreeMap<String, u64> =
            serde_json::from_slice(&self.parameters).map_err(|e| bad(e.to_string()))?;
        if !ids.keys().eq(parameter_ids::ids(&fresh.network).keys()) {
            return Err(bad("it is of another network".to_owned()));
        }
        let load = |network: &M, bytes: &[u8]| -> Result<M, TrainError> {
            Ok(parameter_ids::with_ids(weights::load(network.clone(), bytes)?, &ids))
        };
        let average = match fresh.average.as_ref().zip(self.average) {
            Some((average, bytes)) => {
                let network = load(average.network(), &bytes)?;
                Some(WeightAverage::new(&network, average.decay()))
            }
            None => None,
        };
        let optimizer = fresh.optimizer.clone();
        let optimizer = optimizer.from_bytes(Bytes::from_bytes_vec(self.optimizer));
        let trained = TrainState {
            network: load(&fresh.network, &self.weights)?,
            optimizer: optimizer.map_err(|e| bad(e.to_string()))?,
            average,
        };
        let of_best = best.as_ref().map(|best| best.step);
        let restored = Restored { step, trained, state: of_loop, best: of_best };
        Ok((restored, State { step, metrics_bytes, best, of_loop: () }))
    }
}

fn name(step: usize) -> String {
    format!("step-{step:06}")
}

fn full_precision<M: Module>(module: &M) -> Result<Vec<u8>, TrainError> {
    // `valid` collects the running statistics, which lag one step behind in training.
    Ok(weights::save(&module.valid(), Precision::Full)?)
}

/// The files of a checkpoint, or what is wrong with them.
fn read(folder: &Path, with_average: bool) -> Result<Verified, String> {
    let file = |name: &str| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
    let manifest: Manifest =
        serde_json::from_slice(&file(MANIFEST)?).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let checked = |name: &str| {
        let bytes = file(name)?;
        if manifest.get(name) == Some(&FileHash::of(&bytes)) {
            Ok(bytes)
        } else {
            Err(format!("{name} has changed since it was written"))
        }
    };
    Ok(Verified {
        weights: checked(WEIGHTS)?,
        average: with_average.then(|| checked(AVERAGE)).transpose()?,
        optimizer: checked(OPTIMIZER)?,
        parameters: checked(PARAMETERS)?,
        state: String::from_utf8(checked(STATE)?).map_err(|e| format!("{STATE}: {e}"))?,
    })
}
