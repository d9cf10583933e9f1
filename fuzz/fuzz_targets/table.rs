//! Fuzzer of [`s2f_fuzz::table`].
#![no_main]

use s2f_fuzz::{quiet_panics, table};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| table(bytes));
