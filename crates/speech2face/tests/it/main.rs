//! The library as a user sees it: its examples, and models on more than one device.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by them")]

mod cartoons;
#[cfg(feature = "ndarray")]
mod devices;
mod examples;
mod shipped;
