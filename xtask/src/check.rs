//! `cargo xtask check`: every check, in the order of its cost.
//!
//! All steps use the one profile, so that the tensor library is built once for lints and
//! documentation, and once for tests and program. What is not checked on this machine (a tool that
//! is not installed, data that is not there) is printed at the end.

use std::ffi::OsStr;
use std::time::Instant;

use crate::{
    architecture, browser, documents, instructions, processes, program, python, scale, site,
    skipped,
};

/// One step of the checks.
struct Step {
    name: &'static str,
    action: Action,
}

/// What a step does.
enum Action {
    /// Runs cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// Runs another program, if it is installed.
    Tool { program: &'static str, arguments: &'static [&'static str], install: &'static str },
    /// Checks the repository; returns what was checked.
    Look(fn() -> Result<String, String>),
    /// Builds and tests with tools that may not be installed.
    Tested(fn() -> Result<program::Outcome, String>),
    /// Counts instructions, if Valgrind is installed and knows the machine.
    Instructions,
    /// Runs cargo with a variable that leaves something out, and prints what.
    Partial {
        arguments: &'static [&'static str],
        variable: (&'static str, &'static str),
        left_out: &'static str,
    },
}

/// How a step ended, if it did not fail.
enum Outcome {
    Passed,
    Unchecked(String),
}

const STEPS: &[Step] = &[
    Step { name: "format", action: Action::Cargo(&["fmt", "--all", "--check"]) },
    Step {
        name: "spelling",
        action: Action::Tool {
            program: "typos",
            arguments: &["--format", "brief"],
            install: "pip install typos",
        },
    },
    Step { name: "documents", action: Action::Look(documents::check) },
    Step { name: "architecture", action: Action::Look(architecture::check) },
    Step {
        name: "licences",
        action: Action::Tool {
            program: "cargo-deny",
            arguments: &["deny", "--locked", "check", "licenses", "bans", "sources"],
            install: "cargo install --locked cargo-deny",
        },
    },
    Step {
        name: "packages",
        action: Action::Cargo(&[
            "package",
            "--workspace",
            "--exclude=xtask",
            "--exclude=s2f-testing",
            "--exclude=s2f-fuzz",
            // It is published as a wheel.
            "--exclude=s2f-python",
            "--no-verify",
            "--allow-dirty",
            "--locked",
            "--quiet",
        ]),
    },
    Step {
        name: "lints",
        action: Action::Cargo(&[
            "clippy",
            "--locked",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]),
    },
    Step {
        // After the lints, whose dependencies it shares.
        name: "fuzz",
        action: Action::Cargo(&[
            "clippy",
            "--locked",
            "--release",
            "--package=s2f-cli",
            "--package=s2f-fuzz",
            "--features=s2f-fuzz/libfuzzer",
            "--",
            "--deny=warnings",
        ]),
    },
    Step {
        // Its tests are part of `scale`, which needs a server.
        name: "object-storage",
        action: Action::Cargo(&[
            "clippy",
            "--locked",
            "--release",
            "--package=s2f-corpus",
            "--features=object-store",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]),
    },
    Step {
        name: "documentation",
        action: Action::Cargo(&["doc", "--locked", "--release", "--workspace", "--no-deps"]),
    },
    Step { name: "site", action: Action::Tested(site::check) },
    Step {
        name: "gpu",
        action: Action::Partial {
            arguments: &[
                "check",
                "--locked",
                "--release",
                "--package=s2f-cli",
                "--features=wgpu,cuda",
                "--tests",
            ],
            variable: ("DOCS_RS", "1"),
            left_out: "the feature cuda is type-checked and not built: its build scripts download \
                       LLVM",
        },
    },
    Step {
        name: "tests",
        action: Action::Cargo(&["test", "--locked", "--release", "--workspace"]),
    },
    // After the tests, which build all that the wheel has in common with the program.
    Step { name: "python", action: Action::Tested(python::check) },
    Step { name: "browser", action: Action::Tested(browser::check) },
    Step { name: "processes", action: Action::Tested(processes::check) },
    Step { name: "instructions", action: Action::Instructions },
];

/// Steps that run only if they are named: they take long, or install much.
const NAMED_STEPS: &[Step] = &[
    // A second kind of device, on any machine: Burn's other processor backend, with which nearly
    // everything is compiled again.
    Step {
        name: "devices",
        action: Action::Cargo(&[
            "test",
            "--locked",
            "--release",
            "--package=s2f-nn",
            "--package=speech2face",
            "--package=s2f-train",
            "--package=s2f-cli",
            "--features=s2f-nn/ndarray,speech2face/ndarray,s2f-train/ndarray",
            "--lib",
            "--test=it",
            "device",
            "--",
            "second_backend",
        ]),
    },
    Step { name: "scale", action: Action::Tested(scale::check) },
];

/// Names of the steps, in their order.
pub fn names() -> Vec<&'static str> {
    STEPS.iter().chain(NAMED_STEPS).map(|step| step.name).collect()
}

/// The steps of these names; without names, all but those that have to be named.
fn steps<'a>(only: &'a [&str]) -> impl Iterator<Item = &'static Step> + 'a {
    let unnamed = STEPS.iter().filter(|_| only.is_empty());
    unnamed.chain(STEPS.iter().chain(NAMED_STEPS).filter(|step| only.contains(&step.name)))
}

/// Runs the steps of these names, or all that need not be named.
pub fn run(only: &[&str]) -> Result<(), String> {
    if let Some(unknown) = only.iter().find(|name| !names().contains(name)) {
        return Err(format!("check: no step is named {unknown}; hint: {}", names().join(", ")));
    }
    skipped::forget()?;
    let mut unchecked = Vec::new();
    for step in steps(only) {
        let start = Instant::now();
        let outcome =
            step.run().map_err(|failure| format!("check: {} failed ({failure})", step.name))?;
        match outcome {
            Outcome::Passed => {
                eprintln!("check: {} passed in {} s", step.name, start.elapsed().as_secs());
            }
            Outcome::Unchecked(reason) => {
                eprintln!("check: {}: not checked: {reason}", step.name);
                unchecked.push(format!("{}: {reason}", step.name));
            }
        }
    }
    report(&unchecked)
}

/// Prints what was not checked, and which tests were skipped.
fn report(unchecked: &[String]) -> Result<(), String> {
    for line in unchecked {
        eprintln!("not checked: {line}");
    }
    let skipped = skipped::read()?;
    for (reason, tests) in &skipped {
        eprintln!("skipped: {reason}: {}", tests.join(", "));
    }
    let tests: usize = skipped.values().map(Vec::len).sum();
    eprintln!("check: passed; {} not checked, {tests} tests skipped", unchecked.len());
    Ok(())
}

impl Step {
    fn run(&self) -> Result<Outcome, String> {
        match &self.action {
            Action::Cargo(arguments) => {
                eprintln!("check: {}: cargo {}", self.name, arguments.join(" "));
                execute(env!("CARGO"), arguments, &[])
            }
            Action::Tool { program, arguments, install } => {
                eprintln!("check: {}: {program} {}", self.name, arguments.join(" "));
                if is_installed(program) {
                    execute(program, arguments, &[])
                } else {
                    Ok(Outcome::Unchecked(format!("{program} is not installed; hint: `{install}`")))
                }
            }
            Action::Look(look) => {
                eprintln!("check: {}: {}", self.name, look()?);
                Ok(Outcome::Passed)
            }
            Action::Tested(check) => match check()? {
                program::Outcome::Passed(what) => {
                    eprintln!("check: {}: {what}", self.name);
                    Ok(Outcome::Passed)
                }
                program::Outcome::Unchecked(reason) => Ok(Outcome::Unchecked(reason)),
            },
            Action::Instructions if !instructions::SUPPORTED => {
                Ok(Outcome::Unchecked("instructions are counted on Linux with x86-64".to_owned()))
            }
            Action::Instructions if !is_installed("valgrind") => {
                let reason = "valgrind is not installed; hint: `apt-get install valgrind`";
                Ok(Outcome::Unchecked(reason.to_owned()))
            }
            Action::Instructions => {
                eprintln!("check: {}: {}", self.name, instructions::check()?);
                Ok(Outcome::Passed)
            }
            Action::Partial { arguments, variable: (name, value), left_out } => {
                eprintln!("check: {}: {name}={value} cargo {}", self.name, arguments.join(" "));
                execute(env!("CARGO"), arguments, &[(name, value)])?;
                Ok(Outcome::Unchecked((*left_out).to_owned()))
            }
        }
    }
}

/// Runs a program in the root of the repository.
fn execute(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<Outcome, String> {
    let status = program::command(program)
        .args(arguments)
        .env("RUSTDOCFLAGS", "--deny=warnings")
        .env(skipped::VARIABLE, skipped::path())
        .envs(variables.iter().copied())
        .status();
    match status {
        Ok(status) if status.success() => Ok(Outcome::Passed),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a program is on the path.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        folder.join(program).with_extension(std::env::consts::EXE_EXTENSION).is_file()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_steps_are_refused_before_anything_runs() {
        let problem = run(&["no-such-step"]).unwrap_err();
        assert!(problem.contains("no-such-step") && problem.contains("spelling"), "{problem}");
    }

    #[test]
    fn long_steps_run_only_if_they_are_named() {
        let chosen = |only| steps(only).map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(chosen(&[]), STEPS.iter().map(|step| step.name).collect::<Vec<_>>());
        assert!(!chosen(&[]).contains(&"scale") && !chosen(&[]).contains(&"devices"));
        assert_eq!(chosen(&["scale", "format"]), ["format", "scale"]);
    }

    #[test]
    fn a_missing_tool_is_said_not_passed() {
        let action =
            Action::Tool { program: "no-such-program", arguments: &[], install: "install it" };
        let outcome = Step { name: "none", action }.run().unwrap();
        assert!(matches!(outcome, Outcome::Unchecked(reason) if reason.contains("install it")));
        assert!(is_installed("cargo"));
    }
}
