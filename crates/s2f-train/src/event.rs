//! What a run tells whoever waits for it.

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The data is read and the first step begins.
    Started {
        /// Steps that were done before, 0 for a new run.
        step: usize,
        /// Steps in all.
        steps: usize,
    },
    /// A step is done.
    Step {
        /// Steps done.
        step: usize,
        /// The losses of this step by name, unweighted.
        losses: Vec<(&'static str, f64)>,
    },
    /// What has been learnt was tried on what is held out.
    Validated {
        /// Steps done.
        step: usize,
        /// Scores by name.
        scores: Vec<(&'static str, f64)>,
        /// Whether no earlier validation was better.
        best: bool,
    },
    /// No validation has become better for so long that the run ends before its last step.
    StoppedEarly {
        /// Steps done.
        step: usize,
        /// Step of the best validation.
        best: usize,
    },
    /// Something worth knowing.
    Note(String),
}
