//! Evaluation of models that hear a face in a voice: the paper's protocols and what it takes to
//! believe them.
//!
//! ```text
//! PairSet ─Items→ who is evaluated ─Voices→ features by length ─Search→ ranks ─Scorer→ scores
//!         └─FaceReader→ what independent networks read in the drawn faces ────┘   with intervals
//!                                        Report → report.html, scores.csv, report.json
//! ```
//!
//! [`evaluate`] is the whole way. Every score comes with an interval by speaker, what chance gives,
//! and controls: the mean face, somebody else's voice, and the same among people of one sex.
//! Nothing here decides anything about a person.

#[cfg(test)]
mod belief;
mod cache;
mod compare;
mod craniofacial;
mod error;
mod evaluate;
mod items;
mod labels;
mod outcome;
mod reader;
mod readings;
pub mod report;
mod scorer;
mod sections;
mod sheet;
#[cfg(test)]
mod testing;
mod voices;
#[cfg(test)]
mod witness;

pub use craniofacial::{MEASURES, Measure};
pub use error::EvalError;
pub use evaluate::{Evaluation, Event, Options, Other, evaluate};
pub use items::Part;
pub use reader::{FaceReader, Reading};
pub use voices::hear;
