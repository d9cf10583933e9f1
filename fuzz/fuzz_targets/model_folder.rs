//! Fuzzer of [`s2f_fuzz::model_folder`].
#![no_main]

use s2f_fuzz::{model_folder, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| model_folder(bytes));
