//! The store against an HTTP server inside the test, which also truncates, stalls and sends wrong
//! bytes.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failing test panics"
)]

mod disk;
mod find;
mod hub;
mod hub_pull;
mod hub_push;
mod interrupted;
mod pull;
mod server;
mod support;
