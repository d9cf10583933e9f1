//! Pairs through the public interface of the crate.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

mod leaks;
mod read;
mod verify;
mod write;
