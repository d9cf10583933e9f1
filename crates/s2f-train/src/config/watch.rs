//! How often a run looks at itself.

use serde::{Deserialize, Serialize};

use super::Best;

/// How often a run looks at itself, in steps; 0 is only at the end. Changes nothing of what is
/// learnt, so it may be another when a run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Between two checkpoints, from which a killed run goes on.
    pub checkpoint_every: usize,
    /// Between two validations on what is held out; the best is kept.
    pub validate_every: usize,
    /// Between two sheets of the same faces.
    pub sheet_every: usize,
    /// Steps without a better validation after which the run stops and takes the best; 0 is never.
    pub patience: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self { checkpoint_every: 100, validate_every: 200, sheet_every: 200, patience: 0 }
    }
}

impl Watch {
    /// Whether something that is done `every` so many steps is due after `step`.
    pub(crate) fn is_due(every: usize, step: usize, is_last: bool) -> bool {
        is_last || every > 0 && step.is_multiple_of(every)
    }

    /// Whether the best validation is longer ago than the patience.
    pub(crate) fn is_out_of_patience(&self, step: usize, best: Option<&Best>) -> bool {
        self.patience > 0 && best.is_some_and(|best| step >= best.step + self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_is_always_looked_at() {
        let due = |every| {
            (1..=10).filter(|&step| Watch::is_due(every, step, step == 10)).collect::<Vec<_>>()
        };
        assert_eq!(due(4), [4, 8, 10]);
        assert_eq!(due(0), [10]);
    }
}
