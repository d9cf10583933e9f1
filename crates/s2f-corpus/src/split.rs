//! Splits by speaker: deterministic, hashed, and never with a speaker in two of them.

use serde::{Deserialize, Serialize};

/// Which part of the work a speaker's pairs are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose by.
    Validation,
    /// To measure with, at the end.
    Test,
}
