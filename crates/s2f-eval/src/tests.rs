//! Tests of the evaluation as a whole: against independent references, with models whose scores are
//! known in advance, and from pairs to report.

mod belief;
mod distribution;
mod network;
mod reference;
mod reports;
mod retrieval;
pub(crate) mod samples;
mod statistics;
mod with_traits;
