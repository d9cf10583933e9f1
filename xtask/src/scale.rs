//! The examples for clusters: installs the engines into an environment under `target`, runs each
//! with two workers, of which one is killed, and tests `corpus prepare` with a server of object
//! storage.
//!
//! It takes minutes and two gigabytes, so it runs only if it is named: `cargo xtask check scale`.

use std::path::Path;

use crate::environment::{Environment, Missing};
use crate::program::{Outcome, run, run_with};
use crate::{python, root};

/// Where the examples are.
const EXAMPLES: &str = "examples/scale";
/// The test of engines.
const ENGINES: &str = "examples/scale/test_scale.py";
/// The test of object storage, whose client is not in a plain build.
const OBJECT_STORAGE: &str = "examples/scale/test_object_storage.py";

/// Installs, builds, tests.
pub fn check() -> Result<Outcome, String> {
    let target = root().join("target");
    let requirements = root().join(EXAMPLES).join("requirements.txt");
    let environments = python::environment()
        .and_then(|package| Ok((package, Environment::open(target.join("scale"), &requirements)?)));
    let (package, environment) = match environments {
        Ok(environments) => environments,
        Err(Missing::Tools(reason)) => return Ok(Outcome::Unchecked(reason)),
        Err(Missing::Failure(problem)) => return Err(problem),
    };
    environment.install(&python::build(&package)?)?;

    // The scripts start the program by its name.
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(target.join("release")).chain(std::env::split_paths(&paths));
    let paths = std::env::join_paths(paths).map_err(|e| format!("PATH: {e}"))?;
    let variables = [("PATH", paths.as_os_str())];
    let python = environment.program("python");
    let config = format!("--config-file={EXAMPLES}/mypy.ini");
    run(&python, &["-m", "mypy", &config, EXAMPLES], false)?;
    run_with(&python, &["-m", "pytest", "-q", "-rs", ENGINES], &variables, false)?;
    let build = ["build", "--locked", "--release", "--package=s2f-cli", "--features=object-store"];
    run(Path::new(env!("CARGO")), &build, false)?;
    run_with(&python, &["-m", "pytest", "-q", "-rs", OBJECT_STORAGE], &variables, false)?;

    if run(Path::new("java"), &["-version"], true).is_err() {
        return Ok(Outcome::Unchecked(
            "Spark: Java is not installed; hint: `apt-get install default-jre-headless`; the other \
             engines pass"
                .to_owned(),
        ));
    }
    Ok(Outcome::Passed(
        "with a worker that is killed, every engine gives the bytes of one process; object storage \
         gives those of a folder"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_are_run_exist() {
        for file in [ENGINES, OBJECT_STORAGE] {
            assert!(root().join(file).exists(), "{file}");
        }
    }
}
