//! `corpus stats`: counts of what is in prepared pairs.

use std::path::{Path, PathBuf};

use s2f_corpus::stats::Stats;
use s2f_pairs::PairSet;

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of pairs, or one Parquet file
    pairs: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    print(&args.pairs, args.json, printer)?;
    Ok(Outcome::AllGood)
}

pub(super) fn print(pairs: &Path, json: bool, printer: &Printer) -> anyhow::Result<()> {
    let stats = Stats::of(&PairSet::open(pairs)?)?;
    if json {
        return printer.json(&stats);
    }
    Ok(printer.data(stats.to_string().trim_end())?)
}
