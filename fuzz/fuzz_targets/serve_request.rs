//! Fuzzer of [`s2f_fuzz::serve_request`].
#![no_main]

use s2f_fuzz::{quiet_panics, serve_request};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| serve_request(bytes));
