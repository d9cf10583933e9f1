//! `corpus check`: what is there, what is missing, and what `prepare` will do.

use std::path::PathBuf;

use s2f_corpus::check::check;
use s2f_corpus::layout::{Layout, plan};

use super::scratch::Scratch;
use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the corpus, or its address in object storage, such as s3://BUCKET/FOLDER
    corpus: PathBuf,

    /// Layout of the corpus; detected if omitted
    #[arg(long, value_parser = super::layout_parser())]
    layout: Option<&'static Layout>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new(None);
    let corpus = scratch.corpus(&args.corpus, printer)?;
    let check = check(&plan(&corpus.folder, args.layout)?);
    if args.json {
        printer.json(&check)?;
    } else {
        printer.data(check.to_string().trim_end())?;
    }
    Ok(Outcome::AllGood)
}
