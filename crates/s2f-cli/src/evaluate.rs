//! `speech2face evaluate`: a model against pairs, as a report.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use s2f_eval::{Evaluation, Event, FaceReader, Options, Other, Part, evaluate};
use s2f_pairs::PairSet;
use s2f_pairs::Split;
use s2f_registry::{RegistryError, Store};
use serde::{Deserialize, Serialize};
use speech2face::{Device, ModelSource, Speech2Face};

use crate::Outcome;
use crate::device::DeviceArgs;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model to evaluate: compact, which is part of the program, a model folder, or the run folder
    /// of a training
    #[arg(value_name = "MODEL")]
    model: String,

    /// Folder of pairs, or one Parquet file, as `corpus prepare` writes them
    #[arg(value_name = "PAIRS")]
    pairs: PathBuf,

    /// Folder for report.html, scores.csv, report.json and the pictures
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,

    /// Which pairs; all is for models that were trained on none of them
    #[arg(long, value_enum, default_value_t = Which::Test)]
    split: Which,

    /// Pairs at most, as many of each speaker as of every other
    #[arg(long, value_name = "COUNT", default_value_t = 5000, value_parser = at_least_two)]
    most: usize,

    /// Seconds of each voice that are heard [default: 6, as in the paper, or less where recordings
    /// are shorter]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,

    /// Other models, or run folders of an ablation, to compare with on the same pairs
    #[arg(long, value_name = "MODEL", num_args = 1..)]
    compare: Vec<String>,

    /// An earlier report on the same pairs to compare with: report.json, or its folder
    #[arg(long, value_name = "REPORT")]
    baseline: Option<PathBuf>,

    /// Table of your own labels: speaker_id or pair_id, then a column an attribute
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,

    /// Pairs whose faces are drawn and read, at most; 0 leaves attributes and craniofacial measures
    /// out
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pictures: usize,

    /// Show drawn faces only, whatever the licence of the photographs allows
    #[arg(long)]
    no_photographs: bool,

    /// Draws of the bootstrap behind each interval
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = draws)]
    draws: usize,

    /// Seed of all that is drawn by lot
    #[arg(long, default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one object of JSON with the headline scores
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  speech2face evaluate runs/first pairs -o report          the test split, after training
  speech2face evaluate compact grid --split all -o report  a model that has seen none of them
  speech2face evaluate runs/a pairs -o report --compare runs/b runs/c
  speech2face evaluate runs/b pairs -o later --baseline report
  speech2face evaluate runs/a pairs -o report --labels labels.csv

Reading drawn faces needs three published networks: speech2face model pull yunet face_landmark_68
age_gender. Stopped at any instant, the same command goes on where it was.";

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// What training has never looked at
    Test,
    /// What training looked at to choose the best weights
    Validation,
    /// What training learnt from: how much it has learnt by heart
    Train,
    /// Every pair
    All,
}

fn at_least_two(typed: &str) -> Result<usize, String> {
    typed.parse().ok().filter(|&count| count >= 2).ok_or_else(|| "a number from 2 on".to_owned())
}

fn draws(typed: &str) -> Result<usize, String> {
    let draws = typed.parse().ok().filter(|count| (100..=100_000).contains(count));
    draws.ok_or_else(|| "a number from 100 to 100000".to_owned())
}

fn seconds(typed: &str) -> Result<f64, String> {
    let seconds = typed.parse().ok().filter(|seconds| (1.0..=60.0).contains(seconds));
    seconds.ok_or_else(|| "a number from 1 to 60".to_owned())
}

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    may_write(&args.out)?;
    let set = PairSet::open(&args.pairs)?;
    let device = args.device.open()?;
    let model = Candidate::open(&args.model, &set, &device, printer)?;
    let others = args
        .compare
        .iter()
        .map(|name| {
            let Candidate { name, model, trained_on } =
                Candidate::open(name, &set, &device, printer)?;
            Ok(Other { name, model, trained_on })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let reader = if args.pictures == 0 { None } else { Some(reader()?) };
    let options = Options {
        name: &model.name,
        part: match args.split {
            Which::Test => Part::Split(Split::Test),
            Which::Validation => Part::Split(Split::Validation),
            Which::Train => Part::Split(Split::Train),
            Which::All => Part::All,
        },
        most: args.most,
        seconds: args.seconds,
        reader: reader.as_ref(),
        pictures: args.pictures,
        photographs: !args.no_photographs,
        draws: args.draws,
        seed: args.seed,
        labels: args.labels.as_deref(),
        baseline: args.baseline.as_deref(),
        trained_on: model.trained_on.as_ref(),
        others: &others,
    };
    let mut progress: Option<Printer> = None;
    let evaluation = evaluate(&model.model, &set, &args.out, &options, &mut |event| match event {
        Event::Begin(what, pairs) => {
            let bar = progress.insert(printer.with_progress(pairs));
            bar.working_on(what);
            if !bar.shows_progress() {
                printer.note(format_args!("{what} ({pairs} pairs)"));
            }
        }
        Event::Done(pairs) => {
            if let Some(bar) = &progress {
                bar.reach(pairs as u64);
            }
        }
    })?;
    drop(progress);
    evaluation.write(&args.out)?;
    print(&evaluation, args, printer)?;
    Ok(Outcome::AllGood)
}

/// Refuses a folder with something in it that is not a report of this program.
fn may_write(out: &Path) -> anyhow::Result<()> {
    let name = out.display();
    if out.exists() && !out.is_dir() {
        bail!("{name} is a file; hint: name a folder for the report with -o");
    }
    let Ok(mut entries) = fs::read_dir(out) else { return Ok(()) };
    let is_own = out.join("report.json").is_file() || out.join("features").is_dir();
    if entries.next().is_some() && !is_own {
        bail!(
            "{name} holds something else than a report; hint: name an empty folder, or one that is \
             not there, with -o"
        );
    }
    Ok(())
}

/// A model, and the pairs that it was trained on, where they are at hand.
struct Candidate {
    name: String,
    model: Speech2Face,
    trained_on: Option<PairSet>,
}

impl Candidate {
    fn open(
        typed: &str,
        set: &PairSet,
        device: &Device,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let source = ModelSource::resolve(typed)?;
        let (name, model) = (source.short_name(), source.open(device)?);
        let trained_on = match &source {
            ModelSource::RunFolder(run) => trained_on(run, set, printer)?,
            _ => None,
        };
        Ok(Self { name, model, trained_on })
    }
}

/// The pairs that a run was trained on. Where they are no longer there, that is said.
fn trained_on(run: &Path, set: &PairSet, printer: &Printer) -> anyhow::Result<Option<PairSet>> {
    let data = data_of(run)?;
    let has_changed =
        |pairs: &PairSet| data != format!("{}-{}", pairs.speakers_sha256(), pairs.pairs());
    let file = run.join("config.toml");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let config: toml::Table =
        toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    let path = config.get("data").and_then(|data| data.get("pairs")).and_then(|p| p.get("path"));
    let Some(path) = path.and_then(toml::Value::as_str).map(Path::new) else { return Ok(None) };
    if path.canonicalize().ok() == set.path().canonicalize().ok() {
        if has_changed(set) {
            bail!(
                "{} was prepared or split anew since {} was trained on it, so whom the model knows \
                 cannot be told; hint: split it as it was, or train anew",
                path.display(),
                run.display()
            );
        }
        return Ok(Some(set.clone()));
    }
    let unknown = |reason: &str| {
        printer.warning(format_args!(
            "{} was trained on {}, which {reason}: whether it knows the people that are evaluated \
             cannot be told",
            run.display(),
            path.display()
        ));
    };
    if !path.exists() {
        unknown("is not there");
        return Ok(None);
    }
    let pairs = PairSet::open(path)?;
    if has_changed(&pairs) {
        unknown("was prepared or split anew since");
        return Ok(None);
    }
    Ok(Some(pairs))
}

/// Hash of what a run was trained on.
fn data_of(run: &Path) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Environment {
        data_sha256: String,
    }
    let file = run.join("environment.json");
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let environment: Environment =
        serde_json::from_slice(&text).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(environment.data_sha256)
}

/// The networks that read drawn faces.
fn reader() -> anyhow::Result<FaceReader> {
    let store = Store::from_environment()?;
    let mut absent = Vec::new();
    let mut locate = |name: &'static str, ending: &str| match store.locate(name) {
        Ok(files) => Ok(files
            .into_iter()
            .find(|file| file.to_string_lossy().ends_with(ending))
            .unwrap_or_default()),
        Err(RegistryError::Missing { .. }) => {
            absent.push(name);
            Ok(PathBuf::new())
        }
        Err(error) => Err(error),
    };
    let detector = locate("yunet", ".onnx")?;
    let landmarks = locate("face_landmark_68", ".json")?;
    let age_gender = locate("age_gender", ".json")?;
    if !absent.is_empty() {
        let names = absent.join(" ");
        bail!(
            "networks that read drawn faces are not here: {names}; hint: speech2face model pull \
             {names}, or leave attributes and craniofacial measures out with --pictures 0"
        );
    }
    Ok(FaceReader::open(&detector, &landmarks, &age_gender)?)
}

fn print(evaluation: &Evaluation, args: &Args, printer: &Printer) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Shown<'a> {
        label: &'a str,
        score: &'a str,
        value: f64,
        interval: Option<[f64; 2]>,
        chance: Option<f64>,
        verdict: &'a str,
    }
    let report = &evaluation.report;
    let shown: Vec<Shown<'_>> = report
        .headlines
        .iter()
        .filter_map(|headline| {
            let score = report.score(&headline.score)?;
            Some(Shown {
                label: &headline.label,
                score: &headline.score,
                value: score.value,
                interval: score.interval,
                chance: score.chance,
                verdict: &headline.verdict,
            })
        })
        .collect();
    let page = args.out.join("report.html");
    if args.json {
        #[derive(Serialize)]
        struct Line<'a> {
            report: String,
            title: &'a str,
            headlines: Vec<Shown<'a>>,
        }
        let report_path = page.display().to_string();
        return printer.json(&Line { report: report_path, title: &report.title, headlines: shown });
    }
    let width = shown.iter().map(|line| line.label.chars().count()).max().unwrap_or(0);
    for Shown { label, value, interval, chance, verdict, .. } in shown {
        let interval =
            interval.map_or_else(String::new, |[low, high]| format!(" [{low:.1}, {high:.1}]"));
        let chance = chance.map_or_else(String::new, |chance| format!(", chance {chance:.1}"));
        printer.data(format_args!("{label:width$}  {value:.1}{interval}{chance}  {verdict}"))?;
    }
    printer.note(format_args!("wrote {}", page.display()));
    Ok(())
}
