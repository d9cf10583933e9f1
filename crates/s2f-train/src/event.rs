//! Progress events of a training run.

/// A progress event of a training run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrainEvent {
    /// The data is loaded and the first step begins.
    Started {
        /// Steps of earlier sessions; 0 for a new run.
        step: usize,
        /// Total number of steps.
        steps: usize,
    },
    /// A step is done.
    Step {
        /// Steps done.
        step: usize,
        /// The losses of this step by name, before their weights.
        losses: Vec<(&'static str, f64)>,
    },
    /// A validation is done.
    Validated {
        /// Steps done.
        step: usize,
        /// Scores on held-out data by name.
        scores: Vec<(&'static str, f64)>,
        /// Whether no earlier validation was better.
        best: bool,
    },
    /// The run ends before its last step, since no validation has improved for `watch.patience`
    /// steps.
    StoppedEarly {
        /// Steps done.
        step: usize,
        /// Step of the best validation.
        best: usize,
    },
    /// A message worth showing.
    Note(String),
}
