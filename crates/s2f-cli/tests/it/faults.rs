//! Recordings of the kinds that were once read wrongly or refused, as a user gives them to the
//! program: with ffmpeg, and where there is none.

use s2f_testing::data;

use crate::support::{Folder, Run, buzz, voice, wav};

/// The sounds, and what is said of those that are not decoded here where there is no ffmpeg.
const SOUNDS: [(&str, Option<&str>); 32] = [
    ("concatenated.mp3", None),
    ("chained.opus", None),
    ("two_edits.m4a", None),
    ("two_edits_short_first.m4a", None),
    ("antiphase.m4a", None),
    ("antiphase.flac", None),
    ("xing_says_0_frames.mp3", None),
    ("hevc_x265.mp4", None),
    ("wav_data_size_0.wav", None),
    ("wav_all_sizes_0.wav", None),
    ("wav_riff_8_too_small.wav", None),
    ("second_track_is_default.mp4", None),
    ("ac3_then_aac.mkv", None),
    ("broken_off_faststart.m4a", None),
    ("broken_off.webm", None),
    ("caf_size_unknown.caf", None),
    ("rf64.wav", None),
    ("wave64.w64", None),
    ("alaw.mov", None),
    ("alac.mov", None),
    ("alaw.caf", None),
    ("opus.caf", None),
    ("mp3_in_wav.wav", None),
    ("tone.flac", None),
    ("reference_voice.wav", None),
    ("he_aac_explicit.m4a", Some("HE-AAC")),
    ("aac_5_1.m4a", Some("AAC with 6 channels")),
    ("stream.ts", Some("MPEG transport stream")),
    ("voicemail_gsm.wav", Some("GSM 6.10")),
    ("speex.ogg", Some("Speex")),
    ("layer2_mono_384k.mp2", Some("MPEG audio, layer II")),
    ("never_finished_no_moov.m4a", Some("never finished")),
];

/// Runs the program, with an ffmpeg or without.
fn reconstruct(folder: &Folder, arguments: &[String], with_ffmpeg: bool) -> Run {
    let mut command = folder.command(arguments);
    if !with_ffmpeg {
        command.env("SPEECH2FACE_FFMPEG", folder.path("no-ffmpeg"));
    }
    Run::of(command.output().unwrap())
}

#[test]
fn each_sound_is_read_or_refused_by_the_name_of_its_codec() {
    let Some(faults) = data("data/faults") else { return };
    let folder = Folder::new();
    for with_ffmpeg in [true, false] {
        if with_ffmpeg && s2f_testing::ffmpeg().is_none() {
            continue;
        }
        let files = SOUNDS.iter().map(|(name, _)| faults.join(name).display().to_string());
        let options = ["reconstruct", "-o", "out", "--json", "-q"].map(String::from);
        let arguments: Vec<String> = options.into_iter().chain(files).collect();
        let lines = reconstruct(&folder, &arguments, with_ffmpeg).exits(1).json();
        assert_eq!(lines.len(), SOUNDS.len());
        for ((name, codec), line) in SOUNDS.iter().zip(&lines) {
            let refused =
                codec.is_some() && (!with_ffmpeg || *name == "never_finished_no_moov.m4a");
            assert_eq!(line.get("error").is_some(), refused, "{line}");
            if refused {
                let error = line["error"].as_str().unwrap();
                assert!(error.contains(codec.unwrap()), "{error}");
                let hint = line["hint"].as_str().unwrap();
                assert!(hint.contains("install ffmpeg") || error.contains("finished"), "{hint}");
                continue;
            }
            let decoder = line["recording"]["decoder"].as_str().unwrap();
            // The default track of this one is AC-3.
            let by_ffmpeg = codec.is_some() || *name == "ac3_then_aac.mkv" && with_ffmpeg;
            assert_eq!(decoder.starts_with("ffmpeg "), by_ffmpeg, "{name}: {decoder}");
            assert!(by_ffmpeg || decoder == "built-in");
            let (seconds, share) = (&line["speech"]["seconds"], &line["speech"]["share"]);
            let has_speech = *name != "tone.flac";
            assert_eq!(seconds.as_f64().unwrap() > 1.0, has_speech, "{name}: {seconds}");
            assert_eq!(share.as_f64().unwrap() > 0.4, has_speech, "{name}: {share}");
        }
    }
}

#[test]
fn a_recording_without_a_voice_is_a_warning_or_an_error() {
    let folder = Folder::new();
    let noise: Vec<i16> =
        (0..48_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 18) as i16 / 8).collect();
    folder.write("hum.wav", wav(&buzz(3.0, 100.0)));
    folder.write("noise.wav", wav(&noise));
    folder.write("beeps.wav", voice(3.0, 1000.0));
    for name in ["hum.wav", "noise.wav", "beeps.wav"] {
        folder.run(["reconstruct", name]).exits(0).says(&["warning: ", "no speech was found"]);
        let strict = folder.run(["reconstruct", name, "--require-speech"]).exits(1);
        strict.says(&["error: ", "no speech was found", "hint: "]);
    }
}

#[test]
fn two_voices_in_turn_are_a_warning() {
    let Some(faults) = data("data/faults") else { return };
    let folder = Folder::new();
    folder.write("two.mp3", std::fs::read(faults.join("concatenated.mp3")).unwrap());
    let run = folder.run(["reconstruct", "two.mp3"]).exits(0);
    run.says(&["warning: two.mp3: two voices seem to speak in turn, at about "]);
    for one in ["low", "high"] {
        let one = s2f_testing::project(&format!("examples/voices/{one}.flac"));
        let one = one.display().to_string();
        let run = folder.run(["reconstruct", &one, "-o", "out"]).exits(0);
        assert!(!run.stderr.contains("warning"), "{run:?}");
    }
}

#[test]
fn a_track_is_chosen_by_its_number() {
    let Some(faults) = data("data/faults") else { return };
    let folder = Folder::new();
    let file = faults.join("second_track_is_default.mp4").display().to_string();
    let with = |track: &str| {
        let options = ["reconstruct", &file, "-o", "x.png", "--track", track];
        reconstruct(&folder, &options.map(String::from), false)
    };
    with("2").exits(0);
    with("1").exits(1).says(&["silent"]);
    with("3").exits(1).says(&["there is no sound track 3, the file has 2"]);
    with("0").exits(2).says(&["--track"]);
}
