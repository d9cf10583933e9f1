//! Fuzzer of [`s2f_fuzz::pytorch`].
#![no_main]

use s2f_fuzz::{pytorch, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| pytorch(bytes));
