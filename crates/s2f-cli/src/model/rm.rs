//! `speech2face model rm`: removes what `model pull` fetched.

use s2f_registry::{HubCache, HubName, Store};
use speech2face::SHIPPED;

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Networks and models to remove, by their names in `model list`
    #[arg(required = true, value_name = "NAME|hf:OWNER/NAME[@REV]")]
    names: Vec<String>,
}

const NOTES: &str = "\
Examples:
  speech2face model rm yunet                        remove a network; model pull fetches it again
  speech2face model rm hf:alice/small@v1            remove one revision of a model
  speech2face model rm hf:alice/small               remove all its revisions

Only files that model pull wrote are removed; nothing changes on the hub.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::AllGood;
    for name in &args.names {
        match remove(name) {
            Ok(true) => printer.note(format_args!("{name} is removed")),
            Ok(false) => printer.note(format_args!("{name} is not installed")),
            Err(error) => {
                printer.error(&error);
                outcome = Outcome::SomeFailed;
            }
        }
    }
    Ok(outcome)
}

fn remove(name: &str) -> anyhow::Result<bool> {
    if HubName::is_meant(name) {
        return Ok(HubCache::from_environment()?.remove(&name.parse()?)?);
    }
    if name == SHIPPED {
        anyhow::bail!("{name} is part of the program; hint: only what was pulled can be removed");
    }
    Ok(Store::from_environment()?.remove(name)?)
}
