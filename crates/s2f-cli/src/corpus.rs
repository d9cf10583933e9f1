//! `speech2face corpus`: from a downloaded corpus to pairs of voices and faces.

mod card;
mod check;
mod merge;
mod prepare;
mod scratch;
mod split;
mod stats;
mod synth;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use s2f_corpus::layout::{LAYOUTS, Layout};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show what a corpus contains and what is missing, from file names and tables alone
    Check(check::Args),
    /// Prepare pairs of voices and faces from a corpus; can be interrupted and resumed
    Prepare(Box<prepare::Args>),
    /// Merge the shards that several machines prepared
    Merge(merge::Args),
    /// Split the speakers of prepared pairs again into training, validation and test
    Split(split::Args),
    /// Count speakers, pairs, attributes and duplicates in prepared pairs
    Stats(stats::Args),
    /// Write the card of prepared pairs, with which Hugging Face `datasets` reads them
    Card(card::Args),
    /// Generate a small synthetic corpus with known ground truth
    Synth(synth::Args),
}

const EXAMPLES: &str = "\
Examples:
  speech2face corpus check vox1                     show what is there and what is missing
  speech2face corpus prepare vox1 -o vox1-pairs     prepare pairs, or resume preparing them
  speech2face corpus prepare vox1 -o pairs --shard 3/8
  speech2face corpus merge pairs -o vox1-pairs      after all eight shards
  speech2face corpus stats vox1-pairs               count what is in them
  speech2face corpus card vox1-pairs                write its README.md for the Hugging Face hub
  speech2face corpus synth -o people                generate a synthetic corpus";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    match &args.action {
        Action::Check(args) => check::run(args, printer),
        Action::Prepare(args) => prepare::run(args, printer),
        Action::Merge(args) => merge::run(args, printer),
        Action::Split(args) => split::run(args, printer),
        Action::Stats(args) => stats::run(args, printer),
        Action::Card(args) => card::run(args, printer),
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

/// A duration in words: `3 h 12 min`, `4 min 5 s`, `12 s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}
