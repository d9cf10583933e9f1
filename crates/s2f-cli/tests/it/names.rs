//! Where files go, and what is never written over.

use std::fs;

use crate::support::{Folder, voice};

#[test]
fn a_folder_is_created_and_filled() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("deep/b.wav", voice(2.0, 150.0));
    folder.run(["reconstruct", "a.wav", "deep/b.wav", "-o", "out/faces"]).exits(0);
    assert_eq!(folder.files(), ["a.wav", "deep/b.wav", "out/faces/a.png", "out/faces/b.png"]);
}

#[test]
fn no_folder_is_created_if_the_model_or_the_device_cannot_be_opened() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    for bad in [["-m", "no-model"], ["--device", "cuda:999"]] {
        let run = folder.run([&["reconstruct", "a.wav", "-o", "out"][..], &bad].concat());
        run.exits(2);
        assert_eq!(folder.files(), ["a.wav"]);
        assert!(!folder.path("out").exists());
    }
}

#[test]
fn one_recording_can_name_its_file_and_thereby_the_format() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.run(["reconstruct", "a.wav", "-o", "face.PNG"]).exits(0).says(&["a.wav → face.png"]);
    folder.run(["reconstruct", "a.wav", "-o", "face.json"]).exits(0);
    folder.run(["reconstruct", "a.wav", "-o", "x.npy", "--format", "npy"]).exits(0);
    folder.run(["reconstruct", "a.wav", "-o", "v1.0/"]).exits(0);
    folder.run(["reconstruct", "a.wav", "-o", "v1.0"]).exits(0); // it exists now
    let written = ["face.json", "face.png", "v1.0/a.png", "x.feature.npy", "x.landmarks.npy"];
    assert_eq!(folder.files(), [&["a.wav"], &written[..]].concat());
}

#[test]
fn contradictory_outputs_are_wrong_usage() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("b.wav", voice(2.0, 120.0));
    folder.write("taken", "");
    let check = |arguments: &[&str], message: &str| {
        let run = folder.run([&["reconstruct"], arguments].concat()).exits(2);
        run.says(&[message, "hint: "]);
    };
    check(
        &["a.wav", "-o", "face.jpg"],
        "error: face.jpg ends in .jpg, which is not an output format\n",
    );
    check(&["a.wav", "b.wav", "-o", "f.png"], "error: f.png is one file for 2 recordings\n");
    check(&["a.wav", "-o", "f.png", "--format", "json"], "error: f.png does not fit --format");
    folder
        .run(["reconstruct", "a.wav", "-o", "taken"])
        .exits(2)
        .says(&["error: cannot create the folder taken: "]);
    assert_eq!(folder.files(), ["a.wav", "b.wav", "taken"]);
}

#[test]
fn recordings_of_one_name_are_numbered() {
    let folder = Folder::new();
    for name in ["x.wav", "x.wave", "sub/x.wav", "x-2.wav"] {
        folder.write(name, voice(2.0, 120.0));
    }
    let run = folder
        .run(["reconstruct", "x.wav", "x.wave", "sub/x.wav", "x-2.wav", "-o", "out"])
        .exits(0);
    // A buzz is no speech, which a warning says.
    let notes: Vec<&str> = run.stderr.lines().filter(|line| line.contains('→')).collect();
    assert_eq!(
        notes,
        [
            "x.wav → out/x.png",
            "x.wave → out/x-3.png",
            "sub/x.wav → out/x-4.png",
            "x-2.wav → out/x-2.png"
        ]
    );
}

#[test]
fn a_recording_given_twice_is_drawn_once() {
    let folder = Folder::new();
    folder.write("x.wav", voice(2.0, 120.0));
    let run = folder.run(["reconstruct", "x.wav", "./x.wav", "missing", "missing"]).exits(1);
    let run = run.says(&["warning: ./x.wav is given more than once; it is drawn once\n"]);
    assert_eq!(run.stderr.matches("x.wav → x.png").count(), 1);
    assert_eq!(run.stderr.matches("error: missing").count(), 1);
    assert_eq!(folder.files(), ["x.png", "x.wav"]);
}

#[test]
fn only_its_own_files_are_replaced() {
    let folder = Folder::new();
    folder.write("x.wav", voice(2.0, 120.0));
    for (name, foreign) in [
        ("x.png", &b"\x89PNG\r\n\x1a\n a photograph"[..]),
        ("x.png", b""),
        ("x.json", b"{\"notes\": 1}"),
    ] {
        folder.write(name, foreign);
        let run = folder.run(["reconstruct", "x.wav", "--format", &name[2..]]).exits(1);
        run.says(&[
            &format!("error: {name} already exists and was not written by speech2face"),
            "hint: move it",
        ]);
        assert_eq!(folder.read(name), foreign);
        fs::remove_file(folder.path(name)).unwrap();
    }
    for name in ["x.png", "x.json", "x.feature.npy"] {
        let format = name.rsplit('.').next().unwrap();
        folder.run(["reconstruct", "x.wav", "--format", format]).exits(0);
        let before = folder.read(name);
        folder.run(["reconstruct", "x.wav", "--format", format, "--exaggerate", "1"]).exits(0);
        assert_ne!(folder.read(name), before, "{name}");
    }
    assert!(folder.files().iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn a_folder_with_the_name_of_an_output_is_reported() {
    let folder = Folder::new();
    folder.write("x.wav", voice(2.0, 120.0));
    folder.write("x.png/inside", "");
    folder.run(["reconstruct", "x.wav"]).exits(1).says(&["error: x.png already exists"]);
}

#[test]
fn no_recording_is_overwritten_even_if_it_is_called_png() {
    let folder = Folder::new();
    let wav = voice(2.0, 120.0);
    folder.write("voice.png", &wav);
    folder.write("voice.wav", &wav);
    // The contents count, so both are recordings; their pictures step aside.
    folder.run(["reconstruct", "voice.png", "voice.wav"]).exits(0);
    assert_eq!(folder.files(), ["voice-2.png", "voice-3.png", "voice.png", "voice.wav"]);
    assert!(folder.read("voice.png") == wav);
    // A picture of the program's own among the inputs is not written over either.
    folder.run(["reconstruct", "voice-2.png", "voice-2.wav", "-o", "."]).exits(1);
    assert_eq!(folder.files().len(), 4);
}

#[cfg(unix)]
#[test]
fn a_link_is_not_written_through() {
    let folder = Folder::new();
    let wav = folder.write("x.wav", voice(2.0, 120.0));
    std::os::unix::fs::symlink(&wav, folder.path("x.png")).unwrap();
    let before = folder.read("x.wav");
    folder.run(["reconstruct", "x.wav"]).exits(0).says(&["x.wav → x-2.png"]);
    assert!(folder.read("x.wav") == before);
}

#[cfg(unix)]
#[test]
fn names_need_not_be_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::new();
    let name = OsStr::from_bytes(b"v\xffice.wav");
    // Some file systems refuse such names, and then there is nothing to test.
    if fs::write(folder.path(name), voice(2.0, 120.0)).is_err() {
        s2f_testing::skip("this file system requires Unicode names");
        return;
    }
    folder.run([OsStr::new("reconstruct"), name, OsStr::new("--json")]).exits(0);
    assert!(folder.path(OsStr::from_bytes(b"v\xffice.png")).exists());
}
