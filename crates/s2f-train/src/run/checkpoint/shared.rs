//! The start of several processes: what the first one starts from, as the bytes of a checkpoint.

use burn::module::Module;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Best, Restored, State, Verified};
use crate::TrainError;
use crate::peers::Processes;
use crate::train_state::TrainState;

/// What the first process starts from, in each process: `restored`, or else `fresh` and `state`.
pub(crate) fn shared<M: Module, S: Serialize + DeserializeOwned>(
    processes: &dyn Processes,
    fresh: TrainState<M>,
    state: &S,
    restored: Option<Restored<M, S>>,
) -> Result<Restored<M, S>, TrainError> {
    let bad = |reason| TrainError::Data(format!("the start of the processes: {reason}"));
    let mut bytes = Vec::new();
    if processes.is_first() {
        let (step, trained, state, best) = match &restored {
            Some(restored) => (restored.step, &restored.trained, &restored.state, restored.best),
            None => (0, &fresh, state, None),
        };
        let best = best.map(|step| Best { step, score: 0.0, bytes: 0, sha256: String::new() });
        let state = State { step, metrics_bytes: 0, best, of_loop: state };
        let state = toml::to_string(&state).map_err(|e| bad(e.to_string()))?;
        bytes = Verified::of(trained, state, bad)?.to_bytes();
    }
    let bytes = processes.broadcast(bytes)?;
    let files = Verified::from_bytes(&bytes).ok_or_else(|| bad("it is damaged".to_owned()))?;
    Ok(files.restored(&fresh, bad)?.0)
}

impl Verified {
    /// All files in one: each after its length.
    fn to_bytes(&self) -> Vec<u8> {
        let average: &[u8] = self.average.as_deref().unwrap_or_default();
        let state = self.state.as_bytes();
        let mut bytes = Vec::new();
        for file in [&self.weights, average, &self.optimizer, &self.parameters, state] {
            bytes.extend((file.len() as u64).to_le_bytes());
            bytes.extend(file);
        }
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || {
            let (length, rest) = bytes.split_first_chunk()?;
            let (file, rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
            bytes = rest;
            Some(file.to_vec())
        };
        let (weights, average) = (next()?, next()?);
        Some(Self {
            weights,
            average: Some(average).filter(|average| !average.is_empty()),
            optimizer: next()?,
            parameters: next()?,
            state: String::from_utf8(next()?).ok()?,
        })
    }
}
