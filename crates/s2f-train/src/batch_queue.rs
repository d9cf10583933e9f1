//! Batches are made ahead, on other threads, while the device computes.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::TrainError;
use crate::batch::{Batch, Examples};

/// Batches that wait for the device.
const AHEAD: usize = 2;

/// Batches in the order of their steps.
pub(crate) struct Loader {
    batches: Receiver<Result<Batch, TrainError>>,
}

impl Loader {
    /// Begins to make the batches of `from..to` on a thread of its own, which uses others for the
    /// examples and ends when nobody waits for it any more.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        examples: &'scope dyn Examples,
        from: usize,
        to: usize,
    ) -> Self {
        let (sender, batches) = sync_channel(AHEAD);
        scope.spawn(move || {
            for step in from..to {
                let batch = examples.batch(step);
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Self { batches }
    }

    /// The next batch.
    ///
    /// # Errors
    /// What went wrong with it; [`TrainError::Data`] where there is none any more.
    pub(crate) fn next(&self) -> Result<Batch, TrainError> {
        let ended = |_| TrainError::Data("the thread that loads batches ended".into());
        self.batches.recv().map_err(ended)?
    }
}
