//! Broken files: each has its reason, none stops the run.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Kit, run};
use crate::support::{Folder, voice};

fn ffmpeg(arguments: &[&str], inputs: &[&Path], out: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    for input in inputs {
        command.arg("-i").arg(input);
    }
    assert!(command.args(arguments).arg(out).status().unwrap().success());
}

#[test]
fn every_broken_file_has_its_reason_and_none_stops_the_run() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    let good = kit.grid.join("s1_bbaf2n.mpg");
    let other = kit.grid.join("s4_bbaf2a.mpg");
    let at = |name: &str| {
        let path = folder.path("people").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    let bytes = fs::read(&good).unwrap();
    fs::write(at("good/video.mpg"), &bytes).unwrap();
    fs::write(at("zero/video.mp4"), []).unwrap();
    fs::write(at("text/video.mp4"), "This is a letter and no video.\n".repeat(50)).unwrap();
    ffmpeg(&["-an", "-c:v", "copy"], &[&good], &at("deaf/video.mkv"));
    ffmpeg(&["-vn", "-c:a", "aac"], &[&good], &at("blind/video.mp4"));
    ffmpeg(&["-vf", "drawbox=t=fill"], &[&good], &at("faceless/video.mp4"));
    ffmpeg(&["-filter_complex", "[0:v][1:v]hstack"], &[&good, &other], &at("couple/video.mp4"));
    ffmpeg(&["-af", "volume=0"], &[&good], &at("silent/video.mp4"));
    ffmpeg(&["-t", "0.8"], &[&good], &at("short/video.mp4"));
    ffmpeg(&["-vf", "scale=60:48"], &[&good], &at("tiny/video.mp4"));
    ffmpeg(&["-vf", "gblur=sigma=12"], &[&good], &at("blurred/video.mp4"));
    // An index at the end of the file that is not there any more.
    ffmpeg(&[], &[&good], &at("whole.mp4"));
    let cut = fs::read(at("whole.mp4")).unwrap();
    fs::remove_file(at("whole.mp4")).unwrap();
    fs::write(at("cut/video.mp4"), &cut[..cut.len() / 2]).unwrap();
    // Ten hours, by its header.
    let mut promise = voice(1.0, 120.0);
    promise.truncate(44 + 64);
    promise[40..44].copy_from_slice(&(10 * 3600 * 32_000u32).to_le_bytes());
    fs::write(at("promise/sound.wav"), promise).unwrap();
    ffmpeg(&["-frames:v", "1"], &[&good], &at("promise/face.png"));
    // Sound that nobody speaks, beside a good picture.
    fs::write(at("buzz/sound.wav"), voice(4.0, 880.0)).unwrap();
    ffmpeg(&["-frames:v", "1"], &[&good], &at("buzz/face.png"));

    run(&folder, &kit.prepare(&["people", "-o", "out"])).exits(0).says(&["1 pairs of 1 speakers"]);
    let table = String::from_utf8(folder.read("out/rejected.csv")).unwrap();
    let check = |person: &str, reasons: &[&str]| {
        let line = table.lines().find(|line| line.split(',').nth(1) == Some(person));
        let line = line.unwrap_or_else(|| panic!("no row for {person} in\n{table}"));
        let reason = line.split(',').nth(4).unwrap();
        assert!(reasons.contains(&reason), "{line} has none of {reasons:?}");
    };
    check("zero", &["unreadable-file"]);
    check("text", &["unreadable-file"]);
    check("deaf", &["no-sound"]);
    check("blind", &["no-picture"]);
    check("faceless", &["no-face"]);
    check("couple", &["several-faces"]);
    check("silent", &["silent"]);
    check("short", &["too-short"]);
    check("tiny", &["face-too-small", "no-face"]);
    check("blurred", &["blurred", "no-face"]);
    check("cut", &["unreadable-file"]);
    check("promise", &["too-short", "unreadable-file"]);
    check("buzz", &["no-speech"]);
    assert_eq!(table.lines().count(), 1 + 13, "{table}");
}

#[test]
fn what_the_system_refuses_stops_the_run_and_keeps_what_was_done() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    kit.people(&folder, "people", 1);
    // A file where the folder of pairs should be.
    folder.write("taken", "mine");
    run(&folder, &kit.prepare(&["people", "-o", "taken"])).exits(2).says(&["taken"]);
    assert_eq!(folder.read("taken"), b"mine");

    // The corpus vanishes between two runs.
    let first = ["people", "-o", "out", "--clips-per-part", "1", "--shard", "0/2"];
    run(&folder, &kit.prepare(&first)).exits(0);
    let done = super::contents(&folder, "out");
    fs::rename(folder.path("people"), folder.path("gone")).unwrap();
    let rest = ["people", "-o", "out", "--clips-per-part", "1"];
    run(&folder, &kit.prepare(&rest)).exits(2).says(&["people", "hint:"]);
    assert_eq!(super::contents(&folder, "out"), done);
    fs::rename(folder.path("gone"), folder.path("people")).unwrap();
    run(&folder, &kit.prepare(&rest)).exits(0).says(&["7 pairs"]);
}
