//! Mutated recordings, videos and pictures in one process: nothing panics, hangs or grows.
//!
//! `S2F_SOAK` is the number of mutations of each file; one in fifty of them is also read as a clip
//! of a corpus, with ffmpeg.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use s2f_audio::{Limits, SpeechDetector, decode};
use s2f_corpus::media::{Ffmpeg, FrameOptions, sound, sound_and_frames};
use s2f_corpus::plan::Media;
use s2f_testing::data;

/// Without the environment variable.
const MUTATIONS: u32 = 20;
/// Every one of so many mutations is also read with ffmpeg.
const BY_FFMPEG: u32 = 50;
const MAX_TIME: Duration = Duration::from_secs(10);
/// Growth of the memory in use after the first tenth, MiB.
const MAX_GROWTH_MIB: u64 = 48;
const LIMITS: Limits = Limits { max_bytes: 16 << 20, max_seconds: 60.0 };

/// Memory in use, MiB; `None` without `/proc`.
fn resident_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Some bytes changed, most of them near the start, where the headers are; parts cut out, repeated
/// or cut off.
fn mutated(bytes: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..random.random_range(1..12) {
        if out.is_empty() {
            break;
        }
        let share: f64 = random.random();
        let at = ((share * share * share * share) * out.len() as f64) as usize;
        match random.random_range(0..10) {
            0..=6 => out[at] = [0, 0xff, 0x7f, 0x80, random.random()][random.random_range(0..5)],
            7 => out.truncate((random.random::<f64>() * out.len() as f64) as usize),
            8 => drop(out.drain(at..(at + random.random_range(1..200)).min(out.len()))),
            _ => {
                let part = out[at..(at + random.random_range(1..200)).min(out.len())].to_vec();
                let to = random.random_range(0..=out.len());
                out.splice(to..to, part);
            }
        }
    }
    out
}

#[test]
fn mutations_neither_panic_nor_hang_nor_grow() {
    let (Some(faults), Some(zoo)) = (data("data/faults"), data("data/audio_zoo")) else { return };
    let count = std::env::var("S2F_SOAK").ok().map_or(MUTATIONS, |count| count.parse().unwrap());
    let detector = SpeechDetector::shipped().unwrap();
    let ffmpeg = Ffmpeg::find().ok();
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(14);
    let files = [files(&faults), files(&zoo)].concat();
    let (mut read, mut slowest, mut early) = (0_u32, Duration::ZERO, None);
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(file).unwrap();
        for mutation in 0..count {
            let changed = mutated(&bytes, &mut random);
            let start = Instant::now();
            if let Ok(voice) = decode(changed.clone(), "mutated", &LIMITS) {
                read += 1;
                assert!(detector.speech(&voice).unwrap().seconds <= voice.seconds());
            }
            let _ = s2f_face::decode_picture(&changed);
            if let (0, Some(ffmpeg)) = (mutation % BY_FFMPEG, &ffmpeg) {
                let path = folder.path().join("clip");
                fs::write(&path, &changed).unwrap();
                let media = Media { file: path, start_s: 0.0, end_s: None };
                let options = FrameOptions { max_s: 10.0, frames_per_s: 2.0, longest_side_px: 640 };
                let _ = sound(ffmpeg, &media, 10.0);
                let _ = sound_and_frames(ffmpeg, &media, &options, |_| ControlFlow::Continue(()));
            }
            slowest = slowest.max(start.elapsed());
            assert!(slowest < MAX_TIME, "{}, mutation {mutation}: {slowest:?}", file.display());
        }
        if number == files.len() / 10 {
            early = resident_mib();
        }
    }
    let late = resident_mib();
    eprintln!(
        "{} files, {count} mutations of each, {read} still read, slowest {slowest:?}, {early:?} to \
         {late:?} MiB",
        files.len()
    );
    if let (Some(early), Some(late)) = (early, late) {
        assert!(late < early + MAX_GROWTH_MIB, "{early} to {late} MiB");
    }
}
