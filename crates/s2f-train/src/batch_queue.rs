//! Batches are made on another thread while the device computes.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::TrainError;
use crate::batch::{Batch, BatchPart, Examples};

/// Maximum number of batches that wait for the device.
pub(crate) const QUEUED: usize = 2;

/// Batches in the order of their steps.
pub(crate) struct BatchQueue {
    batches: Receiver<Result<Batch, TrainError>>,
}

impl BatchQueue {
    /// Starts a thread that makes the batches of steps `from..to`, with the inputs of `part`, with
    /// the help of the thread pool. It ends after the last batch, after an error, or when the queue
    /// is dropped.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        examples: &'scope dyn Examples,
        part: BatchPart,
        from: usize,
        to: usize,
    ) -> Self {
        let (sender, batches) = sync_channel(QUEUED);
        scope.spawn(move || {
            for step in from..to {
                let batch = examples.batch(step, part);
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
    /// The error of making it; [`TrainError::Data`] after the last batch.
    pub(crate) fn next(&self) -> Result<Batch, TrainError> {
        let ended = |_| TrainError::Data("the thread that makes batches has ended".into());
        self.batches.recv().map_err(ended)?
    }
}
