//! What a model was trained on, and whether it was trained on the people who are evaluated.

use std::path::Path;

use s2f_pairs::{PairSet, Split};
use speech2face::{DataId, RunFolder, TrainingRecord};

use crate::encoder::Evaluated;
use crate::items::Items;
use crate::options::PairSelection;
use crate::{EvalError, EvaluationEvent};

/// What is known of the training of a model.
pub(crate) struct Training {
    /// Name of the model.
    pub(crate) model: String,
    /// The pairs that it was trained on; none of their people are evaluated.
    pub(crate) pairs: Vec<PairSet>,
    /// Why it is not known of other training data whether they are; whole sentences.
    pub(crate) unknown: Vec<String>,
}

impl Training {
    /// Checks a model against the pairs that are evaluated: none of their speakers, voices or faces
    /// may be in the pairs that it was trained on, in its run or in the runs that it started from.
    /// A warning says what could not be checked.
    ///
    /// # Errors
    /// [`EvalError::Pairs`] with the names of what it was trained on; [`EvalError::SplitChanged`]
    /// if the evaluated set itself was split again after the training.
    pub(crate) fn check(
        evaluated: &Evaluated<'_>,
        set: &PairSet,
        selection: PairSelection,
        items: &Items,
        on_event: &mut dyn FnMut(EvaluationEvent),
    ) -> Result<Self, EvalError> {
        let Evaluated { name, run, trained_on, .. } = *evaluated;
        let mut training =
            Self { model: name.to_owned(), pairs: trained_on.to_vec(), unknown: Vec::new() };
        let records = match run {
            Some(run) => run.trained_on()?,
            None if trained_on.is_empty() => {
                vec![TrainingRecord::Unknown { model: name.to_owned() }]
            }
            None => Vec::new(),
        };
        for record in &records {
            training.add(record, run, set)?;
        }
        // Of the training split it is no question whether the model was trained on it.
        if selection != PairSelection::Split(Split::Train) {
            for reason in &training.unknown {
                on_event(EvaluationEvent::Warning(reason.clone()));
            }
        }
        items.check_leaks(set, selection, name, None)?;
        let others = training
            .pairs
            .iter()
            .filter(|pairs| selection == PairSelection::All || pairs.path() != set.path());
        for pairs in others {
            items.check_leaks(set, selection, name, Some(pairs))?;
        }
        Ok(training)
    }

    /// Adds what one record says.
    fn add(
        &mut self,
        record: &TrainingRecord,
        run: Option<&RunFolder>,
        set: &PairSet,
    ) -> Result<(), EvalError> {
        let (path, data) = match record {
            TrainingRecord::Pairs { path, data } => (path, data),
            TrainingRecord::Recordings { path, .. } => {
                self.cannot_compare(path, "has recordings without faces");
                return Ok(());
            }
            TrainingRecord::Faces { path, .. } => {
                self.cannot_compare(path, "has faces without voices");
                return Ok(());
            }
            TrainingRecord::Unknown { model } => {
                self.unknown.push(format!(
                    "There is no record of what the model {model} was trained on, so it is unknown \
                     whether it was trained on these people"
                ));
                return Ok(());
            }
        };
        let is_unchanged =
            |pairs: &PairSet| *data == DataId::of_pairs(&pairs.speakers_sha256(), pairs.pairs());
        // The evaluated set may have been moved, or its path recorded from another folder.
        if is_unchanged(set) {
            self.pairs.push(set.clone());
            return Ok(());
        }
        let canonical = path.canonicalize().ok();
        if canonical.is_some() && canonical == set.path().canonicalize().ok() {
            let run = run.map(|run| run.root().to_owned()).unwrap_or_default();
            return Err(EvalError::SplitChanged { path: path.clone(), run });
        }
        if canonical.is_none() {
            self.cannot_compare(path, "no longer exists");
            return Ok(());
        }
        let pairs = PairSet::open(path)?;
        if is_unchanged(&pairs) {
            self.pairs.push(pairs);
        } else {
            self.cannot_compare(path, "has since been prepared or split again");
        }
        Ok(())
    }

    /// Adds training data that cannot be compared with pairs.
    fn cannot_compare(&mut self, path: &Path, why: &str) {
        self.unknown.push(format!(
            "The leak check is incomplete: {} was trained on {}, which {why}, so it is unknown \
             whether it was trained on people who are evaluated, and the scores may be worthless",
            self.model,
            path.display()
        ));
    }
}
