//! What is printed where.

use std::io::Read;
use std::process::Stdio;

use crate::support::{Folder, voice};

#[test]
fn json_is_one_object_a_line_for_each_recording() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("b.wav", "");
    let run = folder.run(["reconstruct", "a.wav", "b.wav", "--json", "-q"]).exits(1);
    let objects = run.json();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["input"], "a.wav");
    assert_eq!(objects[0]["outputs"][0], "a.png");
    assert_eq!(objects[0]["model"]["name"], "compact");
    assert_eq!(objects[0]["recording"]["seconds"], 2.0);
    assert_eq!(objects[1]["input"], "b.wav");
    assert_eq!(objects[1]["error"], "b.wav: the file is empty (0 bytes)");
    assert_eq!(objects[1]["hint"], "record it or download it again");
    // Quiet still names what failed.
    assert!(run.stderr.starts_with("error: b.wav: "), "{run:#?}");
    assert_eq!(run.stderr.lines().count(), 2);
}

#[test]
fn quiet_prints_nothing_and_verbose_prints_times() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let run = folder.run(["reconstruct", "a.wav", "-q"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = folder.run(["-v", "reconstruct", "a.wav"]).exits(0);
    run.says(&["opened model compact in ", " ms\n", "2.0 s of voice read, drawn and written in "]);
}

#[test]
fn threads_change_neither_pictures_nor_the_order_of_reports() {
    let folder = Folder::new();
    let names: Vec<String> = (0..6).map(|n| format!("{n}.wav")).collect();
    for (n, name) in names.iter().enumerate() {
        // The first takes longest, and one fails.
        let seconds = if n == 0 { 12.0 } else { 1.5 };
        let bytes = if n == 3 { Vec::new() } else { voice(seconds, 100.0 + 20.0 * n as f64) };
        folder.write(name, bytes);
    }
    let runs = ["1", "4"].map(|threads| {
        let options = ["reconstruct", "--json", "--threads", threads, "-o", threads];
        let options = options.map(String::from);
        let run = folder.run([&options[..], &names[..]].concat()).exits(1);
        let inputs: Vec<String> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|object| object["input"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(inputs, names);
        folder.path(format!("{threads}/5.png"))
    });
    let [one, four] = runs.map(|picture| std::fs::read(picture).unwrap());
    assert!(one == four);
    folder.run(["reconstruct", "0.wav", "--threads", "0"]).exits(2);
}

#[test]
fn colours_are_for_terminals_and_can_be_turned_off() {
    let folder = Folder::new();
    let colours = |variables: &[(&str, &str)]| {
        let mut command = folder.command(["reconstruct", "missing.wav"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        output.stderr.contains(&b'\x1b')
    };
    assert!(!colours(&[]));
    assert!(colours(&[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&[("NO_COLOR", "1"), ("CLICOLOR", "1")]));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = Folder::new();
    let names: Vec<String> = (0..4).map(|n| format!("missing-{n}.wav")).collect();
    let mut command =
        folder.command([&["reconstruct".into(), "--json".into()], &names[..]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    let run = folder.run(["--help"]).exits(0);
    for part in ["Examples:", "speech2face reconstruct voice.m4a", "identifies no one", "NO_COLOR"]
    {
        assert!(run.stdout.contains(part), "{part}");
    }
    let run = folder.run(["reconstruct", "--help"]).exits(0);
    for part in ["ffmpeg -i", "voice-2.png", "mean face", "[env: SPEECH2FACE_MODEL]"] {
        assert!(run.stdout.contains(part), "{part}");
    }
    let run = folder.run(["--version"]).exits(0);
    assert_eq!(run.stdout, concat!("speech2face ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_contain_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = folder.run(["completions", shell]).exits(0);
        for part in ["reconstruct", "exaggerate", "completions"] {
            assert!(run.stdout.contains(part), "{shell}: {part}");
        }
    }
    folder.run(["completions", "tcsh"]).exits(2);
}

/// Phrases of earlier help texts that are not idiomatic.
const TRANSLATED: [&str; 12] = [
    "where not said",
    "found out by",
    "by lot",
    "aloud",
    "way out",
    "looked at",
    "listened",
    "are heard",
    "goes on",
    "at any instant",
    "shared out",
    "256 numbers",
];

#[test]
fn every_help_is_plain_english_and_names_the_device() {
    let folder = Folder::new();
    for command in [
        &[][..],
        &["reconstruct"],
        &["model"],
        &["model", "list"],
        &["model", "info"],
        &["model", "verify"],
        &["model", "pull"],
        &["model", "import"],
        &["model", "export"],
        &["corpus"],
        &["corpus", "check"],
        &["corpus", "prepare"],
        &["corpus", "merge"],
        &["corpus", "split"],
        &["corpus", "stats"],
        &["corpus", "synth"],
        &["train"],
        &["train", "voice-encoder"],
        &["train", "face-decoder"],
        &["evaluate"],
        &["completions"],
    ] {
        let help = folder.run([command, &["--help"]].concat()).exits(0).stdout;
        for phrase in TRANSLATED {
            assert!(!help.contains(phrase), "{command:?}: {phrase}");
        }
        let computes = ["reconstruct", "evaluate", "voice-encoder", "face-decoder", "verify"];
        let prepares = ["prepare", "synth"];
        if command.last().is_some_and(|name| computes.contains(name) || prepares.contains(name)) {
            assert!(help.contains("--device"), "{command:?}");
        }
    }
}
