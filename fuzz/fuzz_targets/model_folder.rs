#![no_main]

libfuzzer_sys::fuzz_target!(init: s2f_fuzz::quiet_panics(), |bytes: &[u8]| s2f_fuzz::model_folder(bytes));
