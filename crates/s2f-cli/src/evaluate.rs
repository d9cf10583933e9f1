//! `speech2face evaluate`: a report on a model, from pairs.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;
use s2f_eval::{
    EvaluatedModel, Evaluation, EvaluationEvent, EvaluationOptions, FaceReader, PairSelection,
    evaluate,
};
use s2f_pairs::{PairSet, Split};
use s2f_registry::{NetworkSource, RegistryError, Store};
use serde::Serialize;
use speech2face::{Device, ModelSource};

use crate::device::DeviceArgs;
use crate::printer::Printer;
use crate::{Outcome, owner};

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model: compact (part of the program), a model folder, a run folder of `train`, or
    /// hf:OWNER/NAME, pulled before with `model pull`
    #[arg(value_name = "MODEL")]
    model: String,

    /// Folder of pairs or Parquet file, from `corpus prepare`
    #[arg(value_name = "PAIRS")]
    pairs: PathBuf,

    /// Output folder for report.html, scores.csv, report.json and pictures
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    output: PathBuf,

    /// Pairs to evaluate on; all is for models that were not trained on any of them
    #[arg(long, value_enum, default_value_t = Which::Test)]
    split: Which,

    /// Maximum number of pairs, balanced by speaker
    #[arg(long, alias = "most", value_name = "COUNT", default_value_t = 5000)]
    #[arg(value_parser = at_least_two)]
    max_pairs: usize,

    /// Use only the first seconds of each recording [default: the whole recording, as reconstruct
    /// does]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,

    /// Other models to compare with on the same pairs
    #[arg(long, value_name = "MODEL", num_args = 1..)]
    compare: Vec<String>,

    /// Earlier report on the same pairs to compare with: report.json, or its folder
    #[arg(long, value_name = "REPORT")]
    baseline: Option<PathBuf>,

    /// Table of your own labels: speaker_id or pair_id, then one column per attribute
    #[arg(long, value_name = "CSV")]
    labels: Option<PathBuf>,

    /// Maximum number of pairs whose faces are drawn and measured; 0 omits attributes and
    /// craniofacial measures
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pictures: usize,

    /// Show generated faces only, even if the licence of the photographs allows showing them
    #[arg(long)]
    no_photographs: bool,

    /// Number of bootstrap samples for each interval
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = draws)]
    draws: usize,

    /// Random seed
    #[arg(long, default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    device: DeviceArgs,

    /// Print one JSON object with the headline scores
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  speech2face evaluate runs/first pairs -o report          on the test split, after training
  speech2face evaluate compact grid --split all -o report  a model that was trained on other data
  speech2face evaluate runs/a pairs -o report --compare runs/b runs/c
  speech2face evaluate runs/b pairs -o later --baseline report
  speech2face evaluate runs/a pairs -o report --labels labels.csv

Measuring generated faces needs three published networks: speech2face model pull yunet
face_landmark_68 age_gender. The same command resumes an interrupted evaluation.";

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// Pairs that training does not use
    Test,
    /// Pairs that training uses to select the best weights
    Validation,
    /// Pairs that training learns from, to measure overfitting
    Train,
    /// Every pair
    All,
}

fn at_least_two(typed: &str) -> Result<usize, String> {
    typed
        .parse()
        .ok()
        .filter(|&count| count >= 2)
        .ok_or_else(|| "must be a number, at least 2".to_owned())
}

fn draws(typed: &str) -> Result<usize, String> {
    let draws = typed.parse().ok().filter(|count| (100..=100_000).contains(count));
    draws.ok_or_else(|| "must be a number from 100 to 100000".to_owned())
}

fn seconds(typed: &str) -> Result<f64, String> {
    let seconds = typed.parse().ok().filter(|seconds| (1.0..=60.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number from 1 to 60".to_owned())
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    owner::check_in(&args.output, &Evaluation::FILES)?;
    let set = PairSet::open(&args.pairs)?;
    let device = args.device.open()?;
    let open = |name: &String| -> anyhow::Result<EvaluatedModel> {
        Ok(EvaluatedModel::open(&ModelSource::resolve(name)?, &device)?)
    };
    let model = open(&args.model)?;
    let compare = args.compare.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
    let reader = if args.pictures == 0 { None } else { Some(reader(&device)?) };
    let options = EvaluationOptions {
        selection: match args.split {
            Which::Test => PairSelection::Split(Split::Test),
            Which::Validation => PairSelection::Split(Split::Validation),
            Which::Train => PairSelection::Split(Split::Train),
            Which::All => PairSelection::All,
        },
        max_pairs: args.max_pairs,
        seconds: args.seconds,
        reader: reader.as_ref(),
        max_pictures: args.pictures,
        photographs: !args.no_photographs,
        draws: args.draws,
        seed: args.seed,
        labels: args.labels.as_deref(),
        baseline: args.baseline.as_deref(),
        compare: &compare,
        cancel: None,
    };
    let mut progress: Option<Printer> = None;
    let evaluation = evaluate(&model, &set, &args.output, &options, &mut |event| match event {
        EvaluationEvent::Stage { name, pairs } => {
            let bar = progress.insert(printer.with_progress(pairs));
            bar.working_on(name);
            if !bar.shows_progress() {
                printer.note(format_args!("{name} ({pairs} pairs)"));
            }
        }
        EvaluationEvent::Done(pairs) => {
            if let Some(bar) = &progress {
                bar.reach(pairs as u64);
            }
        }
        EvaluationEvent::Warning(warning) => printer.warning(format_args!("{warning}")),
        _ => {}
    })?;
    drop(progress);
    evaluation.write(&args.output)?;
    print(&evaluation, args, printer)?;
    Ok(Outcome::AllGood)
}

/// The networks that measure faces.
fn reader(device: &Device) -> anyhow::Result<FaceReader> {
    let store = Store::from_environment()?;
    let network = |name: &str| NetworkSource::Registered(name.to_owned());
    let [detector, landmarks, age_gender] =
        ["yunet", "face_landmark_68", "age_gender"].map(network);
    let found = store.find_all([&detector, &landmarks, &age_gender]);
    let [detector, landmarks, age_gender] = found.map_err(|error| match error {
        RegistryError::Missing { .. } | RegistryError::SeveralMissing { .. } => {
            anyhow!("{error}, or omit attributes and craniofacial measures with --pictures 0")
        }
        error => error.into(),
    })?;
    Ok(FaceReader::open(&detector, &landmarks, &age_gender, device)?)
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
    let page = args.output.join(Evaluation::HTML);
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
