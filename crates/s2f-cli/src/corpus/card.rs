//! `corpus card`: the card of prepared pairs, with which Hugging Face `datasets` reads them.

use std::path::{Path, PathBuf};

use s2f_corpus::stats::Stats;
use s2f_pairs::PairSet;

use crate::printer::Printer;
use crate::{Outcome, owner};

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Folder of pairs, or one Parquet file
    pairs: PathBuf,

    /// File to write, or - for standard output [default: README.md beside the pairs]
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Name of the data set [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
}

const NOTES: &str = "\
Counts are those of `corpus stats`. Consent is for you to complete. A card that was edited is not
replaced.";

/// The name of a card, by which the hub and `datasets` find it.
const CARD: &str = "README.md";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let set = PairSet::open(&args.pairs)?;
    let known_as = name_of(&args.pairs);
    let (folder, files, known_as) = match known_as.strip_suffix(".parquet") {
        Some(stem) if args.pairs.is_file() => {
            (args.pairs.parent().unwrap_or(Path::new("")), known_as.as_str(), stem)
        }
        _ => (args.pairs.as_path(), "pairs-*.parquet", known_as.as_str()),
    };
    let path = args.output.clone().unwrap_or_else(|| folder.join(CARD));
    let to_stdout = path == Path::new("-");
    if !to_stdout {
        // Before the pairs are counted.
        owner::check(&path)?;
    }
    let card = Stats::of(&set)?.card(args.name.as_deref().unwrap_or(known_as), files);
    match to_stdout {
        true => printer.data(card.trim_end())?,
        false => {
            owner::write(&path, card.as_bytes())?;
            printer.note(format_args!("wrote {}", path.display()));
        }
    }
    Ok(Outcome::AllGood)
}

/// The last part of a path, also of `.`.
fn name_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
}
