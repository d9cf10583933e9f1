//! More formats, encoded by ffmpeg during the test.

use s2f_audio::{DecodedBy, ReadOptions, Recording, Waveform};
use s2f_testing::{project, signal_to_noise_db};

use crate::support::{ffmpeg, floats, lag, scratch};

/// The file's name, ffmpeg's arguments to encode the example recording, and the minimum
/// signal-to-noise ratio in dB of our decoding against ffmpeg's. Eight bit, A-law and ADPCM are
/// coarse, but equally so for both.
const CASES: [(&str, &str, f64); 25] = [
    ("u8.wav", "-c:a pcm_u8", 100.0),
    ("s24.wav", "-c:a pcm_s24le", 100.0),
    ("s32.wav", "-c:a pcm_s32le", 100.0),
    ("f32.wav", "-c:a pcm_f32le", 100.0),
    ("f64.wav", "-c:a pcm_f64le", 100.0),
    ("alaw.wav", "-ar 8000 -c:a pcm_alaw", 100.0),
    ("mulaw_stereo.wav", "-ar 8000 -ac 2 -c:a pcm_mulaw", 100.0),
    ("ima.wav", "-ar 22050 -c:a adpcm_ima_wav", 100.0),
    ("ms.wav", "-ar 22050 -c:a adpcm_ms", 60.0),
    ("odd_rate.wav", "-ar 11127 -c:a pcm_s16le", 100.0),
    ("high_rate.wav", "-ar 192000 -c:a pcm_s32le", 100.0),
    ("five_one.flac", "-ac 6 -ar 48000 -c:a flac", 100.0),
    ("s24.aiff", "-c:a pcm_s24be", 100.0),
    ("float.aif", "-c:a pcm_f32be -f aiff", 100.0),
    ("alac.m4a", "-ar 44100 -c:a alac", 100.0),
    ("alac.caf", "-ar 44100 -c:a alac", 100.0),
    ("flac.ogg", "-c:a flac", 100.0),
    ("flac.mka", "-c:a flac", 100.0),
    ("aac_stereo.mp4", "-ar 48000 -ac 2 -c:a aac", 75.0),
    ("aac.aac", "-ar 44100 -c:a aac", 75.0),
    ("fragmented.mp4", "-c:a aac -movflags frag_keyframe+empty_moov", 75.0),
    ("low_rate.mp3", "-ar 22050 -c:a libmp3lame -b:a 32k", 70.0),
    ("layer2.mp2", "-ar 44100 -ac 2 -c:a mp2", 70.0),
    ("opus.mp4", "-ar 48000 -c:a libopus -b:a 24k", 75.0),
    ("vorbis.webm", "-c:a libvorbis", 90.0),
];

#[test]
fn files_of_ffmpeg_are_decoded_as_ffmpeg_decodes_them() {
    let folder = scratch("formats");
    let example = project("examples/voices/high.flac");
    for (name, arguments, at_least_db) in CASES {
        let file = folder.join(name);
        check(name, &example, &file, arguments, at_least_db);
    }
}

#[test]
fn the_audio_track_of_a_video_is_decoded() {
    let folder = scratch("formats");
    let example = project("examples/voices/high.flac");
    let picture = "-f lavfi -i testsrc=size=64x64:rate=5 -map 0:a -map 1:v -shortest -c:v mpeg4";
    for (name, codec) in [("video.mp4", "-c:a aac"), ("video.mkv", "-c:a libopus")] {
        let file = folder.join(name);
        check(name, &example, &file, &format!("{picture} {codec}"), 70.0);
    }
}

/// Encodes `file`, decodes it, and compares the result with ffmpeg's decoding.
fn check(
    name: &str,
    example: &std::path::Path,
    file: &std::path::Path,
    arguments: &str,
    at_least_db: f64,
) {
    let (example, path) = (example.to_str().unwrap(), file.to_str().unwrap());
    let mut make = vec!["-i", example];
    make.extend(arguments.split(' '));
    make.push(path);
    if ffmpeg(&make).is_none() {
        return;
    }
    let found = Recording::open(file, &ReadOptions::default()).unwrap();
    assert_eq!((found.decoder, found.remarks), (DecodedBy::BuiltIn, vec![]), "{name}");
    let voice = found.voice;
    let opus = name.contains("opus") || name == "video.mkv";
    let mut decode = if opus { vec!["-c:a", "libopus"] } else { vec![] };
    // ffmpeg downmixes 5.1 with other weights, so the channels are compared before mixing.
    let rate_hz: u32 = arguments
        .split_once("-ar ")
        .map_or(16_000, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
    let rate_hz = if opus { 48_000 } else { rate_hz };
    let channels = arguments
        .split_once("-ac ")
        .map_or(1, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
    decode.extend(["-i", path, "-map", "0:a", "-f", "f32le", "-"]);
    let Some(decoded) = ffmpeg(&decode) else { return };
    let reference = Waveform::from_interleaved(&floats(&decoded), channels, rate_hz).unwrap();
    assert_eq!(lag(reference.samples(), voice.samples()), 0, "{name}: shifted");
    let snr = signal_to_noise_db(reference.samples(), voice.samples());
    assert!(snr > at_least_db, "{name}: {snr:.1} dB");
    let longer_s = (voice.seconds() - reference.seconds()).abs();
    // Some containers declare padding at the end in ways that only ffmpeg applies.
    assert!(longer_s < 0.065, "{name}: {longer_s} s");
}
