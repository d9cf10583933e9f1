//! Fuzzer of [`s2f_fuzz::face_encoder`].
#![no_main]

use s2f_fuzz::{face_encoder, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| face_encoder(bytes));
