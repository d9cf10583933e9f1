//! `corpus split`: a new split of the speakers of prepared pairs.

use std::path::PathBuf;

use s2f_pairs::{Shares, resplit};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of pairs, from `corpus prepare`
    pairs: PathBuf,

    /// Fraction of the speakers for validation
    #[arg(long, value_name = "FRACTION", default_value_t = Shares::default().validation)]
    validation: f64,

    /// Fraction of the speakers for the test
    #[arg(long, value_name = "FRACTION", default_value_t = Shares::default().test)]
    test: f64,

    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let shares = Shares { validation: args.validation, test: args.test };
    resplit(&args.pairs, &shares, args.seed)?;
    super::stats::print(&args.pairs, false, printer)?;
    Ok(Outcome::AllGood)
}
