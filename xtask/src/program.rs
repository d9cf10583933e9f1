//! Programs that the checks of the Python package and of the browser example run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::root;

/// How a check ended, if it did not fail.
pub enum Outcome {
    /// What was checked.
    Passed(String),
    /// Why nothing was.
    Unchecked(String),
}

/// Runs a program in the root of the repository, with environment variables.
pub fn run_with(
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    variables: &[(&str, &OsStr)],
    quiet: bool,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().copied()).current_dir(root());
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    let name = || {
        let arguments = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
        arguments.fold(program.display().to_string(), |line, argument| line + " " + &argument)
    };
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{}: {status}", name())),
        Err(error) => Err(format!("{}: {error}", name())),
    }
}

/// Runs a program in the root of the repository.
pub fn run(program: &Path, arguments: &[impl AsRef<OsStr>], quiet: bool) -> Result<(), String> {
    run_with(program, arguments, &[], quiet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program_and_its_arguments() {
        let problem = run(Path::new("no-such-program"), &["one", "two"], true).unwrap_err();
        assert!(problem.starts_with("no-such-program one two: "), "{problem}");
        assert!(run(Path::new(env!("CARGO")), &["--version"], true).is_ok());
        assert!(run(Path::new(env!("CARGO")), &["no-such-command"], true).is_err());
    }
}
