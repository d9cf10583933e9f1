//! Embeds many voices at once and prints the cosine similarity of every two as JSON:
//!
//! ```sh
//! cargo run --release -p speech2face --example similarities -- examples/voices/*.flac
//! ```
//!
//! The features describe how a voice sounds. They do not identify anybody.

use std::error::Error;
use std::path::Path;

use speech2face::audio::{Limits, read};
use speech2face::{DeviceChoice, Speech2Face, VoicePolicy};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let json = serde_json::json!({ "similarities": similarities(&files)?, "files": files });
    #[allow(clippy::print_stdout, reason = "it is what the program is for")]
    {
        println!("{json}");
    }
    Ok(())
}

/// The cosine similarity of the identities predicted for every two voices, from -1 to 1.
pub fn similarities(files: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
    let voices: Vec<_> = files
        .iter()
        .map(|file| read(Path::new(file), &Limits::default()))
        .collect::<Result<_, _>>()?;
    let features = model.embed_voices(&voices, &VoicePolicy::default())?;
    // The identities of the shipped model have unit length, so a dot product is the cosine.
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum();
    let identities: Vec<&[f32]> =
        features.iter().map(|feature| feature.space().identity_of(feature.values())).collect();
    let row = |a: &[f32]| identities.iter().map(|b| cosine(a, b)).collect();
    Ok(identities.iter().map(|a| row(a)).collect())
}
