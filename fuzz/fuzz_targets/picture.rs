//! Fuzzer of [`s2f_fuzz::picture`].
#![no_main]

use s2f_fuzz::{picture, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| picture(bytes));
