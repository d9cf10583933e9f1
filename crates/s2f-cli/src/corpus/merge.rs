//! `corpus merge`: joins the parts that several machines prepared to one set of pairs.

use std::path::{Path, PathBuf};

use s2f_corpus::prepare::{self, Summary};

use crate::Outcome;
use crate::printer::Printer;

/// Arguments of the command.
#[derive(clap::Args)]
pub struct Args {
    /// Folders that `corpus prepare --shard` wrote: one if all shards used the same, else all
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,

    /// Output folder; may be one of the others, whose parts are then removed
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

/// Prints a summary of a preparation, with the number of rejected clips by reason.
pub(super) fn print(
    summary: &Summary,
    out: &Path,
    json: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    if json {
        return printer.json(summary);
    }
    let Summary { clips, pairs, speakers, seconds, rejected } = summary;
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
        printer.note(format_args!("the reason of each: {}", out.join("rejected.csv").display()));
    }
    Ok(())
}
