//! `corpus prepare`: pairs from a corpus.

use std::path::{Path, PathBuf};

use anyhow::Context;
use s2f_corpus::media::Ffmpeg;
use s2f_corpus::prepare::{self, Settings, Tools};
use s2f_corpus::shard::Shard;
use s2f_corpus::speech::SpeechDetector;
use s2f_corpus::split::Shares;
use s2f_face::{Detector, FaceEncoder, OnnxEncoder, OnnxSettings};
use s2f_registry::Store;
use speech2face::{MobileFaceEncoder, VggFaceEncoder};

use super::LayoutName;
use crate::Outcome;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder of the corpus
    corpus: PathBuf,

    /// Folder for the pairs; the same command goes on in it where it was stopped
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,

    /// How the corpus lies on disk; found out by names where not said
    #[arg(long, value_enum)]
    layout: Option<LayoutName>,

    /// Do share I of N only, from 0/N; `corpus merge` then puts the shares together. Read from
    /// the variables of Slurm arrays, Kubernetes jobs (with JOB_COMPLETIONS) and torchrun where
    /// not said; 0/1 is everything
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// What describes the faces: mobileface, vgg-face (with --weights), or an ONNX recogniser
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = "mobileface")]
    encoder: String,

    /// Weights of the encoder, where they are not those of `model pull`
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// The face detector YuNet, where it is not that of `model pull yunet`
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,

    /// The speech detector, where it is not that of `model pull silero_vad`
    #[arg(long, value_name = "FILE")]
    speech_detector: Option<PathBuf>,

    #[command(flatten)]
    rules: Rules,

    /// Print one object of JSON at the end
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(next_help_heading = "What is kept")]
struct Rules {
    /// Frames of a video looked at, a second
    #[arg(long, value_name = "N", default_value_t = Settings::default().frames_per_second)]
    fps: f32,

    /// The shortest voice, seconds
    #[arg(long, value_name = "S", default_value_t = Settings::default().shortest_s)]
    shortest: f64,

    /// The longest voice, seconds; longer clips are shortened, videos cut into such pieces
    #[arg(long, value_name = "S", default_value_t = Settings::default().longest_s)]
    longest: f64,

    /// Seconds of speech in a clip
    #[arg(long, value_name = "S", default_value_t = Settings::default().speech_s)]
    speech: f64,

    /// Pieces taken of one video at most
    #[arg(long, value_name = "N", default_value_t = Settings::default().pieces)]
    pieces: usize,

    /// Share of the speakers for validation
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().validation)]
    validation: f64,

    /// Share of the speakers for the test, where the corpus does not prescribe them
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().test)]
    test: f64,

    /// Seed of the sharing out
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,

    /// Clips done between two writings, which is what a stopped run loses at most
    #[arg(long, value_name = "N", default_value_t = Settings::default().clips_per_part)]
    clips_per_part: usize,
}

const EXAMPLES: &str = "\
Examples:
  speech2face corpus prepare vox1 -o vox1-pairs
  speech2face corpus prepare videos -o pairs --fps 5 --min-speech 2
  speech2face corpus prepare avspeech -o pairs --shard 3/8       on the fourth of eight machines
  speech2face corpus prepare vox2 -o pairs --encoder arcface.onnx

Before the first time: speech2face model pull yunet silero_vad mobileface
The output is Parquet, one row a pair; rejected.csv has a row with the reason for every clip that
gave none.";

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let plan = super::plan(&args.corpus, args.layout)?;
    let shard = shard(args, printer)?;
    let settings = args.rules.settings();
    let store = Store::default_place()?;
    let located = |given: &Option<PathBuf>, name: &str| match given {
        Some(file) => Ok(file.clone()),
        None => store.locate(name),
    };
    let detector = Detector::open(located(&args.detector, "yunet")?)?;
    let speech = SpeechDetector::open(&located(&args.speech_detector, "silero_vad")?)?;
    let encoder = encoder(args, &store)?;
    let ffmpeg = Ffmpeg::find()?;
    let tools =
        Tools { ffmpeg: &ffmpeg, detector: &detector, speech: &speech, encoder: encoder.as_ref() };

    let bar = printer.with_progress(plan.clips.len());
    prepare::prepare(&plan, &settings, &tools, shard, &args.out, &|progress| {
        bar.clips(&progress);
    })?;
    drop(bar);
    if shard != Shard::ALL {
        let out = args.out.display();
        printer.note(format_args!("shard {shard} is done"));
        printer.note(format_args!(
            "once all are: speech2face corpus merge {out} -o {out} (name the folders of all shards)"
        ));
        return Ok(Outcome::AllGood);
    }
    let summary = prepare::merge(&[args.out.clone()], &args.out)?;
    super::merge::print(&summary, &args.out, args.json, printer)?;
    Ok(Outcome::AllGood)
}

fn shard(args: &Args, printer: &Printer) -> anyhow::Result<Shard> {
    if let Some(shard) = args.shard {
        return Ok(shard);
    }
    let told = Shard::from_job(|name| std::env::var(name).ok())?;
    Ok(told.map_or(Shard::ALL, |(shard, variable)| {
        printer.note(format_args!("doing shard {shard}, as {variable} says"));
        shard
    }))
}

fn encoder(args: &Args, store: &Store) -> anyhow::Result<Box<dyn FaceEncoder>> {
    Ok(match args.encoder.as_str() {
        "mobileface" => {
            let weights = match &args.weights {
                Some(file) => file.clone(),
                None => store.locate("mobileface")?,
            };
            Box::new(MobileFaceEncoder::open(&weights)?)
        }
        "vgg-face" => {
            let weights = args.weights.as_deref().context(
                "vgg-face needs its weights; hint: convert them to safetensors and name the file \
                 with --weights",
            )?;
            Box::new(VggFaceEncoder::open(weights)?)
        }
        file => Box::new(OnnxEncoder::open(Path::new(file), &OnnxSettings::default())?),
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
