//! A small population with known ground truth.

mod observer;
mod population;
pub mod voice;

pub use observer::{RANKS, Recall, best_retrieval, expected_retrieval};
pub use population::{Person, SEX_MIDDLE, TRAIT_NAMES, TRAITS, Traits, population};
