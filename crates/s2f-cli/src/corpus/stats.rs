//! `corpus stats`: what prepared pairs hold, and whether they are intact.

use std::path::{Path, PathBuf};

use s2f_corpus::stats::{self, Stats};
use s2f_pairs::PairSet;

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of pairs, or one Parquet file
    pairs: PathBuf,

    /// Read every pair: compare voices and faces with their hashes, and lengths with the sound
    #[arg(long)]
    verify: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    if args.verify {
        verify(&args.pairs, printer)?;
    }
    print(&args.pairs, args.json, printer)?;
    Ok(Outcome::AllGood)
}

fn verify(pairs: &Path, printer: &Printer) -> anyhow::Result<()> {
    let set = PairSet::open(pairs)?;
    let bar = printer.with_progress(set.pairs() as usize);
    stats::verify(&set, &mut |done| bar.reach(done))?;
    drop(bar);
    printer.note(format_args!("all {} pairs are intact", set.pairs()));
    Ok(())
}

pub(super) fn print(pairs: &Path, json: bool, printer: &Printer) -> anyhow::Result<()> {
    let stats = Stats::of(&PairSet::open(pairs)?)?;
    if json {
        return printer.json(&stats);
    }
    Ok(printer.data(stats.to_string().trim_end())?)
}
