//! The example programs do what they say, and the README shows one of them.

use std::fs;

use s2f_testing::project;
use speech2face::audio::ReadOptions;
use speech2face::{DeviceChoice, ReconstructOptions, Speech2Face, VoicePolicy, VoiceRecording};

#[allow(dead_code, reason = "main is called, not run")]
#[path = "../../examples/contact_sheet.rs"]
mod contact_sheet;
#[path = "../../examples/reconstruct.rs"]
mod reconstruct;
#[allow(dead_code, reason = "main is called, not run")]
#[path = "../../examples/similarities.rs"]
mod similarities;

fn shipped() -> Speech2Face {
    Speech2Face::shipped(&DeviceChoice::Cpu.open().unwrap()).unwrap()
}

fn recording(name: &str) -> VoiceRecording {
    let path = project(&format!("examples/voices/{name}.flac"));
    VoiceRecording::read(&path, &ReadOptions::default()).unwrap()
}

fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    (reader.info().width, reader.info().height, pixels)
}

#[test]
fn the_readme_shows_the_example_and_it_runs() {
    let readme = fs::read_to_string(project("README.md")).unwrap();
    let (_, program) = include_str!("../../examples/reconstruct.rs").split_once("\n\n").unwrap();
    let shown = format!("```rust\n{}```\n", program.replace("pub fn main", "fn main"));
    assert!(readme.contains(&shown), "the README does not show examples/reconstruct.rs");

    // The other tests use absolute paths only.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("examples/voices")).unwrap();
    let voice = "examples/voices/low.flac";
    fs::copy(project(voice), folder.path().join(voice)).unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    reconstruct::main().unwrap();
    let (_, _, pixels) = decode(&fs::read(folder.path().join("low.png")).unwrap());
    let expected = shipped().reconstruct(&recording("low"), ReconstructOptions::default()).unwrap();
    assert_eq!(pixels, expected.face.picture.rgb);
}

#[test]
fn similarities_are_cosines() {
    let files = ["low", "high", "low"]
        .map(|name| project(&format!("examples/voices/{name}.flac")).display().to_string());
    let found = similarities::similarities(&files).unwrap();
    for (i, row) in found.iter().enumerate() {
        assert!((row[i] - 1.0).abs() < 1e-5);
        assert!((row[0] - row[2]).abs() < 1e-5);
    }
    // The two example voices are a low and a high one.
    assert!(found[0][1] < 0.9, "{found:?}");
    // Batched with others or alone, a voice has the same feature up to rounding.
    let model = shipped();
    let alone = |name| {
        model
            .embed_voice(recording(name).voice(), &VoicePolicy::default())
            .unwrap()
            .values()
            .to_vec()
    };
    let identity = model.face_space().identity_dimension();
    let (low, high) = (alone("low"), alone("high"));
    let dot: f32 = low[..identity].iter().zip(&high[..identity]).map(|(a, b)| a * b).sum();
    assert!((dot - found[0][1]).abs() < 1e-5, "{dot}");
}

#[test]
fn a_contact_sheet_has_the_faces_side_by_side() {
    let path = project("examples/voices/high.flac");
    let (width, height, pixels) = decode(&contact_sheet::contact_sheet(&path).unwrap());
    assert_eq!((width, height), (5 * 224, 224));
    let face = |number: usize| -> Vec<u8> {
        let rows = pixels.chunks_exact(3 * width as usize);
        rows.flat_map(|row| row[3 * 224 * number..3 * 224 * (number + 1)].to_vec()).collect()
    };
    let expected =
        shipped().reconstruct(&recording("high"), ReconstructOptions::default()).unwrap();
    assert_eq!(face(2), expected.face.picture.rgb);
    assert_ne!(face(0), face(2));
    assert_ne!(face(4), face(2));
}
