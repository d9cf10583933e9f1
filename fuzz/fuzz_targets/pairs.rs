//! Fuzzer of [`s2f_fuzz::pairs`].
#![no_main]

use s2f_fuzz::{pairs, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| pairs(bytes));
