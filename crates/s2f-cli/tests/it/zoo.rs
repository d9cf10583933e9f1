//! One utterance in many formats, and broken files: the audio zoo.

use std::fs;

use s2f_testing::data;

use crate::support::Folder;

#[test]
fn every_format_gives_a_picture_and_every_broken_file_a_reason() {
    const REFUSED: [&str; 6] = [
        "empty.wav",
        "header_only.wav",
        "nan.wav",
        "not_audio.wav",
        "short_0s8.wav",
        "silence.wav",
    ];
    let Some(zoo) = data("data/audio_zoo") else { return };
    let mut names: Vec<String> = fs::read_dir(&zoo)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let folder = Folder::new();
    let paths: Vec<String> =
        names.iter().map(|name| zoo.join(name).display().to_string()).collect();
    let options = ["reconstruct", "-o", "out", "--json", "-q"].map(String::from);
    let run = folder.run([&options, &paths[..]].concat()).exits(1);
    let lines = run.json();
    assert_eq!(lines.len(), names.len());
    for (name, line) in names.iter().zip(&lines) {
        assert_eq!(line.get("error").is_some(), REFUSED.contains(&name.as_str()), "{line}");
        assert_eq!(line.get("hint").is_some(), REFUSED.contains(&name.as_str()), "{line}");
    }
    assert_eq!(folder.files().len(), names.len() - REFUSED.len());
}
