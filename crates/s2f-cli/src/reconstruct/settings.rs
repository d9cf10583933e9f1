//! What was typed after `reconstruct`, and what it means.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf, is_separator};

use anyhow::{Context, bail};
use clap::ValueEnum;
use speech2face::{ReconstructOptions, VoicePolicy};

use super::outputs::{Place, Target, targets};
use crate::device::DeviceArgs;
use crate::model_choice::ModelChoice;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recordings: WAV, FLAC, MP3, M4A, Ogg, Opus, WebM, AIFF, or a video; - reads standard input
    ///
    /// Six seconds of one voice are enough, more is better. Each is drawn as NAME.png beside it. A
    /// file that cannot be used is named and skipped.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Folder for the pictures or, for one recording, the name of its picture
    ///
    /// A name that ends in .png, .json or .npy is a file and chooses the format; any other is a
    /// folder, which is made where there is none. Where two recordings would get the same name, the
    /// later one is numbered: voice.png, voice-2.png.
    #[arg(short, long, value_name = "FOLDER|FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    pub model: ModelChoice,

    #[command(flatten)]
    pub device: DeviceArgs,

    /// Push the face away from the mean face: 0 is as predicted, 0.7 and 1.4 show the traits more
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, allow_negative_numbers = true)]
    #[arg(value_parser = amount)]
    exaggerate: f32,

    /// Which part of the recording is listened to
    #[arg(long, value_enum, default_value_t = Window::All)]
    window: Window,

    /// What to write; can be given several times [default: png]
    #[arg(long = "format", value_name = "FORMAT", value_enum)]
    formats: Vec<Format>,

    /// Print one line of JSON for each recording
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  speech2face reconstruct voice.m4a
  speech2face reconstruct *.wav -o faces
  speech2face reconstruct voice.m4a --exaggerate 0.7 -o face.png
  speech2face reconstruct voice.wav --format png --format json --format npy
  ffmpeg -i film.mp4 -ss 60 -t 20 -f wav - | speech2face reconstruct - -o face.png
  speech2face reconstruct *.flac -o faces --json -q | jq .outputs";

#[derive(Clone, Copy, ValueEnum)]
enum Window {
    /// All of it: features of overlapping 6 s windows are averaged, up to 20 of them
    All,
    /// The first 6 s, as in the paper
    First,
}

/// What is written of a portrait.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The picture
    Png,
    /// Provenance, feature and landmarks
    Json,
    /// Feature and landmarks for NumPy: NAME.feature.npy, NAME.landmarks.npy
    Npy,
}

/// The amounts that give faces; beyond them the decoder is asked for what it never saw.
const AMOUNTS: std::ops::RangeInclusive<f32> = -1.0..=3.0;

fn amount(typed: &str) -> Result<f32, String> {
    let amount: f32 = typed.parse().map_err(|_| "not a number".to_owned())?;
    if AMOUNTS.contains(&amount) {
        Ok(amount)
    } else {
        Err(format!("from {} (the mean face) to {} is possible", AMOUNTS.start(), AMOUNTS.end()))
    }
}

/// Where a recording comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// As messages show it.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// What is to be done.
pub struct Job {
    /// The recordings and where their files go.
    pub inputs: Vec<(Input, Target)>,
    /// Recordings that were given more than once.
    pub repeated: Vec<String>,
    pub options: ReconstructOptions,
    pub formats: Vec<Format>,
    pub json: bool,
}

impl Job {
    /// Makes sense of what was typed; makes the folder for the pictures.
    ///
    /// # Errors
    /// Options that contradict each other, or a folder that cannot be made.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let (inputs, repeated) = without_repetitions(&args.files);
        let mut formats = Vec::new();
        for format in &args.formats {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        let place = match &args.output {
            None => Place::BesideInput,
            Some(output) => place(output, inputs.len(), &mut formats)?,
        };
        if formats.is_empty() {
            formats.push(Format::Png);
        }
        if let Place::Folder(folder) = &place {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let targets = targets(&inputs, &place, &formats);
        let voice = match args.window {
            Window::All => VoicePolicy::default(),
            Window::First => VoicePolicy::first_clip(),
        };
        Ok(Self {
            inputs: inputs.into_iter().zip(targets).collect(),
            repeated,
            options: ReconstructOptions { voice, exaggerate: args.exaggerate },
            formats,
            json: args.json,
        })
    }
}

/// The inputs, each once, and the names of those that came again.
fn without_repetitions(files: &[PathBuf]) -> (Vec<Input>, Vec<String>) {
    let mut seen = HashSet::new();
    let (mut inputs, mut repeated) = (Vec::new(), Vec::new());
    for file in files {
        let input = match file.to_str() {
            Some("-") => Input::Stdin,
            _ => Input::File(file.clone()),
        };
        // A file that does not exist is reported when it is read.
        let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.insert(identity) {
            inputs.push(input);
        } else {
            repeated.push(input.name());
        }
    }
    (inputs, repeated)
}

/// What `-o` means. A name that ends in that of a format chooses the format, where none was.
fn place(output: &Path, inputs: usize, formats: &mut Vec<Format>) -> anyhow::Result<Place> {
    let name = output.display();
    let is_folder = output.is_dir() || output.as_os_str().to_string_lossy().ends_with(is_separator);
    let Some(extension) = output.extension().filter(|_| !is_folder) else {
        return Ok(Place::Folder(output.to_owned()));
    };
    let extension = extension.to_string_lossy().to_lowercase();
    let Ok(format) = Format::from_str(&extension, true) else {
        bail!(
            "{name} ends in .{extension}, which is not written; hint: end it in .png, .json or \
             .npy, or in / to make a folder"
        );
    };
    if inputs > 1 {
        bail!("{name} is one file for {inputs} recordings; hint: give a folder, as in -o faces");
    }
    if formats.is_empty() {
        formats.push(format);
    }
    if !formats.contains(&format) {
        bail!("{name} is no name for what --format asks for; hint: leave one of the two out");
    }
    Ok(Place::File(output.to_owned()))
}
