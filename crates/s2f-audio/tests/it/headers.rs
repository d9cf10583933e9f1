//! Headers that are wrong, recordings that end early, and channels that cancel each other.

use s2f_audio::{DecodedBy, FfmpegUse, ReadOptions, Recording, Remark, decode};
use s2f_testing::signal_to_noise_db;

use crate::support::{encoded, scratch};

const ANY: ReadOptions = ReadOptions {
    limits: s2f_audio::Limits { max_bytes: 1 << 30, max_seconds: 7200.0 },
    track: None,
    keep_s: None,
    ffmpeg: FfmpegUse::Allowed,
};

#[test]
fn counts_of_frames_that_are_wrong_are_not_believed() {
    let folder = scratch("headers");
    for (name, arguments) in
        [("vbr.mp3", "-c:a libmp3lame -q:a 5"), ("cbr.mp3", "-ar 44100 -c:a libmp3lame -b:a 96k")]
    {
        let Some(path) = encoded(&folder, name, arguments) else { return };
        let bytes = std::fs::read(path).unwrap();
        let right = decode(bytes.clone(), name, &ANY.limits).unwrap();
        let tag = bytes.windows(4).position(|tag| tag == b"Xing" || tag == b"Info").unwrap();
        for frames in [0_u32, 1, 50] {
            let mut wrong = bytes.clone();
            wrong[tag + 8..tag + 12].copy_from_slice(&frames.to_be_bytes());
            let found = decode(wrong, name, &ANY.limits).unwrap();
            let (found, right) = (found.samples(), right.samples());
            // The padding, which the count would tell, is kept.
            let longer = found.len() as i64 - right.len() as i64;
            assert!((0..2400).contains(&longer), "{name}, {frames}: {longer}");
            assert!(signal_to_noise_db(right, found) > 100.0, "{name}, {frames}");
        }
        // More than there are: said, as in a file that ends early.
        let mut wrong = bytes.clone();
        wrong[tag + 8..tag + 12].copy_from_slice(&100_000_u32.to_be_bytes());
        let path = folder.join("too_many.mp3");
        std::fs::write(&path, wrong).unwrap();
        let remarks = Recording::open(&path, &ANY).unwrap().remarks;
        assert!(matches!(remarks[..], [Remark::EndsEarly { .. }]), "{remarks:?}");
    }
}

#[test]
fn a_recording_that_ends_early_gives_what_is_there_and_says_so() {
    let folder = scratch("headers");
    for (name, arguments, says) in [
        ("a.flac", "-c:a flac", true),
        ("a.wav", "-c:a pcm_s16le", true),
        ("a.w64", "-c:a pcm_s16le", true),
        ("a.aiff", "-c:a pcm_s16be", true),
        ("a.caf", "-c:a pcm_s16be", true),
        ("a.au", "-c:a pcm_s16be", true),
        ("a.mp3", "-c:a libmp3lame", true),
        ("a.m4a", "-ar 44100 -c:a aac -movflags +faststart", true),
        ("a.mov", "-ar 44100 -c:a pcm_s16be -movflags +faststart", true),
        ("a.webm", "-c:a libopus", false),
        ("a.mka", "-c:a flac", false),
        ("a.opus", "-c:a libopus", false),
        ("fragmented.mp4", "-c:a aac -movflags frag_keyframe+empty_moov+default_base_moof", true),
    ] {
        let Some(path) = encoded(&folder, name, arguments) else { continue };
        let whole = Recording::open(&path, &ANY).unwrap();
        assert_eq!((&whole.decoder, &whole.remarks[..]), (&DecodedBy::BuiltIn, &[][..]), "{name}");
        let bytes = std::fs::read(&path).unwrap();
        for share in [30, 60, 90] {
            let cut = folder.join(format!("cut_{name}"));
            std::fs::write(&cut, &bytes[..bytes.len() * share / 100]).unwrap();
            let found = Recording::open(&cut, &ANY).unwrap();
            let expected_s = whole.seconds * share as f64 / 100.0;
            // Bytes are not spread evenly over time.
            assert!((found.seconds / expected_s - 1.0).abs() < 0.25, "{name}: {}", found.seconds);
            assert_eq!(found.decoder, DecodedBy::BuiltIn, "{name} {share}");
            let said = found.remarks.iter().any(|it| matches!(it, Remark::EndsEarly { .. }));
            assert_eq!(said, says, "{name} {share}: {:?}", found.remarks);
            let same = found.voice.samples().len().min(whole.voice.samples().len()) - 2000;
            let snr =
                signal_to_noise_db(&whole.voice.samples()[..same], &found.voice.samples()[..same]);
            assert!(snr > 60.0, "{name} {share}: {snr:.1} dB");
        }
    }
}

#[test]
fn one_channel_is_used_where_channels_cancel() {
    let folder = scratch("headers");
    let Some(mono) = encoded(&folder, "mono.wav", "-ar 48000 -c:a pcm_s16le") else { return };
    let expected = s2f_audio::read(&mono, &ANY.limits).unwrap();
    for (name, arguments) in [
        ("a.wav", "-ar 48000 -af pan=stereo|c0=c0|c1=-1*c0 -c:a pcm_s16le"),
        ("a.mp3", "-ar 48000 -af pan=stereo|c0=c0|c1=-1*c0 -c:a libmp3lame -b:a 192k"),
        ("b.flac", "-ar 48000 -af pan=stereo|c0=-0.97*c0|c1=c0 -c:a flac"),
        ("a.opus", "-ar 48000 -af pan=stereo|c0=c0|c1=-1*c0 -c:a libopus -b:a 160k"),
        ("four.wav", "-ar 48000 -af pan=4.0|c0=c0|c1=-1*c0|c2=0.5*c0|c3=-0.5*c0 -c:a pcm_s16le"),
    ] {
        let Some(path) = encoded(&folder, name, arguments) else { continue };
        let found = Recording::open(&path, &ANY).unwrap();
        assert!(matches!(found.remarks[..], [Remark::OneChannel { .. }]), "{:?}", found.remarks);
        let opposite: Vec<f32> = expected.samples().iter().map(|sample| -sample).collect();
        let snr = signal_to_noise_db(expected.samples(), found.voice.samples())
            .max(signal_to_noise_db(&opposite, found.voice.samples()));
        // Lossy codecs.
        let least_db = if name.ends_with("3") || name.ends_with("opus") { 10.0 } else { 80.0 };
        assert!(snr > least_db, "{name}: {snr:.1} dB");
    }
}

#[test]
fn the_beginning_of_a_recorder_that_was_stopped_is_explained() {
    let folder = scratch("headers");
    let Some(path) = encoded(&folder, "unfinished.mov", "-c:a aac") else { return };
    let bytes = std::fs::read(path).unwrap();
    let index = bytes.windows(4).position(|kind| kind == b"moov").unwrap() - 4;
    for end in [index, index / 2] {
        let error = decode(bytes[..end].to_vec(), "x", &ANY.limits).unwrap_err().to_string();
        assert!(error.contains("never finished") && error.contains("; hint: "), "{error}");
    }
}
