//! `corpus split`: the speakers of prepared pairs shared out anew.

use std::path::PathBuf;

use s2f_pairs::Shares;
use s2f_pairs::resplit;

use crate::Outcome;
use crate::printer::Printer;

/// What can be typed.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of pairs, as `corpus prepare` wrote it
    pairs: PathBuf,

    /// Share of the speakers for validation
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().validation)]
    validation: f64,

    /// Share of the speakers for the test
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().test)]
    test: f64,

    /// Seed: the same one shares out in the same way
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let shares = Shares { validation: args.validation, test: args.test };
    resplit(&args.pairs, &shares, args.seed)?;
    super::stats::print(&args.pairs, false, printer)?;
    Ok(Outcome::AllGood)
}
