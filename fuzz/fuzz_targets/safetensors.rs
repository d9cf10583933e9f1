//! Fuzzer of [`s2f_fuzz::safetensors`].
#![no_main]

use s2f_fuzz::{quiet_panics, safetensors};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| safetensors(bytes));
