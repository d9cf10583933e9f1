//! Inputs that people really have: files of the kinds that were once read wrongly or refused.

use s2f_audio::{DecodedBy, Problem, ReadOptions, Recording, Remark};
use s2f_testing::{data, missing, signal_to_noise_db};

use crate::support::{by_ffmpeg, lag};

/// What is right for a file.
enum Right {
    /// The samples of ffmpeg for these input options, up to this noise in dB.
    AsFfmpeg(&'static [&'static str], f64),
    /// So many seconds of the file `reference_voice.wav`, up to this noise in dB: the file holds it
    /// without loss, or with little.
    Voice(f64, f64),
    /// So many seconds; what they hold is tested with inputs of the same kind.
    Long(f64),
    /// A refusal with this message.
    Refused(&'static str),
}

use Right::{AsFfmpeg, Long, Refused, Voice};

/// The file, what is right, and by whom it has to be decoded.
const SOUNDS: [(&str, Right, &str); 32] = [
    // 1.3 and 3.6 s: ffmpeg decodes the frame between them that describes the second stream.
    ("concatenated.mp3", Long(4.9), "built-in"),
    ("chained.opus", AsFfmpeg(&["-c:a", "libopus"], 70.0), "built-in"),
    // What they hold is tested with the same and other edits in `edits.rs`.
    ("two_edits.m4a", Long(4.6), "built-in"),
    ("two_edits_short_first.m4a", Long(3.9), "built-in"),
    ("antiphase.m4a", Voice(3.6, 12.0), "built-in"),
    ("antiphase.flac", Voice(3.0, 60.0), "built-in"),
    ("xing_says_0_frames.mp3", Voice(3.6, 12.0), "built-in"),
    ("hevc_x265.mp4", AsFfmpeg(&[], 60.0), "built-in"),
    ("wav_data_size_0.wav", Voice(3.6, 120.0), "built-in"),
    ("wav_all_sizes_0.wav", Voice(3.6, 120.0), "built-in"),
    ("wav_riff_8_too_small.wav", Voice(3.6, 120.0), "built-in"),
    ("second_track_is_default.mp4", Voice(3.6, 12.0), "built-in"),
    ("ac3_then_aac.mkv", AsFfmpeg(&[], 60.0), "ffmpeg"),
    ("broken_off_faststart.m4a", Voice(2.55, 12.0), "built-in"),
    ("broken_off.webm", AsFfmpeg(&["-c:a", "libopus"], 60.0), "built-in"),
    ("caf_size_unknown.caf", Voice(3.6, 120.0), "built-in"),
    ("rf64.wav", Voice(3.6, 120.0), "built-in"),
    ("wave64.w64", Voice(3.6, 120.0), "built-in"),
    ("he_aac_explicit.m4a", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("aac_5_1.m4a", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("alaw.mov", AsFfmpeg(&[], 100.0), "built-in"),
    ("alac.mov", AsFfmpeg(&[], 100.0), "built-in"),
    ("alaw.caf", AsFfmpeg(&[], 100.0), "built-in"),
    ("opus.caf", AsFfmpeg(&["-c:a", "libopus"], 60.0), "built-in"),
    ("stream.ts", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("voicemail_gsm.wav", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("mp3_in_wav.wav", AsFfmpeg(&[], 60.0), "built-in"),
    ("speex.ogg", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("layer2_mono_384k.mp2", AsFfmpeg(&[], 100.0), "ffmpeg"),
    ("tone.flac", AsFfmpeg(&[], 100.0), "built-in"),
    ("reference_voice.wav", Voice(3.6, 120.0), "built-in"),
    ("never_finished_no_moov.m4a", Refused("the recording was never finished"), ""),
];

#[test]
fn every_sound_of_the_table_is_read_or_refused_as_is_right() {
    let Some(folder) = data("data/faults") else { return };
    let voice = s2f_audio::read(&folder.join("reference_voice.wav"), &Default::default()).unwrap();
    let has_ffmpeg = s2f_testing::ffmpeg().is_some();
    for (name, right, decoder) in SOUNDS {
        let path = folder.join(name);
        let found = Recording::open(&path, &ReadOptions::default());
        if decoder == "ffmpeg" && !has_ffmpeg {
            missing("ffmpeg is not installed");
            continue;
        }
        let found = match (found, &right) {
            (Err(error), Refused(message)) => {
                assert!(error.to_string().contains(message), "{error}");
                continue;
            }
            (found, _) => found.unwrap(),
        };
        assert!(found.decoder.to_string().starts_with(decoder), "{name}: {}", found.decoder);
        let (expected, least_db) = match right {
            AsFfmpeg(options, least_db) => match by_ffmpeg(&path, options) {
                Some(expected) => (expected.unwrap(), least_db),
                None => continue,
            },
            Voice(seconds, least_db) => {
                let samples = (seconds * 16_000.0) as usize;
                (voice.excerpt(0..samples, samples), least_db)
            }
            Long(seconds) => {
                assert!((found.seconds - seconds).abs() < 1e-3, "{name}: {} s", found.seconds);
                continue;
            }
            Refused(message) => panic!("{name} is not refused: {message}"),
        };
        let longer_s = found.seconds - expected.seconds();
        let snr = best_signal_to_noise_db(expected.samples(), found.voice.samples());
        eprintln!(
            "{name}: {longer_s:+.3} s, {snr:.1} dB, lag {}",
            lag(expected.samples(), found.voice.samples())
        );
        // Some containers declare padding at the end in ways that only ffmpeg applies.
        assert!(longer_s.abs() < 0.11, "{name}: longer by {longer_s} s");
        assert!(snr > least_db, "{name}: {snr:.1} dB");
    }
}

/// The ratio for samples that may have the opposite sign, which nobody hears.
fn best_signal_to_noise_db(expected: &[f32], found: &[f32]) -> f64 {
    let opposite: Vec<f32> = found.iter().map(|sample| -sample).collect();
    signal_to_noise_db(expected, found).max(signal_to_noise_db(expected, &opposite))
}

#[test]
fn a_recording_says_what_is_unusual_about_it() {
    let Some(folder) = data("data/faults") else { return };
    let remarks =
        |name: &str| Recording::open(&folder.join(name), &ReadOptions::default()).unwrap().remarks;
    assert_eq!(remarks("reference_voice.wav"), []);
    assert_eq!(remarks("wav_data_size_0.wav"), []);
    for name in ["antiphase.m4a", "antiphase.flac"] {
        assert!(matches!(remarks(name)[..], [Remark::OneChannel { .. }]), "{name}");
    }
    let early = remarks("broken_off_faststart.m4a");
    let [Remark::EndsEarly { found_s, declared_s }] = early[..] else { panic!("{early:?}") };
    assert!((found_s - 2.55).abs() < 0.02 && (declared_s - 3.6).abs() < 0.03, "{early:?}");
}

#[test]
fn a_track_can_be_chosen() {
    let Some(folder) = data("data/faults") else { return };
    let read = |name: &str, track| {
        let options = ReadOptions { track: Some(track), ..ReadOptions::default() };
        Recording::open(&folder.join(name), &options).map_err(|error| error.problem)
    };
    // The first track is silent.
    let silent = read("second_track_is_default.mp4", 1);
    assert!(matches!(silent, Err(Problem::Silent { .. })), "{silent:?}");
    assert!(read("second_track_is_default.mp4", 2).is_ok());
    let none = |asked, found| Err(Problem::NoSuchTrack { asked, found });
    assert_eq!(read("second_track_is_default.mp4", 3), none(3, 2));
    assert_eq!(read("rf64.wav", 2), none(2, 1));
    assert_eq!(read("ac3_then_aac.mkv", 2).unwrap().decoder, DecodedBy::BuiltIn);
    if s2f_testing::ffmpeg().is_some() {
        assert!(matches!(read("ac3_then_aac.mkv", 1).unwrap().decoder, DecodedBy::Ffmpeg(_)));
    }
}
