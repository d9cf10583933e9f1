//! `corpus prepare`: pairs from a corpus.

use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use s2f_corpus::layout::{Layout, plan};
use s2f_corpus::media::Ffmpeg;
use s2f_corpus::prepare::{self, Progress, Settings, Tools};
use s2f_corpus::shard::Shard;
use s2f_corpus::speech::SpeechDetector;
use s2f_face::{Detector, FaceEncoder, OnnxEncoder, OnnxPreprocessing};
use s2f_pairs::Shares;
use s2f_registry::{RegistryError, Store};
use speech2face::{MobileFaceEncoder, VggFaceEncoder};

use crate::Outcome;
use crate::device::DeviceArgs;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder of the corpus
    corpus: PathBuf,

    /// Output folder; the same command resumes an interrupted preparation
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,

    /// Layout of the corpus; detected if omitted
    #[arg(long, value_parser = super::layout_name())]
    layout: Option<Layout>,

    /// Prepare only shard I of N, counted from 0; `corpus merge` merges the shards
    ///
    /// If omitted, it is read from the environment variables of Slurm arrays, Kubernetes jobs (with
    /// JOB_COMPLETIONS) and torchrun. 0/1 is the whole corpus.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Face encoder: mobileface, vgg-face (with --weights), or an ONNX face recognition network
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = MOBILEFACE)]
    encoder: String,

    /// Weights of the face encoder [default: those of `model pull`]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Face detector, a YuNet ONNX file [default: that of `model pull yunet`]
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,

    /// Speech detector, a Silero VAD ONNX file [default: that of `model pull silero_vad`]
    #[arg(long, value_name = "FILE")]
    speech_detector: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    rules: Rules,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Selection")]
struct Rules {
    /// Video frames to sample per second
    #[arg(long, value_name = "N", default_value_t = Settings::default().frames_per_second)]
    fps: f64,

    /// Minimum length of a clip, seconds
    #[arg(long, value_name = "S", default_value_t = Settings::default().shortest_s)]
    shortest: f64,

    /// Maximum length of a clip, seconds; longer clips are shortened, long videos cut into segments
    #[arg(long, value_name = "S", default_value_t = Settings::default().longest_s)]
    longest: f64,

    /// Minimum duration of speech in a clip, seconds
    #[arg(long, value_name = "S", default_value_t = Settings::default().speech_s)]
    speech: f64,

    /// Maximum number of segments of one video
    #[arg(long, value_name = "N", default_value_t = Settings::default().pieces)]
    pieces: usize,

    /// Fraction of the speakers for validation
    #[arg(long, value_name = "FRACTION", default_value_t = Shares::default().validation)]
    validation: f64,

    /// Fraction of the speakers for the test, if the corpus has no official split
    #[arg(long, value_name = "FRACTION", default_value_t = Shares::default().test)]
    test: f64,

    /// Random seed of the split
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,

    /// Clips per part; an interrupted run loses at most one part
    #[arg(long, value_name = "N", default_value_t = Settings::default().clips_per_part)]
    clips_per_part: usize,
}

/// Names of the built-in face encoders.
const MOBILEFACE: &str = "mobileface";
const VGG_FACE: &str = "vgg-face";

const EXAMPLES: &str = "\
Examples:
  speech2face corpus prepare vox1 -o vox1-pairs
  speech2face corpus prepare videos -o pairs --fps 5 --speech 2
  speech2face corpus prepare avspeech -o pairs --shard 3/8       on the fourth of eight machines
  speech2face corpus prepare vox2 -o pairs --encoder arcface.onnx

Before the first run: speech2face model pull yunet silero_vad mobileface
The output is Parquet, one row per pair; rejected.csv has a row with the reason for every clip that
was rejected.";

/// How often progress is printed if there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let plan = plan(&args.corpus, args.layout)?;
    let shard = shard(args, printer)?;
    let settings = args.rules.settings();
    let Networks { detector, speech, encoder } = networks(args)?;
    let ffmpeg = Ffmpeg::find()?;
    let tools =
        Tools { ffmpeg: &ffmpeg, detector: &detector, speech: &speech, encoder: encoder.as_ref() };

    let bar = printer.with_progress(plan.clips.len());
    let started = Instant::now();
    let printed = Mutex::new(started);
    prepare::prepare(&plan, &settings, &tools, shard, &args.out, &|progress| {
        let so_far = so_far(&progress, started);
        bar.working_on(&so_far);
        bar.reach(progress.done as u64);
        // In the log of a job, a line from time to time replaces the bar.
        let Ok(mut printed) = printed.lock() else { return };
        if !bar.shows_progress() && printed.elapsed() > BETWEEN_LINES {
            *printed = Instant::now();
            printer.note(format_args!("{} of {} clips: {so_far}", progress.done, progress.clips));
        }
    })?;
    drop(bar);
    if shard != Shard::ALL {
        let out = args.out.display();
        printer.note(format_args!("shard {shard} is done"));
        printer.note(format_args!(
            "after all shards: speech2face corpus merge {out} -o {out} (name the folders of all shards)"
        ));
        return Ok(Outcome::AllGood);
    }
    let summary = prepare::merge(slice::from_ref(&args.out), &args.out)?;
    super::merge::print(&summary, &args.out, args.json, printer)?;
    if summary.pairs == 0 {
        printer.warning("all clips were rejected: there are no pairs");
        return Ok(Outcome::SomeFailed);
    }
    Ok(Outcome::AllGood)
}

/// The text of the progress bar.
fn so_far(progress: &Progress, started: Instant) -> String {
    let Progress { pairs, rejected, seconds, .. } = progress;
    let times = seconds / started.elapsed().as_secs_f64().max(1e-3);
    format!("{pairs} pairs, {rejected} rejected, {times:.0} × real time")
}

fn shard(args: &Args, printer: &Printer) -> anyhow::Result<Shard> {
    if let Some(shard) = args.shard {
        return Ok(shard);
    }
    let found = Shard::from_job(|name| std::env::var(name).ok())?;
    Ok(found.map_or(Shard::ALL, |(shard, variable)| {
        printer.note(format_args!("preparing shard {shard}, from {variable}"));
        shard
    }))
}

/// The networks that preparation uses.
struct Networks {
    detector: Detector,
    speech: SpeechDetector,
    encoder: Box<dyn FaceEncoder>,
}

fn networks(args: &Args) -> anyhow::Result<Networks> {
    let store = Store::from_environment()?;
    let mut absent = Vec::new();
    // The given file, or that of the store; all missing networks are reported together.
    let mut locate = |given: &Option<PathBuf>, name: &'static str| match given {
        Some(file) => Ok(file.clone()),
        None => match store.locate(name) {
            Ok(mut files) => Ok(files.swap_remove(0)),
            Err(RegistryError::Missing { .. }) => {
                absent.push(name);
                Ok(PathBuf::new())
            }
            Err(error) => Err(error),
        },
    };
    let detector = locate(&args.detector, "yunet")?;
    let speech = locate(&args.speech_detector, "silero_vad")?;
    let mobileface = match args.encoder.as_str() {
        MOBILEFACE => locate(&args.weights, "mobileface")?,
        _ => PathBuf::new(),
    };
    if !absent.is_empty() {
        let names = absent.join(" ");
        bail!("networks are missing: {names}; hint: speech2face model pull {names}");
    }
    let device = args.device.open()?;
    let encoder: Box<dyn FaceEncoder> = match args.encoder.as_str() {
        MOBILEFACE => Box::new(MobileFaceEncoder::open(mobileface, &device)?),
        VGG_FACE => {
            let weights = args.weights.as_deref().context(
                "vgg-face needs its weights; hint: `speech2face model pull vgg-face` shows where to \
                 get them, then name the file with --weights",
            )?;
            Box::new(VggFaceEncoder::open(weights, &device)?)
        }
        file if Path::new(file).exists() => {
            Box::new(OnnxEncoder::open(file, OnnxPreprocessing::default())?)
        }
        other => bail!(
            "there is no face encoder or file called {other}; hint: use {MOBILEFACE}, {VGG_FACE}, \
             or an ONNX file"
        ),
    };
    Ok(Networks {
        detector: Detector::open(detector)?,
        speech: SpeechDetector::open(speech)?,
        encoder,
    })
}

impl Rules {
    fn settings(&self) -> Settings {
        Settings {
            frames_per_second: self.fps,
            shortest_s: self.shortest,
            longest_s: self.longest,
            speech_s: self.speech,
            pieces: self.pieces,
            shares: Shares { validation: self.validation, test: self.test },
            seed: self.seed,
            clips_per_part: self.clips_per_part,
            ..Settings::default()
        }
    }
}
