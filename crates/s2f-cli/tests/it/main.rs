//! The built program, run as a person or a script runs it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by them"
)]

mod cartoons;
mod configurations;
mod corpus;
mod disks;
mod evaluate;
mod faces;
mod faults;
#[cfg(feature = "wgpu")]
mod gpu;
mod habits;
mod hub;
mod inputs;
mod models;
mod names;
mod pictures;
mod printing;
#[cfg(all(feature = "mpi", target_os = "linux"))]
mod processes;
mod pull;
mod serve;
mod support;
mod training;
mod weights;
mod zoo;
