//! Recordings that cannot be used, and exit codes.

use crate::support::{Folder, voice};

#[test]
fn files_without_a_voice_are_named_with_a_hint() {
    let folder = Folder::new();
    let noise: Vec<u8> =
        (0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, contents, message) in [
        ("empty.wav", &b""[..], "error: empty.wav: the file is empty"),
        ("text.wav", b"not a sound at all, only words", "error: text.wav: not an audio file"),
        ("noise.mp3", &noise, "error: noise.mp3: "),
        ("short.wav", &voice(0.5, 120.0), "error: short.wav: only 0.50 s of audio"),
        ("header.wav", &voice(0.0, 120.0), "error: header.wav: "),
        ("cut.wav", &voice(2.0, 120.0)[..30], "error: cut.wav: "),
    ] {
        folder.write(name, contents);
        let run = folder.run(["reconstruct", name]).exits(1).says(&[message, "\n  hint: "]);
        assert_eq!(run.stderr.lines().count(), 2, "{run:#?}");
    }
    folder.write("folder/x.wav", "");
    let run = folder.run(["reconstruct", "folder"]).exits(1);
    run.says(&["error: folder/x.wav: the file is empty"]);
    folder
        .run(["reconstruct", "nowhere.wav"])
        .exits(1)
        .says(&["error: nowhere.wav: could not read"]);
}

#[test]
fn a_header_that_claims_4_gb_allocates_nothing() {
    let folder = Folder::new();
    let mut lies = voice(2.0, 120.0);
    lies[4..8].copy_from_slice(&u32::MAX.to_le_bytes()); // size of the file
    lies[40..44].copy_from_slice(&0xffff_fff0u32.to_le_bytes()); // size of the samples
    folder.write("lies.wav", lies);
    folder.write("true.wav", voice(2.0, 120.0));
    folder.run(["reconstruct", "lies.wav", "true.wav", "--format", "npy"]).exits(0);
    assert_eq!(folder.read("lies.feature.npy"), folder.read("true.feature.npy"));
}

#[test]
fn a_bad_file_is_skipped_and_the_rest_is_drawn() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    folder.write("b.wav", "");
    folder.write("c.wav", voice(2.0, 150.0));
    let run = folder.run(["reconstruct", "a.wav", "b.wav", "c.wav"]).exits(1);
    assert_eq!(
        run.stderr,
        "a.wav → a.png\n\
         warning: a.wav: no speech was found; the face says nothing about a voice\n\
         error: b.wav: the file is empty (0 bytes)\n  hint: record it or download it again\n\
         c.wav → c.png\n\
         warning: c.wav: no speech was found; the face says nothing about a voice\n\
         2 of 3 recordings drawn, 1 failed\n"
    );
    assert_eq!(folder.files(), ["a.png", "a.wav", "b.wav", "c.png", "c.wav"]);
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = Folder::new();
    folder.write("a.wav", voice(2.0, 120.0));
    let check = |arguments: &[&str], part: &str| {
        folder.run(arguments).exits(2).says(&[part]);
    };
    check(&[], "Usage: speech2face");
    check(&["reconstruct"], "<FILE|FOLDER>...");
    check(&["draw", "a.wav"], "unrecognized subcommand");
    check(&["reconstruct", "a.wav", "--colour"], "unexpected argument");
    check(&["reconstruct", "a.wav", "--window", "last"], "[possible values: all, first]");
    check(&["reconstruct", "a.wav", "--format", "jpg"], "[possible values: png, json, svg, npy]");
    check(&["reconstruct", "a.wav", "--exaggerate", "very"], "not a number");
    check(&["reconstruct", "a.wav", "-q", "-v"], "cannot be used with");
    for amount in ["NaN", "inf", "3.1", "-1.01"] {
        check(
            &["reconstruct", "a.wav", "--exaggerate", amount],
            "must be from -1 (the mean face) to 3",
        );
    }
    assert_eq!(folder.files(), ["a.wav"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    folder.write("x.wav", voice(2.0, 120.0));
    fs::create_dir(folder.path("out")).unwrap();
    fs::set_permissions(folder.path("out"), Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path("out/probe"), "").is_ok() {
        s2f_testing::skip("this user may write anywhere");
        return;
    }
    folder.run(["reconstruct", "x.wav", "-o", "out"]).exits(1).says(&["cannot write out/x.png: "]);
}
