//! What both training loops do around their steps: resume, log, validate, draw sheets, write
//! checkpoints, stop early.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Watch;
use crate::event::TrainEvent;
use crate::run::{Restored, Run};
use crate::{Optimisation, TrainError};

/// One session of a run, from its start or its last checkpoint on.
pub(crate) struct Session<'a> {
    run: Run,
    plan: &'a Optimisation,
    watch: &'a Watch,
    on_event: &'a mut dyn FnMut(&TrainEvent),
    step: usize,
    steps: usize,
}

impl<'a> Session<'a> {
    /// Resumes `run` from its last checkpoint, if it has one, up to `steps` steps.
    ///
    /// # Errors
    /// As [`Run::restore`].
    pub(crate) fn start<M: Module, S: DeserializeOwned>(
        mut run: Run,
        plan: &'a Optimisation,
        watch: &'a Watch,
        steps: usize,
        module: &M,
        optimizer: &ModuleOptimizer,
        on_event: &'a mut dyn FnMut(&TrainEvent),
    ) -> Result<(Self, Option<Restored<M, S>>), TrainError> {
        let restored = run.restore(module, optimizer, &mut *on_event)?;
        let step = restored.as_ref().map_or(0, |restored| restored.step);
        on_event(&TrainEvent::Started { step, steps });
        Ok((Self { run, plan, watch, on_event, step, steps }, restored))
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

    /// Logs the losses of the next step; `ids` names the examples of its batch.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a loss is not finite: the step must not be made then.
    pub(crate) fn log(
        &mut self,
        losses: &[(&'static str, f64)],
        ids: &[String],
    ) -> Result<(), TrainError> {
        self.run.log(self.step + 1, losses, ids)
    }

    /// Counts a step that was made.
    pub(crate) fn advance(&mut self, losses: Vec<(&'static str, f64)>) {
        self.step += 1;
        (self.on_event)(&TrainEvent::Step { step: self.step, losses });
    }

    /// Passes on a message.
    pub(crate) fn note(&mut self, text: String) {
        (self.on_event)(&TrainEvent::Note(text));
    }

    /// Validates if it is due, and keeps the weights of `module` if no earlier score was better.
    /// The first of the scores decides; there are none without held-out data.
    pub(crate) fn validate<M: Module>(
        &mut self,
        module: &M,
        scores: impl FnOnce() -> Result<Option<Vec<(&'static str, f64)>>, TrainError>,
    ) -> Result<(), TrainError> {
        let step = self.step;
        if !Watch::is_due(self.watch.validate_every, step, step == self.steps) {
            return Ok(());
        }
        let Some(scores) = scores()? else { return Ok(()) };
        let Some(&(_, score)) = scores.first() else { return Ok(()) };
        self.run.log(step, &scores, &[])?;
        let best = self.run.keep_best(step, score, module)?;
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
        module: &M,
        optimizer: &ModuleOptimizer,
        state: &impl Serialize,
    ) -> Result<(), TrainError> {
        if Watch::is_due(self.watch.checkpoint_every, self.step, self.is_over()) {
            self.run.checkpoint(self.step, module, optimizer, state)?;
        }
        Ok(())
    }

    /// Ends the session: the run, and the weights of the last step or, if it stopped early, those
    /// of the best validation.
    pub(crate) fn finish<M: Module>(self, module: M) -> Result<(Run, M), TrainError> {
        let Some(best) = self.run.best().filter(|_| self.step < self.steps) else {
            return Ok((self.run, module));
        };
        (self.on_event)(&TrainEvent::StoppedEarly { step: self.step, best: best.step });
        let module = self.run.load_best(&module)?.unwrap_or(module);
        Ok((self.run, module))
    }
}
