//! `reconstruct --style`: cartoons instead of photographs.

use crate::support::{Folder, Png, voice};

#[test]
fn a_cartoon_is_written_with_its_marks_and_replaced() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(2.0, 120.0));
    let command = |style| ["reconstruct", "voice.wav", "--style", style];
    for style in ["sticker", "line", "cartoon"] {
        let both = command(style).into_iter().chain(["--format", "png", "--format", "svg"]);
        folder.run(both).exits(0);
        assert_eq!(folder.files(), ["voice.png", "voice.svg", "voice.wav"]);
        let svg = String::from_utf8(folder.read("voice.svg")).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("It shows no real person"));
        assert!(svg.contains("<metadata>speech2face "));
        let png = Png::decode(&folder.read("voice.png"));
        assert!(png.texts["Description"].starts_with("Synthetic image."));
        assert!(png.texts["speech2face"].contains("\"recording\""), "no provenance");
    }
    folder.run(["reconstruct", "voice.wav", "--style", "line", "-o", "face.svg"]).exits(0);
    assert!(folder.read("face.svg").starts_with(b"<svg "));
}

#[test]
fn what_is_no_cartoon_is_refused() {
    let folder = Folder::new();
    folder.write("voice.wav", voice(2.0, 120.0));
    folder.write("voice.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\">mine</svg>");
    for (arguments, words) in [
        (vec!["--format", "svg"], "only cartoons are written as SVG"),
        (vec!["--style", "oil"], "must be sticker or line"),
        (vec!["--style", "line", "--caricature", "3"], "must be from 0 to 2"),
        (vec!["--caricature", "1"], "--style"),
    ] {
        let all = ["reconstruct", "voice.wav"].into_iter().chain(arguments);
        let run = folder.run(all).exits(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let style = ["reconstruct", "voice.wav", "--style", "line", "--format", "svg"];
    let run = folder.run(style).exits(1);
    assert!(run.stderr.contains("was not written by speech2face"), "{}", run.stderr);
}
