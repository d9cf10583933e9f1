//! `speech2face man`: manual pages of commands and options.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Command, CommandFactory};
use s2f_core::AtomicFile;

use crate::printer::Printer;
use crate::{Arguments, Outcome};

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  speech2face man -o ~/.local/share/man/man1 && man speech2face
  speech2face man -o man && man man/speech2face-reconstruct.1")]
pub struct Args {
    /// Output folder: one page for the program, and one for each command
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    output: PathBuf,
}

/// Writes the pages.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let folder = &args.output;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let mut command = Arguments::command();
    command.build(); // gives each command its full name and the global options
    let mut pages = Vec::new();
    collect(&command, "speech2face", &mut pages)?;
    let count = pages.len();
    for (name, page) in pages {
        AtomicFile::write(&folder.join(format!("{name}.1")), &page)?;
    }
    printer.note(format_args!("wrote {count} pages to {}", folder.display()));
    Ok(Outcome::AllGood)
}

/// The page of a command, and those of its own commands.
fn collect(
    command: &Command,
    name: &str,
    pages: &mut Vec<(String, Vec<u8>)>,
) -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.to_owned())).render(&mut page)?;
    pages.push((name.to_owned(), page));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect(inner, &format!("{name}-{}", inner.get_name()), pages)?;
    }
    Ok(())
}
