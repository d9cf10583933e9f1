//! `corpus merge`: joins the parts that several machines prepared to one set of pairs.

use std::fs;
use std::path::{Path, PathBuf};

use s2f_corpus::prepare::{self, PrepareSummary};

use super::scratch::Scratch;
use crate::printer::Printer;
use crate::{Outcome, owner};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folders or addresses that `corpus prepare --shard` wrote; one if all shards wrote to it
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,

    /// Output folder; may be one of the input folders, whose parts are then removed
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    output: PathBuf,

    /// Folder for what is fetched from object storage; by default a temporary one
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new(args.scratch.as_deref());
    let output = scratch.output(&args.output, printer)?;
    if output.parts.is_none() && !args.folders.contains(&args.output) {
        check_out(&output.folder)?;
    }
    let mut folders = Vec::with_capacity(args.folders.len());
    for place in &args.folders {
        if *place == args.output {
            output.parts.as_ref().map_or(Ok(()), |parts| parts.fetch_all())?;
            folders.push(output.folder.clone());
            continue;
        }
        let input = scratch.output(place, printer)?;
        input.parts.as_ref().map_or(Ok(()), |parts| parts.fetch_all())?;
        folders.push(input.folder);
    }
    let summary = prepare::merge(&folders, &output.folder)?;
    output.parts.as_ref().map_or(Ok(()), |parts| parts.publish())?;
    print(&summary, &args.output, args.json, printer)?;
    Ok(Outcome::AllGood)
}

/// Refuses a folder with pairs or tables that this program did not write.
fn check_out(out: &Path) -> anyhow::Result<()> {
    owner::check_in(out, &["rejected.csv", "splits.csv"])?;
    let Ok(entries) = fs::read_dir(out) else { return Ok(()) };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut parquet = paths.filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    parquet.try_for_each(|path| owner::check(&path))
}

/// Prints the results of a preparation, with the number of rejected clips for each reason.
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
        "{pairs} pairs of {speakers} speakers, {} of voice, from {clips} clips",
        super::duration(*seconds)
    ));
    for (reason, count) in rejected {
        let (name, meaning) = (reason.name(), reason.meaning());
        printer.note(format_args!("{count:>8} rejected, {name}: {meaning}"));
    }
    printer.note(format_args!("wrote {}", out.display()));
    if !rejected.is_empty() {
        printer.note(format_args!(
            "the reason for each clip, or segment of a clip that is cut: {}",
            out.join("rejected.csv").display()
        ));
    }
    Ok(())
}
