//! `speech2face corpus`: from what a download page gives to pairs of voices and faces.

mod check;
mod merge;
mod prepare;
mod split;
mod stats;
mod synth;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use s2f_corpus::layout::Layout;

use crate::Outcome;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Say what a corpus holds and lacks, from its names and tables alone
    Check(check::Args),
    /// Make pairs of voices and faces from a corpus; stopped, it goes on where it was
    Prepare(prepare::Args),
    /// Put the parts together that several machines prepared
    Merge(merge::Args),
    /// Share the speakers of prepared pairs out anew: training, validation, test
    Split(split::Args),
    /// Count people, pairs, attributes and duplicates of prepared pairs
    Stats(stats::Args),
    /// Make a small population with a known truth, to try everything on
    Synth(synth::Args),
}

const EXAMPLES: &str = "\
Examples:
  speech2face corpus check vox1                     what is there, what is missing
  speech2face corpus prepare vox1 -o vox1-pairs     makes pairs, or goes on making them
  speech2face corpus prepare vox1 -o pairs --shard 3/8
  speech2face corpus merge pairs -o vox1-pairs      once all eight are done
  speech2face corpus stats vox1-pairs               who and what is in them
  speech2face corpus synth people                   a population made by the program";

/// Does what was asked.
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

/// Reads the name of a layout.
fn layout_name() -> impl TypedValueParser<Value = Layout> {
    let name = |layout: &Layout| PossibleValue::new(layout.name()).help(layout.title());
    PossibleValuesParser::new(Layout::ALL.iter().map(name))
        .try_map(|name| Layout::from_name(&name).ok_or("there is no such layout"))
}

/// Seconds for a reader: `3 h 12 min`, `4 min 5 s`, `12 s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}
