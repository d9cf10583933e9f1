//! Tests of the whole way: real files of many kinds, broken files, reference values.

// The lints know that a test may do this, and not that what a test calls may do it, too.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod broken;
mod formats;
mod hostile;
mod reference;
mod support;
mod voices;
mod zoo;
