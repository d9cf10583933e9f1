//! Disks that are full or cannot be written to, and two processes at one folder.

use std::fs::File;
use std::process::{Command, Stdio};

use s2f_core::FileLock;
use s2f_testing::skip;

use crate::support::{Folder, Run, voice};

/// Runs the program with a disk of 64 KiB at `small`, which it leaves; the last line of the output
/// lists what is on it. `None` if this machine lets no test mount a disk.
fn on_a_small_disk(folder: &Folder, options: &str, command: &[&str]) -> Option<Run> {
    let mount = format!("mount -t tmpfs -o {options} none small");
    let script = format!("{mount} && {{ \"$@\"; code=$?; ls -A small; exit $code; }}");
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let unshared = |script: &str| {
        let mut unshared = Command::new("unshare");
        unshared.args(unshare).arg(script).arg("sh").current_dir(folder.path(""));
        unshared
    };
    std::fs::create_dir_all(folder.path("small")).unwrap();
    if !unshared(&mount).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        skip("this machine lets no test mount a disk");
        return None;
    }
    let program = folder.command(command);
    let mut unshared = unshared(&script);
    unshared.arg(program.get_program()).args(program.get_args()).env_remove("SPEECH2FACE_MODEL");
    Some(Run::of(unshared.output().unwrap()))
}

#[test]
fn a_full_disk_names_the_file_and_leaves_nothing_half_written() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let space = "No space left on device";
    for (command, file, code, left) in [
        ("reconstruct a.wav --faces 6 -o small", "small/a", 1, ""),
        ("model export -m compact --format onnx -o small/m", "small/m/voice-encoder.onnx", 2, "m"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let Some(run) = on_a_small_disk(&folder, "size=64k", &words) else { return };
        let run = run.exits(code);
        let message = run.stderr.lines().find(|line| line.contains(space)).unwrap_or_default();
        assert!(message.starts_with("error: cannot write small/"), "{run:#?}");
        assert!(message.contains(file) && message.contains(space), "{run:#?}");
        assert!(!run.stderr.contains(".tmp"), "{run:#?}");
        run_says_once(&run, "hint: free some space and run the same command again\n");
        // What did not fit is not there, and no temporary file is.
        let whole = run.stdout.lines().filter(|name| !name.ends_with(".png"));
        assert_eq!(whole.collect::<Vec<_>>().concat(), left, "{run:#?}");
    }
}

fn run_says_once(run: &Run, words: &str) {
    assert_eq!(run.stderr.matches(words).count(), 1, "{run:#?}");
}

#[test]
fn a_disk_that_is_only_read_gets_the_right_hint() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let command = ["reconstruct", "a.wav", "-o", "small/a.png"];
    let Some(run) = on_a_small_disk(&folder, "ro", &command) else { return };
    let run = run.exits(1);
    run.says(&[
        "error: cannot write in small: Read-only file system",
        "hint: name a folder on a disk that can be written to\n",
    ]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error() {
    let folder = Folder::new();
    for command in [&["model", "info"][..], &["corpus", "synth", "--help"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = folder.command(command).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}");
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = Run::of(folder.command(["model", "info"]).stdout(full).output().unwrap());
    run.says(&["error: cannot write to standard output: No space left on device"]);
}

#[test]
fn a_second_process_at_one_folder_is_refused() {
    let folder = Folder::new();
    folder.run(["corpus", "synth", "-o", "people", "--speakers", "2", "--clips", "1"]).exits(0);
    let before = folder.files();
    // The lock that the first process holds.
    let lock = FileLock::of_folder(&folder.path("people")).unwrap();
    let again = ["corpus", "synth", "-o", "people", "--speakers", "2", "--clips", "1"];
    let run = folder.run(again).exits(2);
    run.says(&["error: another process is writing in people\n", "hint: wait until it ends"]);
    assert_eq!(folder.files(), before);
    drop(lock);
    folder.run(again).exits(0);
}
