//! Fuzzer of [`s2f_fuzz::splits`].
#![no_main]

use s2f_fuzz::{quiet_panics, splits};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| splits(bytes));
