//! `corpus check`: what is there, what is missing, what `prepare` will do.

use std::path::PathBuf;

use s2f_corpus::check::check;
use s2f_corpus::layout::{Layout, plan};

use crate::Outcome;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the corpus
    corpus: PathBuf,

    /// How it lies on disk; found out by names where not said
    #[arg(long, value_parser = super::layout_name())]
    layout: Option<Layout>,

    /// Print one object of JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let check = check(&plan(&args.corpus, args.layout)?);
    if args.json {
        printer.json(&check)?;
    } else {
        printer.data(check.to_string().trim_end())?;
    }
    Ok(Outcome::AllGood)
}
