//! Programs that the checks of the Python package and of the browser example run.

use std::env;
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

/// A program in the root of the repository, without the variables in which cargo describes xtask.
/// Build scripts read them (that of ring says so), and would run again after every cargo command
/// that is typed, with all that is built upon them.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// Runs a program in the root of the repository, with environment variables.
pub fn run_with(
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    variables: &[(&str, &OsStr)],
    quiet: bool,
) -> Result<(), String> {
    let mut command = command(program);
    command.args(arguments).envs(variables.iter().copied());
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
    fn programs_are_not_told_of_xtask() {
        let own = Some(env!("CARGO_PKG_NAME").into());
        assert_eq!(env::var_os("CARGO_PKG_NAME"), own, "cargo sets it");
        let command = command("any");
        let removed = |wanted: &str| command.get_envs().any(|pair| pair == (wanted.as_ref(), None));
        assert!(removed("CARGO_PKG_NAME") && removed("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_failure_names_the_program_and_its_arguments() {
        let problem = run(Path::new("no-such-program"), &["one", "two"], true).unwrap_err();
        assert!(problem.starts_with("no-such-program one two: "), "{problem}");
        assert!(run(Path::new(env!("CARGO")), &["--version"], true).is_ok());
        assert!(run(Path::new(env!("CARGO")), &["no-such-command"], true).is_err());
    }
}
