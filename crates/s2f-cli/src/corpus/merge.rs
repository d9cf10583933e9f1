//! `corpus merge`: merges the parts of several machines to one set of pairs.

use std::path::{Path, PathBuf};

use s2f_corpus::prepare::{self, PrepareSummary};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments of the command.
#[derive(clap::Args)]
pub struct Args {
    /// Folders written by `corpus prepare --shard`: one if all shards shared it, otherwise all
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,

    /// Folder for the pairs; if it is one of the others, its parts are removed
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let summary = prepare::merge(&args.folders, &args.out)?;
    print(&summary, &args.out, args.json, printer)?;
    Ok(Outcome::AllGood)
}

/// Prints the totals, and the rejected clips by reason.
pub(super) fn print(
    summary: &PrepareSummary,
    out: &Path,
    json: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    if json {
        return printer.json(summary);
    }
    let PrepareSummary { clips, pairs, speakers, seconds, rejected } = summary;
    printer.note(format_args!(
        "{pairs} pairs of {speakers} people, {} of voice, from {clips} clips",
        super::duration(*seconds)
    ));
    for (reason, count) in rejected {
        let (name, meaning) = (reason.name(), reason.meaning());
        printer.note(format_args!("{count:>8} rejected, {name}: {meaning}"));
    }
    printer.note(format_args!("wrote {}", out.display()));
    if !rejected.is_empty() {
        printer.note(format_args!("reasons by clip: {}", out.join("rejected.csv").display()));
    }
    Ok(())
}
