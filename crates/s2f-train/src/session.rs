//! What both training loops do around their steps: resume, log, validate, draw sheets, write
//! checkpoints, stop early.

use std::time::Instant;

use burn::module::Module;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Watch;
use crate::event::TrainEvent;
use crate::run::{Restored, Run};
use crate::train_state::TrainState;
use crate::{Optimisation, TrainError};

/// The only value of `metrics.jsonl` that differs between two runs of the same training.
const STEPS_PER_SECOND: &str = "steps_per_second";

/// One session of a run, from its start or its last checkpoint on.
pub(crate) struct Session<'a> {
    run: Run,
    plan: &'a Optimisation,
    watch: &'a Watch,
    on_event: &'a mut dyn FnMut(&TrainEvent),
    step: usize,
    steps: usize,
    /// When the current step began.
    begun: Instant,
}

impl<'a> Session<'a> {
    /// Resumes `run` from its last checkpoint, if it has one, up to `steps` steps. `fresh` is what
    /// a new run starts from. The state of the loop is `None` in a new run.
    ///
    /// # Errors
    /// As [`Run::restore`].
    pub(crate) fn start<M: Module, S: DeserializeOwned>(
        mut run: Run,
        plan: &'a Optimisation,
        watch: &'a Watch,
        steps: usize,
        fresh: TrainState<M>,
        on_event: &'a mut dyn FnMut(&TrainEvent),
    ) -> Result<(Self, TrainState<M>, Option<S>), TrainError> {
        let (step, trained, state) = match run.restore(&fresh, &mut *on_event)? {
            Some(Restored { step, trained, state }) => (step, trained, Some(state)),
            None => (0, fresh, None),
        };
        on_event(&TrainEvent::Started { step, steps });
        let session = Self { run, plan, watch, on_event, step, steps, begun: Instant::now() };
        Ok((session, trained, state))
    }

    /// Steps done.
    pub(crate) fn step(&self) -> usize {
        self.step
    }

    /// Learning rate of the next step.
    pub(crate) fn rate(&self) -> f64 {
        self.plan.rate(self.step, self.steps)
    }

    /// Whether all steps are done, or no validation has improved for too long.
    pub(crate) fn is_over(&self) -> bool {
        let best = self.run.best().map(|best| best.step);
        self.step >= self.steps || self.watch.is_out_of_patience(self.step, best)
    }

    /// Checks the losses of the next step, and the norm of its gradient; `ids` names the examples
    /// of its batch.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if one is not finite: the step must not be made then.
    pub(crate) fn check(
        &self,
        losses: &[(&'static str, f64)],
        gradient_norm: Option<f64>,
        ids: &[String],
    ) -> Result<(), TrainError> {
        let gradient = gradient_norm.map(|norm| ("gradient_norm", norm));
        match losses.iter().copied().chain(gradient).find(|(_, value)| !value.is_finite()) {
            Some((loss, _)) => {
                Err(TrainError::Diverged { step: self.step + 1, loss, ids: ids.to_vec() })
            }
            None => Ok(()),
        }
    }

    /// Counts a step that was made, and logs it; without the norm of the gradient if the step was
    /// skipped.
    pub(crate) fn advance(
        &mut self,
        losses: Vec<(&'static str, f64)>,
        gradient_norm: Option<f64>,
    ) -> Result<(), TrainError> {
        let mut values = losses.clone();
        values.push(("learning_rate", self.rate()));
        values.extend(gradient_norm.map(|norm| ("gradient_norm", norm)));
        let rate = 1.0 / self.begun.elapsed().as_secs_f64().max(1e-9);
        values.push((STEPS_PER_SECOND, (rate * 1000.0).round() / 1000.0));
        self.step += 1;
        self.run.log(self.step, &values)?;
        (self.on_event)(&TrainEvent::Step { step: self.step, losses });
        Ok(())
    }

    /// Passes on a message.
    pub(crate) fn note(&mut self, text: String) {
        (self.on_event)(&TrainEvent::Note(text));
    }

    /// Validates if it is due, and keeps the scored weights if no earlier score was better. The
    /// first of the scores decides; there are none without held-out data.
    pub(crate) fn validate<M: Module>(
        &mut self,
        trained: &TrainState<M>,
        scores: impl FnOnce() -> Result<Option<Vec<(&'static str, f64)>>, TrainError>,
    ) -> Result<(), TrainError> {
        let step = self.step;
        if !Watch::is_due(self.watch.validate_every, step, step == self.steps) {
            return Ok(());
        }
        let Some(scores) = scores()? else { return Ok(()) };
        let Some(&(_, score)) = scores.first() else { return Ok(()) };
        self.run.log(step, &scores)?;
        let best = self.run.keep_best(step, score, trained.scored())?;
        (self.on_event)(&TrainEvent::Validated { step, scores, best });
        Ok(())
    }

    /// Writes a sheet of held-out faces if it is due.
    pub(crate) fn sheet(
        &mut self,
        png: impl FnOnce() -> Result<Option<Vec<u8>>, TrainError>,
    ) -> Result<(), TrainError> {
        if Watch::is_due(self.watch.sheet_every, self.step, self.is_over())
            && let Some(png) = png()?
        {
            self.run.picture("held-out", self.step, &png)?;
        }
        Ok(())
    }

    /// Writes a checkpoint if it is due. Call it last in a step.
    pub(crate) fn checkpoint<M: Module>(
        &mut self,
        trained: &TrainState<M>,
        state: &impl Serialize,
    ) -> Result<(), TrainError> {
        if Watch::is_due(self.watch.checkpoint_every, self.step, self.is_over()) {
            self.run.checkpoint(self.step, trained, state)?;
        }
        self.begun = Instant::now();
        Ok(())
    }

    /// Ends the session: the run, and the weights of the last step or, if it stopped early, those
    /// of the best validation. With a moving average, they are the average's.
    pub(crate) fn finish<M: Module>(self, trained: TrainState<M>) -> Result<(Run, M), TrainError> {
        let module = trained.into_scored();
        let Some(best) = self.run.best().filter(|_| self.step < self.steps) else {
            return Ok((self.run, module));
        };
        (self.on_event)(&TrainEvent::StoppedEarly { step: self.step, best: best.step });
        let module = self.run.load_best(&module)?.unwrap_or(module);
        Ok((self.run, module))
    }
}
