//! Files that are not audio, and recordings outside the limits: each has its own message.

use std::path::Path;

use s2f_audio::{Limits, Problem, decode, read};
use s2f_testing::project;

use crate::support::{ffmpeg, scratch};

/// A 16-bit mono WAV file with these samples.
fn wav(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate_hz.to_le_bytes());
    file.extend((2 * rate_hz).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    file
}

/// Noise at full scale.
fn noise(samples: usize) -> Vec<i16> {
    (0..samples as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect()
}

fn problem(bytes: Vec<u8>, limits: &Limits) -> Problem {
    decode(bytes, "x", limits).unwrap_err().problem
}

#[test]
fn formats_are_recognised_by_content() {
    let limits = Limits::default();
    for (bytes, message) in [
        (&b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"[..], "not an audio file (it is a JPEG picture)"),
        (b"#!AMR\n\x3c\x00", "the format is AMR, which only ffmpeg can read"),
        (
            b"\x00\x00\x01\xba\x21\x00",
            "the format is an MPEG program stream (.mpg), which only ffmpeg can read",
        ),
        (&[0; 5000], "not an audio file (its format is unknown)"),
        (&[7; 3], "not an audio file (its format is unknown)"),
    ] {
        let found = problem(bytes.to_vec(), &limits).to_string();
        assert_eq!(found, message);
    }
    // A WAV file is read under any name.
    let voice = decode(wav(16_000, &noise(20_000)), "holiday.jpg", &limits).unwrap();
    assert_eq!(voice.samples().len(), 20_000);
}

#[test]
fn recordings_beyond_the_limits_are_refused() {
    let limits = Limits { max_bytes: 50_000, max_seconds: 1.5 };
    assert_eq!(
        problem(wav(16_000, &noise(30_000)), &limits),
        Problem::TooBig { max_bytes: 50_000 }
    );
    assert_eq!(problem(wav(8_000, &noise(20_000)), &limits), Problem::TooLong { max_s: 1.5 });
    assert!(decode(wav(16_000, &noise(24_000)), "x", &limits).is_ok());
    let folder = scratch("broken");
    let path = folder.join("big.wav");
    std::fs::write(&path, wav(16_000, &noise(30_000))).unwrap();
    assert_eq!(read(&path, &limits).unwrap_err().problem, Problem::TooBig { max_bytes: 50_000 });
}

#[test]
fn empty_short_and_silent_recordings_are_refused() {
    let limits = Limits::default();
    assert_eq!(problem(vec![], &limits), Problem::EmptyFile);
    assert_eq!(problem(wav(16_000, &[]), &limits), Problem::NoSamples);
    assert_eq!(
        problem(wav(16_000, &noise(15_999)), &limits),
        Problem::TooShort { seconds: 15_999.0 / 16_000.0 }
    );
    // Digital silence, a constant, and dither of one step are silent; four steps are not.
    let square =
        |steps: i16| (0..16_000).map(|n| if n % 80 < 40 { steps } else { -steps }).collect();
    for silent in [vec![0; 16_000], vec![9_000; 16_000], square(1)] {
        assert!(matches!(problem(wav(16_000, &silent), &limits), Problem::Silent { .. }));
    }
    let quiet: Vec<i16> = square(4);
    assert!(decode(wav(16_000, &quiet), "x", &limits).is_ok());
    assert_eq!(problem(wav(0, &noise(16_000)), &limits), Problem::BadRate(0));
}

#[test]
fn a_missing_file_and_a_folder() {
    for path in ["nowhere/voice.wav", env!("CARGO_MANIFEST_DIR")] {
        let error = read(Path::new(path), &Limits::default()).unwrap_err();
        assert!(matches!(error.problem, Problem::Io(_)), "{error}");
        assert!(
            error.to_string().starts_with(&format!("{path}: could not read the file (")),
            "{error}"
        );
    }
}

#[test]
fn unsupported_codecs_are_named() {
    let folder = scratch("broken");
    let example = project("examples/voices/low.flac");
    for (name, arguments, message) in [
        (
            "ac3.mp4",
            &["-ar", "48000", "-c:a", "ac3"][..],
            "the sound is AC-3, which only ffmpeg can decode",
        ),
        (
            "silent.mp4",
            &[
                "-an",
                "-f",
                "lavfi",
                "-i",
                "testsrc=size=64x64:rate=5:d=1",
                "-map",
                "1:v",
                "-c:v",
                "mpeg4",
            ],
            "the file has no sound track",
        ),
    ] {
        let file = folder.join(name);
        let make =
            [&["-i", example.to_str().unwrap()], arguments, &[file.to_str().unwrap()]].concat();
        if ffmpeg(&make).is_none() {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(problem(bytes, &Limits::default()).to_string(), message);
    }
}
