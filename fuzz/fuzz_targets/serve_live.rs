//! Fuzzer of [`s2f_fuzz::serve_live`].
#![no_main]

use s2f_fuzz::{quiet_panics, serve_live};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| serve_live(bytes));
