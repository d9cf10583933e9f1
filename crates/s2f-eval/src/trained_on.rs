//! What a model was trained on, and whether it was trained on the people who are evaluated.

use s2f_pairs::PairSet;
use speech2face::{DataId, TrainedOn};

use crate::items::Items;
use crate::options::{EvaluatedModel, PairSelection};
use crate::{EvalError, EvaluationEvent};

/// What is known of the training of a model.
pub(crate) enum Training {
    /// The pairs that it was trained on.
    Pairs(PairSet),
    /// There is no record.
    NotRecorded,
    /// The pairs are recorded, but cannot be compared; the reason is a whole sentence.
    Unavailable(String),
}

impl Training {
    /// Checks a model against the pairs that are evaluated: none of their speakers, voices or faces
    /// may be in the pairs that it was trained on.
    ///
    /// # Errors
    /// [`EvalError::Pairs`] with the names of what it was trained on; [`EvalError::SplitChanged`]
    /// if the evaluated set itself was split again after the training.
    pub(crate) fn check(
        model: &EvaluatedModel,
        set: &PairSet,
        selection: PairSelection,
        items: &Items,
        on_event: &mut dyn FnMut(EvaluationEvent),
    ) -> Result<Self, EvalError> {
        let training = Self::of(model, set)?;
        if let Self::Unavailable(reason) = &training {
            on_event(EvaluationEvent::Warning(reason.clone()));
        }
        let pairs = if let Self::Pairs(pairs) = &training { Some(pairs) } else { None };
        items.check_leaks(set, selection, &model.name, pairs)?;
        Ok(training)
    }

    fn of(model: &EvaluatedModel, set: &PairSet) -> Result<Self, EvalError> {
        let Some(run) = &model.run else { return Ok(Self::NotRecorded) };
        let Some(TrainedOn { pairs: path, data }) = run.trained_on()? else {
            return Ok(Self::NotRecorded);
        };
        let is_unchanged =
            |pairs: &PairSet| data == DataId::of_pairs(&pairs.speakers_sha256(), pairs.pairs());
        let canonical = path.canonicalize().ok();
        if canonical.is_some() && canonical == set.path().canonicalize().ok() {
            return if is_unchanged(set) {
                Ok(Self::Pairs(set.clone()))
            } else {
                Err(EvalError::SplitChanged { path, run: run.root().to_owned() })
            };
        }
        let unavailable = |reason: &str| {
            Self::Unavailable(format!(
                "{} was trained on {}, which {reason}, so it is unknown whether it was trained on \
                 people who are evaluated",
                run.root().display(),
                path.display()
            ))
        };
        if canonical.is_none() {
            return Ok(unavailable("no longer exists"));
        }
        let pairs = PairSet::open(&path)?;
        Ok(if is_unchanged(&pairs) {
            Self::Pairs(pairs)
        } else {
            unavailable("has since been prepared or split again")
        })
    }
}
