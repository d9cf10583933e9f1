//! Fuzzer of [`s2f_fuzz::configuration`].
#![no_main]

use s2f_fuzz::{configuration, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| configuration(bytes));
