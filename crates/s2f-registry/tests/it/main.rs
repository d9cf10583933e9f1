//! Downloads from a server in the test, which also truncates, stalls and lies.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by them"
)]

mod disk;
mod killed;
mod pull;
mod server;
mod support;
