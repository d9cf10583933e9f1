//! `speech2face completions`: shell completions of commands and options.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::printer::Printer;
use crate::{Arguments, Outcome};

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = "\
Example, for bash:
  speech2face completions bash > ~/.local/share/bash-completion/completions/speech2face")]
pub struct Args {
    /// Shell
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    generate(args.shell, &mut Arguments::command(), "speech2face", &mut script);
    printer.bytes(&script)?;
    Ok(Outcome::AllGood)
}
