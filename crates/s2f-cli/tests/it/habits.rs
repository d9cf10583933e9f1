//! What people type who come from other programs.

use std::fs;

use crate::support::{Folder, Run, voice};

/// What was printed, apart from the warning that nobody speaks in a test's voice.
fn without_warnings(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| !line.starts_with("warning: ")).collect()
}

#[test]
fn folders_are_searched_for_recordings() {
    let folder = Folder::new();
    for name in ["rec/b.wav", "rec/a.WAV", "rec/deep/c.wav"] {
        folder.write(name, voice(2.0, 120.0));
    }
    for name in ["rec/notes.txt", "rec/.hidden.wav", "rec/cover.jpg"] {
        folder.write(name, "no recording");
    }
    let run = folder.run(["reconstruct", "rec", "-o", "out"]).exits(0);
    assert_eq!(
        without_warnings(&run),
        ["rec/a.WAV → out/a.png", "rec/b.wav → out/b.png", "rec/deep/c.wav → out/c.png"]
    );
    fs::create_dir(folder.path("empty")).unwrap();
    let run = folder.run(["reconstruct", "empty"]).exits(2);
    run.says(&["error: empty is a folder without recordings\n", "hint: name the files in it"]);
}

#[test]
fn names_are_read_from_a_list() {
    let folder = Folder::new();
    folder.write("a b.wav", voice(2.0, 120.0));
    folder.write("-c.wav", voice(2.0, 140.0));
    folder.write("list.txt", "a b.wav\r\n\n./-c.wav\n");
    let written = ["-c.png", "-c.wav", "a b.png", "a b.wav", "list.txt"];
    folder.run(["reconstruct", "--files-from", "list.txt"]).exits(0);
    assert_eq!(folder.files(), written);
    for name in ["-c.png", "a b.png"] {
        fs::remove_file(folder.path(name)).unwrap();
    }
    folder.run_with_input(&["reconstruct", "--files-from", "-"], b"a b.wav\n-c.wav").exits(0);
    assert_eq!(folder.files(), written);
    folder.write("nothing.txt", "\n\n");
    let run = folder.run(["reconstruct", "--files-from", "nothing.txt"]).exits(2);
    run.says(&["error: the list nothing.txt names no recordings\n", "hint: one name a line"]);
    let run = folder.run(["reconstruct", "-", "--files-from", "-"]).exits(2);
    run.says(&["standard input can only be one thing"]);
}

#[cfg(unix)]
#[test]
fn two_links_to_one_recording_get_a_picture_each() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    for name in ["b.wav", "c.wav"] {
        std::os::unix::fs::symlink(folder.path("a.wav"), folder.path(name)).unwrap();
    }
    let run = folder.run(["reconstruct", "a.wav", "b.wav", "c.wav", "./a.wav"]).exits(0);
    run.says(&["warning: ./a.wav is given more than once"]);
    assert_eq!(folder.files(), ["a.png", "a.wav", "b.png", "b.wav", "c.png", "c.wav"]);
}

#[test]
fn a_picture_goes_to_standard_output() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let piped = folder.command(["reconstruct", "a.wav", "-o", "-"]).output().unwrap();
    assert!(piped.status.success());
    folder.run(["reconstruct", "a.wav"]).exits(0);
    assert_eq!(piped.stdout, folder.read("a.png"));
    assert!(String::from_utf8_lossy(&piped.stderr).starts_with("a.wav → standard output\n"));
    let json = folder.run(["reconstruct", "a.wav", "-o", "-", "--format", "json"]).exits(0);
    assert_eq!(json.stdout.as_bytes(), [&folder_json(&folder)[..]].concat());
    let check = |arguments: &[&str], message: &str| {
        let run = folder.run([&["reconstruct", "a.wav", "-o", "-"], arguments].concat()).exits(2);
        run.says(&[message, "hint: "]);
    };
    check(&["b.wav"], "error: -o - is for one recording, not 2\n");
    check(&["--faces", "2"], "error: -o - writes one file\n");
    check(&["--format", "npy"], "error: -o - writes one file\n");
    check(&["--json"], "error: -o - and --json both write to standard output\n");
}

/// The JSON file of `a.wav`.
fn folder_json(folder: &Folder) -> Vec<u8> {
    folder.run(["reconstruct", "a.wav", "--format", "json"]).exits(0);
    folder.read("a.json")
}

#[test]
fn a_batch_resumes_by_skipping_what_is_there() {
    let folder = Folder::new();
    for name in ["a.wav", "b.wav"] {
        folder.write(name, voice(2.0, 120.0));
    }
    let batch = ["reconstruct", "a.wav", "b.wav", "-o", "out", "--skip-existing"];
    folder.run(["reconstruct", "a.wav", "-o", "out"]).exits(0);
    let run = folder.run(batch).exits(0);
    let skipped = |count| format!("already drawn and skipped: {count}");
    assert_eq!(without_warnings(&run), [skipped(1), "b.wav → out/b.png".into()]);
    let run = folder.run(batch).exits(0);
    assert_eq!(without_warnings(&run), [skipped(2)]);
    // One of its files is missing: it is drawn again.
    let run = folder.run([&batch[..], &["--format", "png", "--format", "json"]].concat()).exits(0);
    run.says(&["a.wav → out/a.png, out/a.json\n"]);
}

#[test]
fn somebody_elses_file_is_replaced_only_if_asked_to() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("a.png", "mine");
    folder.run(["reconstruct", "a.wav"]).exits(1).says(&["was not written by speech2face"]);
    assert_eq!(folder.read("a.png"), b"mine");
    folder.run(["reconstruct", "a.wav", "--overwrite"]).exits(0);
    assert!(folder.read("a.png").starts_with(b"\x89PNG"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let dry = ["reconstruct", "a.wav", "-o", "out", "--faces", "2", "--dry-run", "--json"];
    let run = folder.run(dry).exits(0);
    assert_eq!(folder.files(), ["a.wav"]);
    let planned = run.json()[0]["outputs"].clone();
    folder.run(["reconstruct", "a.wav", "-o", "out", "--faces", "2"]).exits(0);
    let mut planned: Vec<String> = serde_json::from_value(planned).unwrap();
    planned.push("a.wav".into());
    planned.sort();
    assert_eq!(folder.files(), planned);
}

#[test]
fn a_recording_where_a_command_should_be_gets_a_hint() {
    let folder = Folder::new();
    let run = folder.run(["voice.m4a"]).exits(2);
    assert_eq!(
        run.stderr,
        "error: there is no command voice.m4a\n  hint: speech2face reconstruct voice.m4a\n"
    );
    folder.run(["reconstrct", "voice.m4a"]).exits(2).says(&["a similar subcommand exists"]);
}

#[test]
fn the_version_names_commit_and_devices() {
    let run = Folder::new().run(["--version"]).exits(0);
    let mut lines = run.stdout.lines();
    assert_eq!(lines.next(), Some(concat!("speech2face ", env!("CARGO_PKG_VERSION"))));
    let commit = lines.next().and_then(|line| line.strip_prefix("commit: ")).unwrap();
    assert!(commit == "not known" || commit.chars().all(|c| c.is_ascii_hexdigit()), "{commit}");
    assert!(lines.next().unwrap().starts_with("devices: cpu"));
    assert_eq!(Folder::new().run(["-V"]).exits(0).stdout.lines().count(), 1);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = Folder::new();
    folder.run(["man", "-o", "man"]).exits(0);
    let pages = folder.files();
    for page in ["speech2face.1", "speech2face-reconstruct.1", "speech2face-corpus-prepare.1"] {
        assert!(pages.contains(&format!("man/{page}")), "{pages:?}");
    }
    let page = String::from_utf8(folder.read("man/speech2face-reconstruct.1")).unwrap();
    assert!(page.contains("\\-\\-skip\\-existing") && page.contains("\\-\\-threads"), "{page}");
}

#[test]
fn unknown_keys_of_a_configuration_get_a_suggestion() {
    let folder = Folder::new();
    folder.write("a.toml", "sead = 1\n");
    let run = folder.run(["train", "voice-encoder", "a.toml", "-o", "run"]).exits(2);
    run.says(&["error: a.toml: unknown field `sead`", "; did you mean `seed`?\n"]);
    folder.write("b.toml", "seed = 1\n[data\n");
    let run = folder.run(["train", "voice-encoder", "b.toml", "-o", "run"]).exits(2);
    assert_eq!(run.stderr.lines().count(), 2);
    run.says(&["error: b.toml: line 2: "]);
}

#[test]
fn the_output_has_one_name_in_every_command() {
    let folder = Folder::new();
    for command in [
        "reconstruct a.wav",
        "corpus prepare a",
        "corpus merge a",
        "corpus card a",
        "corpus synth --speakers 2 --clips 1",
        "model export -m a --format onnx",
        "model card a",
        "model import a.pt --network voice-encoder --config a",
        "train voice-encoder a.toml",
        "train face-decoder a.toml",
        "train face-distribution a.toml",
        "evaluate a b",
        "man",
    ] {
        for option in ["-o", "--output", "--out"] {
            let typed = command.split(' ').chain([option, "there"]);
            let run = Run::of(folder.command(typed).output().unwrap());
            // Nothing named `a` exists, so all but `man` and `synth` stop at that.
            assert!(!run.stderr.contains("unexpected argument"), "{command} {option}: {run:#?}");
            assert!(!run.stderr.contains("required"), "{command} {option}: {run:#?}");
            fs::remove_dir_all(folder.path("there")).ok();
        }
    }
}

#[test]
fn former_names_of_variables_are_read_with_a_warning() {
    let folder = Folder::new();
    let mut command = folder.command(["model", "list"]);
    let run = Run::of(command.env("S2F_REGISTRY", "mine.toml").output().unwrap()).exits(2);
    run.says(&[
        "warning: S2F_REGISTRY is now called SPEECH2FACE_REGISTRY; it is still read\n",
        "error: cannot read the registry mine.toml",
    ]);
    let mut command = folder.command(["model", "list"]);
    command.env("S2F_REGISTRY", "mine.toml").env("SPEECH2FACE_REGISTRY", "other.toml");
    let run = Run::of(command.output().unwrap()).exits(2);
    assert!(!run.stderr.contains("warning"), "{run:#?}");
    run.says(&["error: cannot read the registry other.toml"]);
}

#[test]
fn messages_can_be_objects() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("b.wav", "");
    let run = folder.run(["reconstruct", "a.wav", "b.wav", "--log", "json"]).exits(1);
    let messages: Vec<serde_json::Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |level: &str| -> Vec<&serde_json::Value> {
        messages.iter().filter(|message| message["level"] == level).collect()
    };
    assert_eq!(of("info")[0]["message"], "a.wav → a.png");
    assert_eq!(of("info")[1]["message"], "1 of 2 recordings drawn, 1 failed");
    assert_eq!(of("error")[0]["message"], "b.wav: the file is empty (0 bytes)");
    assert_eq!(of("error")[0]["hint"], "record it or download it again");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for message in &messages {
        let age = now.as_secs_f64() - message["time"].as_f64().unwrap();
        assert!((-1.0..60.0).contains(&age), "{message}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn json_has_the_bytes_of_names_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;

    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"a\xff.wav");
    fs::write(folder.path(name), voice(2.0, 120.0)).unwrap();
    let json = |arguments: &[&std::ffi::OsStr]| {
        let command = ["reconstruct".as_ref(), name, "--json".as_ref()];
        folder.run([&command, arguments].concat()).json()[0].clone()
    };
    for object in [json(&["--dry-run".as_ref()]), json(&[])] {
        assert_eq!(object["input"], "a\u{fffd}.wav");
        assert_eq!(object["input_bytes"], "61ff2e776176");
        assert_eq!(object["output_bytes"][0], "61ff2e706e67");
    }
    fs::write(folder.path(name), "").unwrap();
    assert_eq!(json(&[])["input_bytes"], "61ff2e776176");
    folder.write("b.wav", voice(2.0, 120.0));
    let plain = folder.run(["reconstruct", "b.wav", "--json"]).json()[0].clone();
    assert!(plain.get("input_bytes").is_none() && plain.get("output_bytes").is_none());
}

#[test]
fn names_that_look_like_options_or_endings_are_names() {
    let folder = Folder::new();
    folder.write("-v.wav", voice(2.0, 120.0));
    folder.write(".7", voice(2.0, 120.0));
    folder.run(["reconstruct", "-v.wav"]).exits(0).says(&["./-v.wav → ./-v.png"]);
    fs::remove_file(folder.path("-v.png")).unwrap();
    folder.run(["reconstruct", "--", "-v.wav"]).exits(0);
    folder.read("-v.png");
    folder.run(["reconstruct", ".7"]).exits(0).says(&[".7 → .7.png"]);
    // There is no such file.
    folder.run(["reconstruct", "-w.wav"]).exits(2).says(&["unexpected argument"]);
}
