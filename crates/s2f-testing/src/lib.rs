//! For tests only: data and programs that may be missing, reference files, comparisons.
//!
//! A test that needs what is not part of the project asks [`data`] or [`ffmpeg`] for it. If it is
//! missing, the test prints one line starting with `skipped: ` and returns; `cargo xtask check`
//! counts these lines at its end. With `S2F_REQUIRE_DATA=1` it fails instead.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::print_stderr, clippy::unwrap_used, reason = "only tests call it")]

mod compare;
mod missing;
pub mod pairs;
mod reference;

pub use compare::{assert_near, largest_difference, signal_to_noise_db, without_speed};
pub use missing::{data, ffmpeg, missing, project, skip};
pub use reference::{Npy, npy};
