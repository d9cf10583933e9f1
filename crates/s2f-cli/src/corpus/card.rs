//! `corpus card`: a card for pairs that are shared.

use std::path::PathBuf;

use anyhow::bail;
use s2f_core::AtomicFile;
use s2f_corpus::card::{MARK, card};
use s2f_corpus::stats::Stats;
use s2f_pairs::PairSet;

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Folder of pairs
    pairs: PathBuf,

    /// Name of the data set; by default that of the folder
    #[arg(long)]
    name: Option<String>,

    /// Output file, or `-` for standard output; by default README.md in the folder
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace a file that this command did not write, or that was changed
    #[arg(long)]
    overwrite: bool,
}

const NOTES: &str = "\
The card has the header of the Hugging Face hub, with the type of every column, so that `datasets`
decodes voices and faces. Counts are those of the pairs. What the program cannot know (sources,
consent, contact) is marked, to be completed before the pairs are published.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let stats = Stats::of(&PairSet::open(&args.pairs)?)?;
    let folder = args.pairs.canonicalize().ok();
    let folder = folder.as_deref().and_then(|path| path.file_name()).map(|it| it.to_string_lossy());
    let name = args.name.clone().or(folder.map(|it| it.into_owned())).unwrap_or("pairs".into());
    let text = card(&name, &stats);
    let output = args.output.clone().unwrap_or_else(|| args.pairs.join("README.md"));
    if output.as_os_str() == "-" {
        printer.bytes(text.as_bytes())?;
        return Ok(Outcome::AllGood);
    }
    if !args.overwrite && output.exists() {
        let old = std::fs::read_to_string(&output).unwrap_or_default();
        if old == text {
            printer.note(format_args!("{} is up to date", output.display()));
            return Ok(Outcome::AllGood);
        }
        let whose = if old.contains(MARK) {
            "exists, and may have been completed by hand"
        } else {
            "was not written by this command"
        };
        bail!("{} {whose}; hint: add --overwrite, or name another file with -o", output.display());
    }
    AtomicFile::write(&output, text.as_bytes())?;
    printer.note(format_args!("wrote {}", output.display()));
    printer.note("complete the section on data and consent before you publish the pairs");
    Ok(Outcome::AllGood)
}
