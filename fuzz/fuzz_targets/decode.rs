//! Feeds arbitrary bytes to the decoders: `cargo +nightly fuzz run decode` in the repository's
//! root.
//!
//! First copy recordings of every format to `fuzz/corpus/decode` as seeds. The library catches
//! panics of a decoder, but libFuzzer's hook still reports them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use s2f_audio::{Limits, decode, spectrogram};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 1 << 20, max_seconds: 30.0 };
    if let Ok(voice) = decode(bytes.to_vec(), "fuzz", &limits) {
        assert!(voice.samples().iter().all(|sample| sample.is_finite()));
        assert!((1.0..=31.0).contains(&voice.seconds()));
        assert!(spectrogram(&voice.first_clip()).data().iter().all(|value| value.is_finite()));
    }
});
