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
