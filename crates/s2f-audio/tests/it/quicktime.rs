//! Uncompressed sound in QuickTime: every format of samples, in both byte orders.

use s2f_audio::{DecodedBy, ReadOptions, Recording};
use s2f_testing::signal_to_noise_db;

use crate::support::{by_ffmpeg, encoded, scratch};

/// The codecs of ffmpeg.
const CODECS: [&str; 16] = [
    "pcm_u8",
    "pcm_s8",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_s32be",
    "pcm_f32le",
    "pcm_f32be",
    "pcm_f64le",
    "pcm_f64be",
    "pcm_alaw",
    "pcm_mulaw",
    "alac",
    "libmp3lame",
];

#[test]
fn every_format_of_samples_is_read_as_ffmpeg_reads_it() {
    let folder = scratch("quicktime");
    for codec in CODECS {
        for (name, arguments) in [
            (format!("{codec}.mov"), "-ar 44100"),
            (format!("{codec}_stereo.mov"), "-ar 48000 -ac 2"),
        ] {
            let made = encoded(&folder, &name, &format!("{arguments} -c:a {codec}"));
            let Some(path) = made else { continue };
            check(&path, &name);
            // Without the box that says so, 24 and 32 bits are big-endian.
            let mut bytes = std::fs::read(&path).unwrap();
            let at = bytes.windows(4).position(|kind| kind == b"enda");
            // Floats in the wrong order are no sound, and what they become is chance.
            if let Some(at) = at.filter(|_| !matches!(codec, "pcm_f32le" | "pcm_f64le")) {
                bytes[at..at + 4].copy_from_slice(b"free");
                let other = folder.join(format!("no_enda_{name}"));
                std::fs::write(&other, bytes).unwrap();
                check(&other, &format!("{name} without enda"));
            }
        }
    }
}

/// Compares a file with what ffmpeg decodes.
fn check(path: &std::path::Path, name: &str) {
    let found = Recording::open(path, &ReadOptions::default());
    let expected = by_ffmpeg(path, &[]);
    let Some(Ok(expected)) = expected else { return };
    let found = found.unwrap();
    assert_eq!(found.decoder, DecodedBy::BuiltIn, "{name}");
    let snr = signal_to_noise_db(expected.samples(), found.voice.samples());
    // MP3 decoders round differently.
    let least_db = if name.contains("lame") { 60.0 } else { 80.0 };
    assert!(snr > least_db, "{name}: {snr:.1} dB");
    let longer = expected.samples().len().abs_diff(found.voice.samples().len());
    assert!(longer < 1200, "{name}: {longer}");
}
