//! Fuzzer of [`s2f_fuzz::sound`].
#![no_main]

use s2f_fuzz::{quiet_panics, sound};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| sound(bytes));
