//! Tasks for developers.
//!
//! `cargo xtask check [STEP…]` runs every check, the cheap ones first, and stops at the first that
//! fails; with names, only those steps. CI runs the same command. `scale` runs only if it is named.
//! See [`check`].
//!
//! `cargo xtask docs` builds the site of the documents; see [`site`].
//!
//! `cargo xtask fuzz [TARGET…]` runs the fuzzers; see [`fuzz`].
//!
//! `cargo xtask instructions` records the instructions of the kernels; see [`instructions`].
//!
//! `cargo xtask messages` lists the messages and hints of all errors.
//!
//! `cargo xtask reference` writes docs/reference/configuration.md; see [`mod@reference`].
//!
//! `cargo xtask table FOLDER` computes the table of docs/results/synthetic.md again; see [`table`].
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "this is the printer")]

mod architecture;
mod browser;
mod check;
mod documents;
mod environment;
mod fuzz;
mod instructions;
mod processes;
mod program;
mod python;
mod reference;
mod scale;
mod site;
mod skipped;
mod table;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = fuzz::as_wrapper() {
        return status;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", ref steps @ ..] => check::run(steps),
        ["docs"] => match site::build() {
            Ok(book) => {
                println!("{}", book.join("index.html").display());
                Ok(())
            }
            Err(problem) => Err(format!("docs: {problem}")),
        },
        ["fuzz", ref arguments @ ..] => {
            fuzz::run(arguments).map_err(|problem| format!("fuzz: {problem}"))
        }
        ["instructions"] => {
            instructions::record().map_err(|problem| format!("instructions: {problem}"))
        }
        ["messages"] => architecture::messages().map(|messages| println!("{messages}")),
        ["reference"] => reference::write().map_err(|problem| format!("reference: {problem}")),
        ["table", folder] => {
            table::make(Path::new(folder)).map_err(|problem| format!("table: {problem}"))
        }
        _ => {
            eprintln!(
                "usage: cargo xtask check [STEP…] | fuzz [TARGET…] [--seconds N] [--seeds FOLDER]"
            );
            eprintln!(
                "       cargo xtask docs | instructions | messages | reference | table FOLDER"
            );
            eprintln!("steps: {}", check::names().join(", "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository that the command is run in.
fn root() -> PathBuf {
    let built_in = || Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let here = env::current_dir().unwrap_or_default();
    let root = here.ancestors().find(|folder| folder.join("ARCHITECTURE.md").exists());
    root.map_or_else(built_in, Path::to_path_buf)
}
