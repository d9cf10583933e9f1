//! One utterance in many formats: decoding agrees with ffmpeg.

use s2f_audio::{Limits, Waveform, read, spectrogram};
use s2f_testing::{data, signal_to_noise_db};

use crate::support::{ffmpeg, floats, lag};

/// A file, its sampling rate and channels, ffmpeg's input options, and the minimum signal-to-noise
/// ratio in dB of our decoding against ffmpeg's.
///
/// PCM and FLAC are exact except for the rounding of a product of two floats. The decoders of MP3,
/// AAC and Vorbis round differently from ffmpeg's by about one part in 2^15 to 2^20, and that of
/// Opus works with 16 bit. ffmpeg's own Opus decoder differs from libopus by far more, so libopus
/// is the reference.
const CASES: [(&str, u32, usize, &[&str], f64); 15] = [
    ("s16_16k.wav", 16_000, 1, &[], 140.0),
    ("f32_48k_stereo.wav", 48_000, 2, &[], 130.0),
    ("s24_44k1.wav", 44_100, 1, &[], 130.0),
    ("mulaw_8k.wav", 8_000, 1, &[], 130.0),
    ("s16_8k.wav", 8_000, 1, &[], 130.0),
    ("vbr_44k1_stereo.mp3", 44_100, 2, &[], 75.0),
    ("aac_44k1.m4a", 44_100, 1, &[], 75.0),
    ("vorbis_44k1.ogg", 44_100, 1, &[], 90.0),
    ("opus_48k.ogg", 48_000, 1, &["-c:a", "libopus"], 75.0),
    ("mediarecorder_opus.webm", 48_000, 1, &["-c:a", "libopus"], 75.0),
    ("flac_96k_s24.flac", 96_000, 1, &[], 130.0),
    ("aiff_44k1.aiff", 44_100, 1, &[], 130.0),
    ("eight_channels_16k.wav", 16_000, 8, &[], 130.0),
    ("truncated.mp3", 44_100, 2, &[], 70.0),
    ("claims_4gb.wav", 16_000, 1, &[], 140.0),
];

#[test]
fn every_format_agrees_with_ffmpeg() {
    let Some(zoo) = data("data/audio_zoo") else { return };
    for (name, rate_hz, channels, before, at_least_db) in CASES {
        let path = zoo.join(name);
        let voice = read(&path, &Limits::default()).unwrap();
        // The last frame of the truncated file is incomplete, and ffmpeg conceals the rest of it.
        let seconds = match name {
            "truncated.mp3" => 2.80,
            "claims_4gb.wav" => 2.0,
            _ => 6.165,
        };
        let tolerance_s = match name {
            "truncated.mp3" => 0.03,
            // The padding of its last packet is in a field that the demuxer does not pass on.
            "mediarecorder_opus.webm" => 0.0086,
            "vbr_44k1_stereo.mp3" => 0.0011,
            _ => 0.0001,
        };
        assert!((voice.seconds() - seconds).abs() < tolerance_s, "{name}: {} s", voice.seconds());

        // The decoder alone: ffmpeg's samples at the file's own rate, through our resampler.
        let path = path.to_str().unwrap();
        let decoded = [before, &["-i", path, "-f", "f32le", "-"]].concat();
        let Some(decoded) = ffmpeg(&decoded) else { continue };
        let decoded = Waveform::from_interleaved(&floats(&decoded), channels, rate_hz).unwrap();
        let snr = signal_to_noise_db(decoded.samples(), voice.samples());
        assert!(snr > at_least_db, "{name}: {snr:.1} dB against ffmpeg's decoder");

        // All steps: ffmpeg's mixing and resampling, too. Two low-pass filters differ near their
        // edges, where 8 kHz files have part of their signal.
        let mean = vec![format!("{}", 1.0 / channels as f64); channels];
        let mean: Vec<String> = mean.iter().enumerate().map(|(c, w)| format!("{w}*c{c}")).collect();
        let filter = format!(
            "pan=mono|c0={},aresample=16000:filter_size=128:phase_shift=14:cutoff=0.95:\
             exact_rational=1",
            mean.join("+")
        );
        let whole = [before, &["-i", path, "-af", &filter, "-f", "f32le", "-"]].concat();
        let Some(whole) = ffmpeg(&whole) else { continue };
        let whole = floats(&whole);
        assert_eq!(lag(&whole, voice.samples()), 0, "{name}: shifted");
        let snr = signal_to_noise_db(&whole, voice.samples());
        let at_least_db = if rate_hz == 8_000 { 30.0 } else { 50.0 };
        assert!(snr > at_least_db, "{name}: {snr:.1} dB against ffmpeg as a whole");
    }
}

#[test]
fn broken_files_are_reported_with_a_hint() {
    let Some(zoo) = data("data/audio_zoo") else { return };
    for (name, message) in [
        ("empty.wav", "the file is empty (0 bytes); hint: record it or download it again"),
        (
            "header_only.wav",
            "the file has a header but no samples; hint: the recording was probably stopped before \
             it began; record it again",
        ),
        (
            "not_audio.wav",
            "not an audio file (it is a text file); hint: use WAV, FLAC, MP3, M4A, Ogg, Opus, WebM \
             or AIFF; renaming a file does not convert it",
        ),
        (
            "silence.wav",
            "the recording is silent (all samples are equal); hint: check the microphone and the \
             chosen input, then record again",
        ),
        (
            "short_0s8.wav",
            "only 0.80 s of audio; at least 1 s is needed; hint: use a longer recording; 6 s or \
             more work best",
        ),
        (
            "nan.wav",
            "511 samples are NaN, infinite or far above full scale, the first at 1.000 s; hint: \
             export it again as 16 bit, or as float from -1 to 1",
        ),
    ] {
        let path = zoo.join(name);
        let error = read(&path, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
    }
}

#[test]
fn a_clip_has_the_papers_shape() {
    let Some(zoo) = data("data/audio_zoo") else { return };
    for (name, frames) in [("opus_48k.ogg", 598), ("truncated.mp3", 598)] {
        let voice = read(&zoo.join(name), &Limits::default()).unwrap();
        let input = spectrogram(&voice.first_clip());
        assert_eq!((input.frames(), input.data().len()), (frames, 2 * frames * 257));
        assert!(input.data().iter().all(|v| v.is_finite()));
    }
}
