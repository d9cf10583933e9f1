//! Damaged pictures and videos, and faces that are not upright.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use s2f_testing::data;

use super::{Kit, run};
use crate::support::Folder;

/// Why each person was rejected; those who gave a pair are missing.
fn rejected(folder: &Folder, kit: &Kit, people: &str) -> Vec<(String, String, String)> {
    run(folder, &kit.prepare(&[people, "-o", "out"]));
    let table = String::from_utf8(folder.read("out/rejected.csv")).unwrap();
    let cell = |line: &str, index: usize| line.splitn(6, ',').nth(index).unwrap().to_owned();
    table.lines().skip(1).map(|line| (cell(line, 1), cell(line, 4), cell(line, 5))).collect()
}

fn ffmpeg(arguments: &[&str], input: &Path, out: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).arg("-i").arg(input);
    assert!(command.args(arguments).arg(out).status().unwrap().success());
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::write(target, fs::read(&path).unwrap()).unwrap();
        }
    }
}

/// A file in a folder of `people`, which is made.
fn place(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path("people").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

#[test]
fn pictures_that_are_broken_off_are_rejected_with_that_reason() {
    let (Some(kit), Some(faults)) = (Kit::find(), data("data/faults/pictures_broken_off")) else {
        return;
    };
    let folder = Folder::new();
    copy_tree(&faults, &folder.path("people"));
    let voice = fs::read(folder.path("people/whole/voice.flac")).unwrap();
    let picture = fs::read(folder.path("people/whole/picture.jpg")).unwrap();
    // Others of the kind: the end is there but nothing before it, a PNG, formats that are not read.
    let zeros = [&picture[..picture.len() / 2], &vec![0; picture.len() / 2][..]].concat();
    let png = place(&folder, "png/picture.png");
    ffmpeg(&[], &folder.path("people/whole/picture.jpg"), &png);
    let png_bytes = fs::read(&png).unwrap();
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    for (name, bytes) in [
        ("zeros/picture.jpg", &zeros[..]),
        ("png/picture.png", &png_bytes[..png_bytes.len() * 2 / 3]),
        ("heic/picture.heic", &heic),
    ] {
        fs::write(place(&folder, name), bytes).unwrap();
    }
    for person in ["zeros", "png", "heic", "webp"] {
        fs::write(place(&folder, &format!("{person}/voice.flac")), &voice).unwrap();
    }
    let whole = folder.path("people/whole/picture.jpg");
    let webp = place(&folder, "webp/picture.webp");
    ffmpeg(&["-c:v", "libwebp", "-quality", "95"], &whole, &webp);

    let found = rejected(&folder, &kit, "people");
    for (person, part) in [
        ("cut_60", "broken off"),
        ("cut_75", "broken off"),
        ("zeros", "broken off"),
        ("png", "not a readable picture"),
        ("heic", "HEIC"),
    ] {
        let row = found.iter().find(|row| row.0 == person);
        let (_, reason, detail) = row.unwrap_or_else(|| panic!("{person}: {found:?}"));
        assert_eq!(reason, "no-picture", "{person}: {detail}");
        assert!(detail.contains(part), "{person}: {detail}");
    }
    assert_eq!(found.len(), 5, "the whole picture and WebP give pairs: {found:?}");
}

#[test]
fn faces_that_are_not_upright_are_turned_or_rejected() {
    let (Some(kit), Some(faults)) = (Kit::find(), data("data/faults/faces_turned")) else {
        return;
    };
    let folder = Folder::new();
    copy_tree(&faults, &folder.path("people"));
    let upright = kit.grid.join("s1_bbaf2n.mpg");
    for (name, filter) in
        [("right", "transpose=1"), ("over", "transpose=1,transpose=1"), ("left", "transpose=2")]
    {
        ffmpeg(&["-vf", filter, "-q:v", "2"], &upright, &place(&folder, &format!("{name}/a.mpg")));
    }
    fs::write(place(&folder, "plain/a.mpg"), fs::read(&upright).unwrap()).unwrap();
    let found = rejected(&folder, &kit, "people");
    assert!(found.iter().all(|row| row.1 == "turned-away"), "{found:?}");
    // The pairs: of the same face, as the network of faces sees it.
    let set = s2f_pairs::PairSet::open(&folder.path("out")).unwrap();
    let pairs = set.rows(s2f_pairs::Payload::ALL, None).map(Result::unwrap);
    let features: Vec<(String, Vec<f32>)> =
        pairs.map(|pair| (pair.info.speaker_id, pair.feature)).collect();
    let of = |person: &str| features.iter().find(|(id, _)| id == person).map(|(_, f)| f.clone());
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    for (turned, upright) in [
        ("side_left", "upright"),
        ("upside_down", "upright"),
        ("right", "plain"),
        ("over", "plain"),
        ("left", "plain"),
    ] {
        let expected = of(upright).unwrap();
        let Some(found) = of(turned) else { continue };
        // Two frames of one video have 0.88.
        let same = cosine(&expected, &found);
        assert!(same > 0.8, "{turned}: {same}");
    }
}

#[test]
fn frames_that_the_decoder_repaired_are_not_used() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    let good = kit.grid.join("s1_bbaf2n.mpg");
    let film = place(&folder, "whole/a.mp4");
    ffmpeg(&["-c:v", "mpeg4", "-g", "12", "-q:v", "4", "-c:a", "aac"], &good, &film);
    // Every so many bytes of the samples, 16 bytes are others: few, many, and in another format.
    for (name, file, every) in [
        ("few/a.mp4", &film, 60_000),
        ("many/a.mp4", &film, 3_000),
        ("many_mpg/a.mpg", &good, 9_000),
    ] {
        let mut bytes = fs::read(file).unwrap();
        let (start, end) = (bytes.len() / 10, bytes.len() * 9 / 10);
        for at in (start..end).step_by(every) {
            for (n, byte) in bytes[at..at + 16].iter_mut().enumerate() {
                *byte = (n as u8).wrapping_mul(151).wrapping_add(at as u8);
            }
        }
        fs::write(place(&folder, name), bytes).unwrap();
    }
    let found = rejected(&folder, &kit, "people");
    for person in ["many", "many_mpg"] {
        let row = found.iter().find(|row| row.0 == person);
        let (_, reason, detail) = row.unwrap_or_else(|| panic!("{person}: {found:?}"));
        assert_eq!(reason, "damaged", "{detail}");
        assert!(detail.contains('%'), "{detail}");
    }
    assert!(found.iter().all(|row| row.0 != "whole"), "{found:?}");
}
