//! How often a run validates, draws sheets and writes checkpoints.

use serde::{Deserialize, Serialize};

/// How often a run validates, draws sheets and writes checkpoints, in steps; 0 means only after the
/// last step. It does not influence the weights, so it may differ when a run is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Steps between two checkpoints, from which an interrupted run resumes.
    pub checkpoint_every: usize,
    /// Steps between two validations on held-out data; the best weights are kept.
    pub validate_every: usize,
    /// Steps between two sheets of the same faces.
    pub sheet_every: usize,
    /// Steps without a better validation after which the run stops and takes the best weights; 0
    /// means never.
    pub patience: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self { checkpoint_every: 100, validate_every: 200, sheet_every: 200, patience: 0 }
    }
}

impl Watch {
    /// Whether an action of that interval is due after `step`.
    pub(crate) fn is_due(every: usize, step: usize, is_last: bool) -> bool {
        is_last || every > 0 && step.is_multiple_of(every)
    }

    /// Whether the best validation is longer ago than the patience.
    pub(crate) fn is_out_of_patience(&self, step: usize, best_step: Option<usize>) -> bool {
        self.patience > 0
            && best_step.is_some_and(|best| step.saturating_sub(best) >= self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_due_after_the_last_step() {
        let due = |every| {
            (1..=10).filter(|&step| Watch::is_due(every, step, step == 10)).collect::<Vec<_>>()
        };
        assert_eq!(due(4), [4, 8, 10]);
        assert_eq!(due(0), [10]);
    }

    #[test]
    fn patience_is_counted_from_the_best_validation() {
        let watch = Watch { patience: 3, ..Watch::default() };
        assert!(!watch.is_out_of_patience(5, None));
        assert!(!watch.is_out_of_patience(5, Some(3)));
        assert!(watch.is_out_of_patience(6, Some(3)));
        assert!(!Watch::default().is_out_of_patience(usize::MAX, Some(0)));
    }
}
