//! Decodes the feature of a voice with increasing exaggeration, from the mean face to a caricature,
//! into one picture:
//!
//! ```sh
//! cargo run --release -p speech2face --example contact_sheet -- examples/voices/low.flac sheet.png
//! ```

use std::error::Error;
use std::path::Path;

use speech2face::audio::{Limits, read};
use speech2face::{DeviceChoice, Speech2Face, VoicePolicy, synthetic_png};

/// 0 is the prediction, -1 the mean face.
const EXAGGERATIONS: [f32; 5] = [-1.0, -0.5, 0.0, 0.7, 1.4];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(voice), Some(sheet)) = (arguments.next(), arguments.next()) else {
        return Err("usage: contact_sheet VOICE SHEET.png".into());
    };
    std::fs::write(sheet, contact_sheet(Path::new(&voice))?)?;
    Ok(())
}

/// A PNG file with the faces side by side.
pub fn contact_sheet(voice: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
    let voice = read(voice, &Limits::default())?;
    let feature = model.embed_voice(&voice, &VoicePolicy::default())?;
    let faces: Vec<_> = EXAGGERATIONS
        .iter()
        .map(|&exaggeration| model.decode(&feature, exaggeration))
        .collect::<Result<_, _>>()?;
    let side = faces[0].picture.side;
    let mut rgb = Vec::with_capacity(faces.len() * 3 * side * side);
    for row in 0..side {
        for face in &faces {
            rgb.extend_from_slice(&face.picture.rgb[3 * side * row..3 * side * (row + 1)]);
        }
    }
    let size = [(faces.len() * side) as u32, side as u32];
    Ok(synthetic_png(size, &rgb, model.id())?)
}
