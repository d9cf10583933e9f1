//! `speech2face corpus`: from downloaded corpora to pairs of voices and faces.

mod check;
mod merge;
mod prepare;
mod split;
mod stats;
mod synth;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use s2f_corpus::layout::{LAYOUTS, Layout};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List what a corpus contains and lacks, from its file names and tables alone
    Check(check::Args),
    /// Make pairs of voices and faces from a corpus; can be interrupted and resumed
    Prepare(prepare::Args),
    /// Merge the parts that several machines prepared
    Merge(merge::Args),
    /// Assign the speakers of prepared pairs to new splits: training, validation, test
    Split(split::Args),
    /// Count people, pairs, attributes and duplicates of prepared pairs
    Stats(stats::Args),
    /// Make a small synthetic population with known ground truth, for tests and tutorials
    Synth(synth::Args),
}

const EXAMPLES: &str = "\
Examples:
  speech2face corpus check vox1                     lists what is there and what is missing
  speech2face corpus prepare vox1 -o vox1-pairs     makes pairs, or resumes
  speech2face corpus prepare vox1 -o pairs --shard 3/8
  speech2face corpus merge pairs -o vox1-pairs      after all eight shards
  speech2face corpus stats vox1-pairs               counts people and pairs
  speech2face corpus synth people                   makes a synthetic population";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    match &args.action {
        Action::Check(args) => check::run(args, printer),
        Action::Prepare(args) => prepare::run(args, printer),
        Action::Merge(args) => merge::run(args, printer),
        Action::Split(args) => split::run(args, printer),
        Action::Stats(args) => stats::run(args, printer),
        Action::Synth(args) => synth::run(args, printer),
    }
}

/// Parses the name of a layout.
fn layout_parser() -> impl TypedValueParser<Value = &'static Layout> {
    let value = |layout: &Layout| PossibleValue::new(layout.name()).help(layout.properties.title);
    PossibleValuesParser::new(LAYOUTS.map(value)).try_map(|name| {
        LAYOUTS.into_iter().find(|layout| layout.name() == name).ok_or("there is no such layout")
    })
}

/// A duration for people: `3 h 12 min`, `4 min 5 s`, `12 s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}
