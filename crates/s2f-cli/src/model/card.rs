//! `model card`: the card of a model, completed with its run and the scores of an evaluation.

use std::path::{Path, PathBuf};

use s2f_eval::read_report;
use s2f_eval::report::Report;
use s2f_train::{CardEvaluation, CardScore, complete_card};
use speech2face::{DeviceChoice, ModelSource};

use crate::owner;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Model folder, run folder of `train`, compact, or hf:OWNER/NAME
    model: String,

    /// Add the scores of an evaluation of the model: the folder that `evaluate` wrote
    #[arg(long, value_name = "FOLDER")]
    evaluation: Option<PathBuf>,

    /// File to write, instead of printing the card
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
}

const NOTES: &str = "\
Examples:
  speech2face model card runs/a --evaluation report
  speech2face model card runs/a --evaluation report -o runs/a/model/README.md

What the card of the model says stays; what is missing is added. Licence, credit and consent are
for you to complete. A card that was edited is not replaced: write the completed one elsewhere.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    if let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) {
        owner::check(path)?;
    }
    let source = ModelSource::resolve(&args.model)?;
    let model = source.open(&DeviceChoice::Cpu.open()?)?;
    let run = match source.run() {
        Some(run) if run.environment_file().exists() => {
            Some((run.environment()?, run.trained_on()?))
        }
        _ => None,
    };
    let evaluation = args.evaluation.as_deref().map(read_report).transpose()?;
    let name = &model.id().name;
    if let Some(other) = evaluation.as_ref().map(|report| &report.paired.model)
        && other != name
    {
        printer.warning(format_args!("the evaluation is of the model {other}, not of {name}"));
    }
    let card = complete_card(
        name,
        model.card(),
        run.as_ref().map(|(environment, trained_on)| (environment, trained_on.as_slice())),
        evaluation.as_ref().map(scores).as_ref(),
    );
    match &args.output {
        Some(path) if path != Path::new("-") => {
            owner::write(path, card.as_bytes())?;
            printer.note(format_args!("wrote {}", path.display()));
        }
        _ => printer.data(card.trim_end())?,
    }
    Ok(())
}

/// What a card shows of a report.
fn scores(report: &Report) -> CardEvaluation {
    let score = |headline: &s2f_eval::report::Headline| {
        let score = report.score(&headline.score)?;
        Some(CardScore {
            id: score.id.clone(),
            label: headline.label.clone(),
            verdict: headline.verdict.clone(),
            unit: score.unit.name().replace('_', " "),
            value: score.value,
            interval: score.interval,
            chance: score.chance,
            pairs: score.pairs,
            speakers: score.speakers,
        })
    };
    CardEvaluation {
        data: report.title.clone(),
        about: report.about.clone(),
        notes: report.notes.clone(),
        scores: report.headlines.iter().filter_map(score).collect(),
    }
}
