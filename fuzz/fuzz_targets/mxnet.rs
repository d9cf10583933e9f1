//! Fuzzer of [`s2f_fuzz::mxnet`].
#![no_main]

use s2f_fuzz::{mxnet, quiet_panics};

libfuzzer_sys::fuzz_target!(init: quiet_panics(), |bytes: &[u8]| mxnet(bytes));
