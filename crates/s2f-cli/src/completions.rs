//! `speech2face completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::printer::Printer;
use crate::{Arguments, Outcome};

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = "\
Example, for bash:
  speech2face completions bash > ~/.local/share/bash-completion/completions/speech2face")]
pub struct Args {
    /// Shell to print completions for
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    generate(args.shell, &mut Arguments::command(), "speech2face", &mut script);
    printer.data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Outcome::AllGood)
}
