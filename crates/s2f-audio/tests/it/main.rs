//! Tests from file to spectrogram: real files of many formats, broken files, reference values.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

mod broken;
mod browser_example;
mod edits;
mod faults;
mod formats;
mod headers;
mod hostile;
mod joined;
mod quicktime;
mod reference;
mod support;
mod voices;
mod zoo;
