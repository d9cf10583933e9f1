//! Malicious bytes: decoding returns, and reserves no memory because of a header's claim.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use s2f_audio::{Limits, decode};
use s2f_testing::{data, project};

use crate::support::{ffmpeg, scratch};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_seconds: 20.0 };

/// The peak address space of the process, MiB; `None` without `/proc`.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

/// Short recordings in many containers.
fn seeds() -> Vec<Vec<u8>> {
    let example = project("examples/voices/low.flac");
    let mut seeds = vec![std::fs::read(&example).unwrap()];
    let folder = scratch("hostile");
    for (name, codec) in [
        ("a.wav", "pcm_s16le"),
        ("b.wav", "adpcm_ms"),
        ("c.aiff", "pcm_s16be"),
        ("d.mp3", "libmp3lame"),
        ("e.m4a", "aac"),
        ("f.m4a", "alac"),
        ("g.ogg", "libvorbis"),
        ("h.ogg", "libopus"),
        ("i.webm", "libopus"),
        ("j.caf", "pcm_s16be"),
        ("k.aac", "aac"),
        ("l.mp4", "libopus"),
    ] {
        let file = folder.join(name);
        let path = file.to_str().unwrap();
        if ffmpeg(&["-i", example.to_str().unwrap(), "-t", "1.2", "-c:a", codec, path]).is_some() {
            seeds.push(std::fs::read(&file).unwrap());
        }
    }
    seeds
}

/// The index of a seed, changed bytes (position as a share of the length, value), and the share
/// that is kept.
fn mutations() -> impl Strategy<Value = (usize, Vec<(f64, u8)>, f64)> {
    // Most positions are near the start, where the headers are.
    let position = (0.0..1.0f64).prop_map(|x| x * x * x * x);
    let value = prop_oneof![Just(0u8), Just(0xff), Just(0x7f), Just(0x80), any::<u8>()];
    let cut = prop_oneof![3 => Just(1.0), 1 => 0.0..1.0f64];
    (any::<usize>(), prop::collection::vec((position, value), 1..12), cut)
}

#[test]
fn decoding_any_bytes_returns() {
    let before = peak_mib();
    let seeds = seeds();
    // The same cases every time, so that failures are reproducible.
    let config =
        ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner
        .run(&mutations(), |(seed, changes, cut)| {
            let mut bytes = seeds[seed % seeds.len()].clone();
            for (position, value) in changes {
                let at = (position * bytes.len() as f64) as usize;
                bytes[at] = value;
            }
            bytes.truncate((cut * bytes.len() as f64) as usize);
            if let Ok(voice) = decode(bytes, "mutated", &LIMITS) {
                prop_assert!(voice.samples().iter().all(|s| s.is_finite()));
                prop_assert!((1.0..=LIMITS.max_seconds + 0.1).contains(&voice.seconds()));
            }
            Ok(())
        })
        .unwrap();
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..4000), |bytes| {
            let _ = decode(bytes, "random", &LIMITS);
            Ok(())
        })
        .unwrap();
    if let (Some(before), Some(after)) = (before, peak_mib()) {
        // Other tests run at the same time; headers can claim 4 GiB and more.
        assert!(after - before < 1500, "{before} MiB before, {after} MiB at most");
    }
}

#[test]
fn a_size_in_a_header_reserves_no_memory() {
    let Some(zoo) = data("data/audio_zoo") else { return };
    let Some(before) = peak_mib() else { return };
    let bytes = std::fs::read(zoo.join("claims_4gb.wav")).unwrap();
    assert!(decode(bytes, "claims_4gb.wav", &Limits::default()).is_ok());
    let after = peak_mib().unwrap();
    assert!(after - before < 1500, "{before} MiB before, {after} MiB after");
}
