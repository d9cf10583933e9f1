//! Draws faces for a recording as cartoons.
//!
//! `cargo run --release -p speech2face --example cartoon -- VOICE FOLDER [COUNT] [sticker|line]`

use std::path::Path;

use speech2face::audio::ReadOptions;
use speech2face::core::AtomicFile;
use speech2face::{
    CartoonStyle, DeviceChoice, ReconstructOptions, Sampling, Speech2Face, VoiceRecording,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [voice, folder, rest @ ..] = arguments.as_slice() else {
        return Err("usage: cartoon VOICE FOLDER [COUNT] [sticker|line]".into());
    };
    let count = rest.first().map_or(Ok(6), |count| count.parse())?;
    let style = rest.get(1).map_or(Ok(CartoonStyle::Sticker), |style| style.parse())?;
    let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
    let recording = VoiceRecording::read(voice.as_ref(), &ReadOptions::default())?;
    let sampling = Sampling { count, seed: 0, truncation: 1.0 };
    let faces = model.reconstruct_faces(&recording, ReconstructOptions::default(), sampling)?;
    for (index, drawn) in std::iter::once(&faces.mean).chain(&faces.samples).enumerate() {
        let amount = CartoonStyle::USUAL_CARICATURE;
        let cartoon = model.cartoon(&drawn.face, style, amount)?;
        let path = Path::new(folder).join(format!("cartoon-{index}"));
        AtomicFile::write(&path.with_extension("svg"), cartoon.svg().as_bytes())?;
        AtomicFile::write(&path.with_extension("png"), &cartoon.to_png(512)?)?;
    }
    Ok(())
}
