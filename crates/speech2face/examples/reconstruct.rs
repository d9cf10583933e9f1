//! Reconstructs a face from a recording, as the README shows it; run it from the project's folder:
//!
//! ```sh
//! cargo run --release -p speech2face --example reconstruct
//! ```
#![allow(missing_docs, reason = "main is public for a test")]

use speech2face::audio::ReadOptions;
use speech2face::{DeviceChoice, ReconstructOptions, Speech2Face, VoiceRecording};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = DeviceChoice::Cpu.open()?;
    let model = Speech2Face::shipped(&device)?;
    let recording =
        VoiceRecording::read("examples/voices/low.flac".as_ref(), &ReadOptions::default())?;
    let reconstruction = model.reconstruct(&recording, ReconstructOptions::default())?;
    std::fs::write("low.png", reconstruction.to_png()?)?;
    Ok(())
}
