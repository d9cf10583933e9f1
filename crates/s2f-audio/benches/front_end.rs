//! Time from a file's bytes to the input of the networks: `cargo bench -p s2f-audio`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark is not an API")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use s2f_audio::{Limits, Waveform, decode, formants, pitch, resample, shift_pitch, spectrogram};

fn front_end(c: &mut Criterion) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/voices/high.flac");
    let bytes = std::fs::read(file).unwrap();
    let voice = decode(bytes.clone(), "high.flac", &Limits::default()).unwrap();
    let clip = voice.first_clip();
    assert_eq!(clip.samples().len(), Waveform::CLIP_SAMPLES);
    c.bench_function("decode 7 s of FLAC", |b| {
        b.iter(|| decode(black_box(bytes.clone()), "high.flac", &Limits::default()));
    });
    c.bench_function("resample 6 s from 48 kHz", |b| {
        let input = resample(clip.samples(), 16_000, 48_000).unwrap();
        b.iter(|| resample(black_box(&input), 48_000, 16_000));
    });
    c.bench_function("spectrogram of 6 s", |b| b.iter(|| spectrogram(black_box(&clip))));
    c.bench_function("pitch of 6 s", |b| b.iter(|| pitch(black_box(&clip))));
    c.bench_function("formants of 6 s", |b| b.iter(|| formants(black_box(&clip))));
    c.bench_function("pitch shift of 6 s", |b| b.iter(|| shift_pitch(black_box(&clip), 1.2)));
}

criterion_group!(benches, front_end);
criterion_main!(benches);
