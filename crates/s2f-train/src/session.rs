//! What both training loops do around their steps: resume, log, validate, draw sheets, write
//! checkpoints, stop early.

use std::time::Instant;

use burn::module::Module;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Watch;
use crate::event::TrainEvent;
use crate::peers::Processes;
use crate::run::{Restored, Run, checkpoint};
use crate::train_state::TrainState;
use crate::{Optimisation, TrainError};

/// The only value of `metrics.jsonl` that differs between two runs of the same training.
const STEPS_PER_SECOND: &str = "steps_per_second";

/// One session of a run, from its start or its last checkpoint on.
pub(crate) struct Session<'a> {
    /// In the first process only.
    run: Option<Run>,
    processes: &'a dyn Processes,
    /// Step of the best validation.
    best: Option<usize>,
    plan: &'a Optimisation,
    watch: &'a Watch,
    on_event: &'a mut dyn FnMut(&TrainEvent),
    step: usize,
    steps: usize,
    /// When the current step began.
    begun: Instant,
}

impl<'a> Session<'a> {
    /// Resumes `run` from its last checkpoint, if it has one, up to `steps` steps. `fresh` and
    /// `state` are what a new run starts from. The other processes, which have no `run`, get
    /// weights and state of the first.
    ///
    /// # Errors
    /// As [`Run::restore`].
    #[allow(clippy::too_many_arguments, reason = "called by the training loops only")]
    pub(crate) fn start<M: Module, S: Serialize + DeserializeOwned>(
        mut run: Option<Run>,
        processes: &'a dyn Processes,
        plan: &'a Optimisation,
        watch: &'a Watch,
        steps: usize,
        fresh: TrainState<M>,
        state: &S,
        on_event: &'a mut dyn FnMut(&TrainEvent),
    ) -> Result<(Self, TrainState<M>, Option<S>), TrainError> {
        let restored = match &mut run {
            Some(run) => run.restore(&fresh, &mut *on_event)?,
            None => None,
        };
        let (step, trained, state, best) = if processes.count() > 1 {
            let Restored { step, trained, state, best } =
                checkpoint::shared(processes, fresh, state, restored)?;
            (step, trained, Some(state), best)
        } else {
            match restored {
                Some(Restored { step, trained, state, best }) => (step, trained, Some(state), best),
                None => (0, fresh, None, None),
            }
        };
        on_event(&TrainEvent::Started { step, steps });
        let begun = Instant::now();
        let session = Self { run, processes, best, plan, watch, on_event, step, steps, begun };
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
        self.step >= self.steps || self.watch.is_out_of_patience(self.step, self.best)
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
        if let Some(run) = &mut self.run {
            run.log(self.step, &values)?;
        }
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
        if let Some(run) = &mut self.run
            && let Some(scores) = scores()?
            && let Some(&(_, score)) = scores.first()
        {
            run.log(step, &scores)?;
            let best = run.keep_best(step, score, trained.scored())?;
            (self.on_event)(&TrainEvent::Validated { step, scores, best });
        }
        let best = self.run.as_ref().and_then(Run::best).map(|best| best.step as u64);
        let best =
            self.processes.broadcast(best.map_or(Vec::new(), |b| b.to_le_bytes().to_vec()))?;
        self.best = best.try_into().ok().map(|bytes| u64::from_le_bytes(bytes) as usize);
        Ok(())
    }

    /// Writes a sheet of held-out faces if it is due.
    pub(crate) fn sheet(
        &mut self,
        png: impl FnOnce() -> Result<Option<Vec<u8>>, TrainError>,
    ) -> Result<(), TrainError> {
        if Watch::is_due(self.watch.sheet_every, self.step, self.is_over())
            && let Some(run) = &mut self.run
            && let Some(png) = png()?
        {
            run.picture("held-out", self.step, &png)?;
        }
        Ok(())
    }

    /// Writes a checkpoint if it is due. Call it last in a step.
    pub(crate) fn checkpoint<M: Module>(
        &mut self,
        trained: &TrainState<M>,
        state: &impl Serialize,
    ) -> Result<(), TrainError> {
        if Watch::is_due(self.watch.checkpoint_every, self.step, self.is_over())
            && let Some(run) = &mut self.run
        {
            run.checkpoint(self.step, trained, state)?;
        }
        self.begun = Instant::now();
        Ok(())
    }

    /// Ends the session: the run, and the weights of the last step or, if it stopped early, those
    /// of the best validation. With a moving average, they are the average's.
    pub(crate) fn finish<M: Module>(
        self,
        trained: TrainState<M>,
    ) -> Result<(Option<Run>, M), TrainError> {
        let module = trained.into_scored();
        let stopped = self.best.filter(|_| self.step < self.steps);
        let Some((run, best)) = self.run.as_ref().zip(stopped) else {
            return Ok((self.run, module));
        };
        (self.on_event)(&TrainEvent::StoppedEarly { step: self.step, best });
        let module = run.load_best(&module)?.unwrap_or(module);
        Ok((self.run, module))
    }
}
