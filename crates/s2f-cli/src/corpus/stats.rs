//! `corpus stats`: who and what is in prepared pairs.

use std::path::{Path, PathBuf};

use s2f_corpus::stats::Stats;
use s2f_pairs::PairSet;

use crate::Outcome;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of pairs, or one Parquet file
    pairs: PathBuf,

    /// Print one object of JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
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
