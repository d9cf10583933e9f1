//! Evaluation of models that predict a face from a voice: the paper's protocols, and the controls
//! that make their scores credible.
//!
//! ```text
//! PairSet ─Items→ pairs to evaluate ─embed_voices→ features ─search→ ranks ─Scorer→ scores
//!         └─FaceReader→ readings of generated faces ────────────────────────┘   with intervals
//!                                     Report → report.html, scores.csv, report.json
//! ```
//!
//! [`evaluate`] does all of it for a model, [`evaluate_network`] for features of any other network.
//! Every score has a confidence interval by speaker, its chance level, and controls: the mean face,
//! another person's voice, and people of one sex only. Intervals are computed in `s2f_metrics`
//! (`bootstrap.rs`), called by `scorer.rs`. Nothing here decides anything about a person.
#![forbid(unsafe_code)]

mod evaluate;
mod options;

mod encoder;

mod groups;
mod identity;
mod items;
mod labels;
mod loader;
mod trained_on;

mod cache;
mod distributions;
mod readings;
mod voices;

mod context;
mod craniofacial;
mod outcome;
mod scorer;

mod compare;
mod sections;
mod sheet;

mod error;
mod evaluation;
pub mod report;

#[cfg(test)]
mod tests;

pub use compare::read_report;
pub use craniofacial::{MEASURES, Measure};
pub use encoder::{FeatureFunction, OtherNetwork, VoiceFeatures};
pub use error::EvalError;
pub use evaluate::{evaluate, evaluate_network};
pub use evaluation::Evaluation;
pub use options::{EvaluatedModel, EvaluationEvent, EvaluationOptions, PairSelection};
pub use s2f_pairs::{PairSet, Split};
pub use speech2face::{FaceReader, FaceReading};
