//! The `speech2face` command: arguments → settings → call → print.
//!
//! Each subcommand is a file with what can be typed (its `Args`) and a `run`; this one lists them.

mod completions;
mod corpus;
mod device;
mod evaluate;
mod files;
mod model;
mod model_choice;
mod printer;
mod reconstruct;
mod train;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use printer::Printer;

/// Draws a face that shares the traits of a voice
///
/// From a few seconds of speech a model predicts how somebody who sounds like this may look, and
/// draws it. The face is nobody's: it identifies no one. Everything happens on this computer.
#[derive(Parser)]
#[command(name = "speech2face", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Printing")]
    quiet: bool,

    /// Print what is done and how long it takes
    #[arg(short, long, global = true, help_heading = "Printing")]
    verbose: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Draw a face from each recording of a voice
    Reconstruct(reconstruct::Args),
    /// List, show and check models
    Model(model::Args),
    /// Check corpora, prepare pairs of voices and faces, count them
    Corpus(corpus::Args),
    /// Train the networks of a model on a corpus
    Train(train::Args),
    /// Measure a model on pairs: every table and figure, with intervals and controls
    Evaluate(evaluate::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

const EXAMPLES: &str = "\
Examples:
  speech2face reconstruct voice.m4a                 draws voice.png beside it
  speech2face reconstruct *.wav -o faces            draws all of them into the folder faces
  speech2face reconstruct voice.m4a -o face.png     names the picture
  speech2face model info                            says what the model is, and is not

Exit status: 0 all good, 1 some recordings failed, 2 wrong usage or nothing could be done.
Colours are left out where NO_COLOR is set or the output is no terminal.";

/// How a command ended that was not stopped by an error.
enum Outcome {
    AllGood,
    SomeFailed,
}

fn main() -> ExitCode {
    let Arguments { command, quiet, verbose } = Arguments::parse();
    let printer = Printer::new(quiet, verbose);
    let outcome = match &command {
        Command::Reconstruct(args) => reconstruct::run(args, &printer),
        Command::Model(args) => model::run(args, &printer),
        Command::Corpus(args) => corpus::run(args, &printer),
        Command::Train(args) => train::run(args, &printer),
        Command::Evaluate(args) => evaluate::run(args, &printer),
        Command::Completions(args) => completions::run(args, &printer),
    };
    match outcome {
        Ok(Outcome::AllGood) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        // Whoever reads our output, such as `head`, has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(ErrorKind::BrokenPipe)
}
