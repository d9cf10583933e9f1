//! Tests from file to spectrogram: real files of many formats, broken files, reference values.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

mod broken;
mod faults;
mod formats;
mod hostile;
mod reference;
mod support;
mod voices;
mod zoo;
