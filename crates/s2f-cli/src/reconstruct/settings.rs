//! The arguments of `reconstruct`, and what they mean.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf, is_separator};

use anyhow::{Context, bail};
use clap::ValueEnum;
use speech2face::{CartoonStyle, ReconstructOptions, Sampling, VoicePolicy};

use super::inputs::{Input, Inputs};
use super::outputs::{Format, OutputPlace, Target, targets};
use crate::device::DeviceArgs;
use crate::model_choice::ModelChoice;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recordings: WAV, FLAC, MP3, M4A, Ogg, Opus, WebM, AIFF, or a video; folders of them; -
    /// reads standard input
    ///
    /// Other formats (AMR, WMA, AVI, HE-AAC, …) are read with ffmpeg, if it is installed. Six
    /// seconds of one voice are enough; more is better. The picture is written next to the
    /// recording as NAME.png. Files that cannot be used are reported and skipped. In a folder,
    /// recordings and videos are found by the ends of their names, also in the folders inside it.
    #[arg(value_name = "FILE|FOLDER", required_unless_present = "files_from")]
    files: Vec<PathBuf>,

    /// Also read the names of recordings and folders from this file, one a line; - reads them from
    /// standard input
    #[arg(long, value_name = "LIST")]
    files_from: Vec<PathBuf>,

    /// Output folder or, for a single recording, output file; - writes to standard output
    ///
    /// A name that ends in .png, .svg, .json or .npy is a file and selects the format. Any other
    /// name is a folder, which is created if it does not exist. If two recordings would get the
    /// same name, the second is numbered: voice.png, voice-2.png.
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER|FILE|-")]
    output: Option<PathBuf>,

    /// Skip recordings whose files are all there already
    #[arg(long, conflicts_with = "overwrite")]
    skip_existing: bool,

    /// Replace files that speech2face did not write, too; its own are always replaced
    #[arg(long)]
    overwrite: bool,

    /// Print which files would be written, and draw nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    pub model: ModelChoice,

    #[command(flatten)]
    pub device: DeviceArgs,

    /// Exaggerate the traits: 0 is the prediction, 0.7 and 1.4 exaggerate, -1 gives the mean face
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, allow_negative_numbers = true)]
    #[arg(value_parser = amount)]
    exaggerate: f32,

    /// Also draw this many plausible faces, 1 to 100, each different in what the voice leaves open
    ///
    /// A voice tells something about sex and age, little about the rest. The picture NAME.png is
    /// the mean of all plausible faces; this draws single ones: NAME-1.png, NAME-2.png and so on,
    /// NAME-faces.png with all of them, the mean face first, and NAME.json with the density and
    /// the traits of each (with --format, only the formats that it names). A short or noisy
    /// recording tells less, so its faces differ more; -v shows how much it tells.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100))]
    faces: Option<u64>,

    /// Random seed of --faces: the same seed draws the same faces
    #[arg(long, default_value_t = 0, requires = "faces")]
    seed: u64,

    /// How far the faces of --faces may be from typical ones: 1 draws all plausible faces, 0.7
    /// more typical ones, 0 only the most typical
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, requires = "faces")]
    #[arg(value_parser = truncation)]
    truncate: f64,

    /// Draw a cartoon instead of a photograph: sticker or line
    #[arg(long, value_name = "STYLE", value_parser = style)]
    style: Option<CartoonStyle>,

    /// How far a cartoon is moved away from the mean face, from 0 to 2
    #[arg(long, value_name = "AMOUNT", requires = "style", value_parser = caricature)]
    #[arg(default_value_t = CartoonStyle::USUAL_CARICATURE)]
    caricature: f32,

    /// Part of the recording to use
    #[arg(long, value_enum, default_value_t = Window::All)]
    window: Window,

    /// Number of the sound track to use, from 1 [default: the file's default track, or else the
    /// first that can be read]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    track: Option<u16>,

    /// Fail for recordings without speech instead of printing a warning
    ///
    /// Every recording is searched for speech. Only one voice is expected: if two people of
    /// different pitch speak in turn, a warning says so, but voices of similar pitch are not told
    /// apart.
    #[arg(long)]
    require_speech: bool,

    /// Output format; can be given several times [default: png]
    #[arg(long = "format", value_name = "FORMAT", value_enum)]
    formats: Vec<Format>,

    /// Print one JSON object per recording
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  speech2face reconstruct voice.m4a
  speech2face reconstruct recordings -o faces --skip-existing
  find . -name '*.opus' | speech2face reconstruct --files-from - -o faces
  speech2face reconstruct voice.m4a --exaggerate 0.7 -o face.png
  speech2face reconstruct voice.m4a --style sticker
  speech2face reconstruct voice.wav --faces 6 --seed 1
  speech2face reconstruct voice.wav --faces 6 --truncate 0.7 -o faces -v
  speech2face reconstruct voice.wav --format png --format json --format npy
  ffmpeg -i film.mp4 -ss 60 -t 20 -f wav - | speech2face reconstruct - -o face.png
  speech2face reconstruct *.flac -o faces --json -q | jq .outputs";

#[derive(Clone, Copy, ValueEnum)]
enum Window {
    /// All of it, in up to 20 overlapping windows of 6 s whose features are averaged
    All,
    /// Only the first 6 s, as in the paper
    First,
}

fn amount(typed: &str) -> Result<f32, String> {
    let amount: f32 = typed.parse().map_err(|_| "not a number".to_owned())?;
    let range = ReconstructOptions::EXAGGERATION;
    if range.contains(&amount) {
        Ok(amount)
    } else {
        Err(format!("must be from {} (the mean face) to {}", range.start(), range.end()))
    }
}

fn style(typed: &str) -> Result<CartoonStyle, String> {
    typed.parse().map_err(|_| "must be sticker or line".to_owned())
}

fn caricature(typed: &str) -> Result<f32, String> {
    let amount: f32 = typed.parse().map_err(|_| "not a number".to_owned())?;
    let range = CartoonStyle::CARICATURE;
    if range.contains(&amount) { Ok(amount) } else { Err("must be from 0 to 2".into()) }
}

fn truncation(typed: &str) -> Result<f64, String> {
    let share: f64 = typed.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must be from 0 (the most typical faces) to 1 (all plausible faces)".into())
    }
}

/// What to reconstruct, and how.
pub struct Request {
    /// The output folder, if there is one.
    folder: Option<PathBuf>,
    /// The recordings, each with its output files.
    pub inputs: Vec<(Input, Target)>,
    /// Names of recordings that were given more than once.
    pub repeated: Vec<String>,
    pub options: ReconstructOptions,
    /// Which faces are drawn at random, besides the mean face.
    pub sampling: Option<Sampling>,
    /// Whether pictures are cartoons, and their amount of caricature.
    pub cartoon: Option<(CartoonStyle, f32)>,
    pub formats: Vec<Format>,
    pub json: bool,
    /// Number of recordings that are not drawn since their files are there.
    pub skipped: usize,
    pub overwrite: bool,
    pub dry_run: bool,
    /// Write the only file to standard output.
    pub to_stdout: bool,
    /// The sound track to use, from 1.
    pub track: Option<usize>,
    /// Whether a recording without speech is an error.
    pub require_speech: bool,
}

impl Request {
    /// Interprets the arguments.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let Inputs { recordings, repeated } = Inputs::new(&args.files, &args.files_from)?;
        let mut formats = Vec::new();
        for format in &args.formats {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        let place = match &args.output {
            None => OutputPlace::BesideInput,
            Some(output) => place(output, recordings.len(), &mut formats)?,
        };
        if formats.is_empty() {
            formats.push(Format::Png);
        }
        if formats.contains(&Format::Svg) && args.style.is_none() {
            bail!("only cartoons are written as SVG; hint: add --style sticker or --style line");
        }
        let sampling = args.faces.map(|count| Sampling {
            count: count as usize,
            seed: args.seed,
            truncation: args.truncate,
        });
        if sampling.is_some() && args.formats.is_empty() && !formats.contains(&Format::Json) {
            formats.push(Format::Json);
        }
        let faces = sampling.map_or(0, |sampling| sampling.count);
        let to_stdout = matches!(place, OutputPlace::Stdout);
        if to_stdout {
            check_stdout(args, &formats)?;
        }
        let targets = targets(&recordings, &place, &formats, faces);
        let all = recordings.len();
        let mut inputs: Vec<(Input, Target)> = recordings.into_iter().zip(targets).collect();
        if args.skip_existing {
            inputs.retain(|(_, target)| {
                let files = target.files(&formats, faces, args.style.is_some());
                files.iter().any(|file| !file.exists())
            });
        }
        let voice = match args.window {
            Window::All => VoicePolicy::default(),
            Window::First => VoicePolicy::first_clip(),
        };
        let folder = match place {
            OutputPlace::Folder(folder) => Some(folder),
            _ => None,
        };
        Ok(Self {
            folder,
            skipped: all - inputs.len(),
            inputs,
            repeated,
            options: ReconstructOptions { voice, exaggerate: args.exaggerate },
            sampling,
            cartoon: args.style.map(|style| (style, args.caricature)),
            formats,
            json: args.json,
            overwrite: args.overwrite,
            dry_run: args.dry_run,
            to_stdout,
            track: args.track.map(Into::into),
            require_speech: args.require_speech,
        })
    }

    /// The files of a recording.
    pub fn files(&self, target: &Target) -> Vec<PathBuf> {
        let faces = self.sampling.map_or(0, |sampling| sampling.count);
        target.files(&self.formats, faces, self.cartoon.is_some())
    }

    /// Creates the output folder.
    ///
    /// # Errors
    /// Names the folder that cannot be created.
    pub fn create_folder(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))
    }
}

/// Refuses what does not fit one file in standard output.
fn check_stdout(args: &Args, formats: &[Format]) -> anyhow::Result<()> {
    if formats.len() != 1 || formats.contains(&Format::Npy) || args.faces.is_some() {
        bail!(
            "-o - writes one file; hint: name a folder with -o, or one --format: png, svg or json"
        );
    }
    if args.json {
        bail!("-o - and --json both write to standard output; hint: omit one of the two");
    }
    if formats.contains(&Format::Png) && !args.dry_run && io::stdout().is_terminal() {
        bail!("a picture is not for a terminal; hint: redirect it, as in -o - > face.png");
    }
    Ok(())
}

/// What `-o` means. A name with the extension of a format selects that format, unless `--format`
/// is given.
fn place(output: &Path, inputs: usize, formats: &mut Vec<Format>) -> anyhow::Result<OutputPlace> {
    let name = output.display();
    if output.as_os_str() == "-" {
        if inputs > 1 {
            bail!("-o - is for one recording, not {inputs}; hint: name a folder, as in -o faces");
        }
        return Ok(OutputPlace::Stdout);
    }
    let is_folder = output.is_dir() || output.as_os_str().to_string_lossy().ends_with(is_separator);
    let Some(extension) = output.extension().filter(|_| !is_folder) else {
        return Ok(OutputPlace::Folder(output.to_owned()));
    };
    let extension = extension.to_string_lossy().to_lowercase();
    let Ok(format) = Format::from_str(&extension, true) else {
        bail!(
            "{name} ends in .{extension}, which is not an output format; hint: use .png, .svg, \
             .json or .npy, or end the name in / to create a folder"
        );
    };
    if inputs > 1 {
        bail!("{name} is one file for {inputs} recordings; hint: name a folder, as in -o faces");
    }
    if formats.is_empty() {
        formats.push(format);
    }
    if !formats.contains(&format) {
        bail!("{name} does not fit --format; hint: omit one of the two");
    }
    Ok(OutputPlace::File(output.to_owned()))
}
