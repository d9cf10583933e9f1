//! The `speech2face` command: arguments → settings → call → print.
//!
//! Each subcommand is a file with what can be typed (its `Args`) and a `run`; this one lists them.
#![forbid(unsafe_code)]

mod arguments;
mod completions;
mod corpus;
mod device;
mod evaluate;
mod man;
mod model;
mod model_choice;
mod owner;
mod printable;
mod printer;
mod reconstruct;
mod serve;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand, value_parser};
use printer::{LogFormat, Printer};
use s2f_core::Variable;

/// Draw a face that shares the traits of a voice
///
/// From a few seconds of speech, a model predicts how somebody who sounds like this may look, and
/// draws that face. It is nobody's face and identifies no one. Everything runs on this computer.
#[derive(Parser)]
#[command(name = "speech2face", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Number of threads on the CPU [default: RAYON_NUM_THREADS, or all cores]
    #[arg(long, visible_alias = "jobs", global = true, value_name = "COUNT")]
    #[arg(value_parser = value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Printing")]
    quiet: bool,

    /// Print what is done, and how long it takes
    #[arg(short, long, global = true, help_heading = "Printing")]
    verbose: bool,

    /// Write messages and progress for people or for programs
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    #[arg(help_heading = "Printing")]
    log: LogFormat,
}

#[derive(Subcommand)]
enum Command {
    /// Draw a face from each recording of a voice
    Reconstruct(reconstruct::Args),
    /// Open a page that draws faces while one speaks, and serve the same over HTTP
    Serve(serve::Args),
    /// List, show, verify, fetch, import and export models
    Model(model::Args),
    /// Prepare pairs of voices and faces from a corpus
    Corpus(corpus::Args),
    /// Train a voice encoder or a face decoder
    Train(train::Args),
    /// Evaluate a model on pairs and write a report
    Evaluate(evaluate::Args),
    /// Print shell completions
    Completions(completions::Args),
    /// Write the manual pages
    Man(man::Args),
}

const EXAMPLES: &str = "\
Examples:
  speech2face reconstruct voice.m4a                 write voice.png next to it
  speech2face reconstruct *.wav -o faces            write all pictures to the folder faces
  speech2face reconstruct voice.m4a -o face.png     choose the name of the picture
  speech2face serve                                 record in the browser instead
  speech2face model info                            show what the model is, and its limits

Exit status: 0 success, 1 some inputs failed, 2 wrong usage or a fatal error.

Environment:
  SPEECH2FACE_FFMPEG     path of ffmpeg [default: ffmpeg on PATH]
  SPEECH2FACE_MODELS     folder for the networks of `model pull`
  SPEECH2FACE_REGISTRY   table of networks to use instead of the program's
  SPEECH2FACE_ISA        instructions on the CPU: avx512, avx2 or portable [default: the best]
  RAYON_NUM_THREADS      as --threads
  NO_COLOR               no colours on a terminal";

/// How a command ended, if no error stopped it.
enum Outcome {
    AllGood,
    SomeFailed,
}

fn main() -> ExitCode {
    let Arguments { command, threads, quiet, verbose, log } = match arguments::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let printer = Printer::new(quiet, verbose, log);
    for variable in Variable::ALL.into_iter().filter(|it| it.is_outdated()) {
        let (former, name) = (variable.former_name(), variable.name());
        printer.warning(format_args!("{former} is now called {name}; it is still read"));
    }
    // 0 is rayon's default, which reads RAYON_NUM_THREADS.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into());
    let outcome = threads.build_global().map_err(Into::into).and_then(|()| run(&command, &printer));
    match outcome {
        Ok(Outcome::AllGood) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        Command::Reconstruct(args) => reconstruct::run(args, printer),
        Command::Serve(args) => serve::run(args, printer),
        Command::Model(args) => model::run(args, printer),
        Command::Corpus(args) => corpus::run(args, printer),
        Command::Train(args) => train::run(args, printer),
        Command::Evaluate(args) => evaluate::run(args, printer),
        Command::Completions(args) => completions::run(args, printer),
        Command::Man(args) => man::run(args, printer),
    }
}
