//! Chores of the developers.
//!
//! `cargo xtask check` runs every check, the cheap ones first, and stops at the first that fails.
//! CI runs the same command.
//!
//! `cargo xtask table FOLDER` makes the table of docs/results/synthetic.md again, see [`table`].
#![allow(clippy::print_stderr, reason = "this is the printer")]

mod table;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// One call of cargo.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// In the order of their cost. All use the one profile, so that the tensor library is built once
/// for lints and documentation, and once for tests and program.
const CHECKS: [Step; 4] = [
    Step { name: "format", arguments: &["fmt", "--all", "--check"] },
    Step {
        name: "lints",
        arguments: &[
            "clippy",
            "--locked",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ],
    },
    Step {
        name: "documentation",
        arguments: &["doc", "--locked", "--release", "--workspace", "--no-deps"],
    },
    Step { name: "tests", arguments: &["test", "--locked", "--release", "--workspace"] },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["table", folder] => match table::make(Path::new(folder)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("table: {problem}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: cargo xtask check | table FOLDER");
            ExitCode::from(2)
        }
    }
}

fn check() -> ExitCode {
    for Step { name, arguments } in CHECKS {
        eprintln!("check: {name}: cargo {}", arguments.join(" "));
        let start = Instant::now();
        let status = Command::new(env!("CARGO"))
            .args(arguments)
            .env("RUSTDOCFLAGS", "--deny=warnings")
            .status();
        let failure = match status {
            Ok(status) if status.success() => None,
            Ok(status) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(failure) = failure {
            eprintln!("check: {name} failed ({failure})");
            return ExitCode::FAILURE;
        }
        eprintln!("check: {name} passed in {} s", start.elapsed().as_secs());
    }
    ExitCode::SUCCESS
}
