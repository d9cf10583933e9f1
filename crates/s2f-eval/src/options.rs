//! What is evaluated, and how.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use s2f_pairs::Split;
use speech2face::{Device, ModelSource, RunFolder, Speech2Face, VoicePolicy};

use crate::{EvalError, FaceReader};

/// A model to evaluate, and what it was trained on.
pub struct EvaluatedModel {
    /// Name in the report.
    pub name: String,
    /// The model. Its voice encoder and face decoder run on its own device.
    pub model: Speech2Face,
    /// The run that trained it, for the leak check; `None` if there is no record of its training.
    pub run: Option<RunFolder>,
}

impl EvaluatedModel {
    /// Opens a model on `device`, with the record of its training if `source` is a run folder.
    ///
    /// # Errors
    /// [`EvalError::Open`], with the file and the reason.
    pub fn open(source: &ModelSource, device: &Device) -> Result<Self, EvalError> {
        let model = source.open(device)?;
        Ok(Self { name: source.short_name(), model, run: source.run().cloned() })
    }
}

/// How a model is evaluated.
pub struct EvaluationOptions<'a> {
    /// Which pairs of the set.
    pub selection: PairSelection,
    /// Maximum number of pairs, balanced by speaker.
    pub max_pairs: usize,
    /// Use only the first `seconds` of each voice. `None` uses voices as
    /// [`Speech2Face::reconstruct`] does by default.
    pub seconds: Option<f64>,
    /// Reads generated faces; without it, attributes and craniofacial measures are left out.
    pub reader: Option<&'a FaceReader>,
    /// Maximum number of pairs for which faces are generated and read.
    pub max_pictures: usize,
    /// Show photographs, if their licence is known to allow it.
    pub photographs: bool,
    /// Bootstrap draws.
    pub draws: usize,
    /// Random seed.
    pub seed: u64,
    /// A table with labels of speakers or pairs.
    pub labels: Option<&'a Path>,
    /// An earlier report on the same pairs, to compare with.
    pub baseline: Option<&'a Path>,
    /// Other models to compare with.
    pub compare: &'a [EvaluatedModel],
    /// Stops the evaluation with [`EvalError::Cancelled`] soon after it becomes true.
    pub cancel: Option<&'a AtomicBool>,
}

impl Default for EvaluationOptions<'_> {
    fn default() -> Self {
        Self {
            selection: PairSelection::Split(Split::Test),
            max_pairs: 5000,
            seconds: None,
            reader: None,
            max_pictures: 1000,
            photographs: true,
            draws: 1000,
            seed: 0,
            labels: None,
            baseline: None,
            compare: &[],
            cancel: None,
        }
    }
}

impl EvaluationOptions<'_> {
    /// # Errors
    /// [`EvalError::Cancelled`].
    pub(crate) fn check_cancelled(&self) -> Result<(), EvalError> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(EvalError::Cancelled),
            _ => Ok(()),
        }
    }

    /// The part of each voice that all scores but those by length are measured on.
    pub fn voice_policy(&self) -> VoicePolicy {
        self.seconds.map_or_else(VoicePolicy::default, VoicePolicy::first_seconds)
    }
}

/// Which pairs of a set are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSelection {
    /// One split.
    Split(Split),
    /// Every pair, for models that were trained on none of them.
    All,
}

impl PairSelection {
    /// `train`, `validation`, `test` or `all`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Split(split) => split.name(),
            Self::All => "all",
        }
    }

    pub(crate) fn split(self) -> Option<Split> {
        match self {
            Self::Split(split) => Some(split),
            Self::All => None,
        }
    }
}

/// Progress of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvaluationEvent {
    /// A stage begins.
    Stage {
        /// What it does, such as `embedding voices`.
        name: &'static str,
        /// Number of pairs that it processes.
        pairs: usize,
    },
    /// Number of pairs of the stage that are done.
    Done(usize),
    /// A warning for the user; also in the report.
    Warning(String),
}
