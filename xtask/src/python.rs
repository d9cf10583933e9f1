//! The Python package: builds the wheel, installs it into a clean environment under `target`, and
//! runs its tests and type checks there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, Missing};
use crate::program::{Outcome, run};
use crate::root;

/// Where the package is.
const PACKAGE: &str = "crates/s2f-python";
/// The largest wheel, bytes.
const MAX_WHEEL: u64 = 25 << 20;

/// Builds, installs, tests.
pub fn check() -> Result<Outcome, String> {
    let environment = match environment() {
        Ok(environment) => environment,
        Err(Missing::Tools(reason)) => return Ok(Outcome::Unchecked(reason)),
        Err(Missing::Failure(problem)) => return Err(problem),
    };
    let wheel = build(&environment)?;
    let bytes = fs::metadata(&wheel).map_err(|e| format!("{}: {e}", wheel.display()))?.len();
    if bytes > MAX_WHEEL {
        return Err(format!("the wheel has {bytes} bytes, more than {MAX_WHEEL}"));
    }
    environment.install(&wheel)?;

    let python = environment.program("python");
    run(&python, &["-m", "pytest", "-q", "-rs", PACKAGE], false)?;
    let config = format!("--config-file={PACKAGE}/pyproject.toml");
    run(&python, &["-m", "mypy", &config, "--strict", "-p", "speech2face"], false)?;
    run(&python, &["-m", "mypy.stubtest", "speech2face._native"], false)?;
    Ok(Outcome::Passed(format!("the wheel has {:.1} MB and passes its tests", bytes as f64 / 1e6)))
}

/// The environment that the wheel is built and tested in.
pub fn environment() -> Result<Environment, Missing> {
    let requirements = root().join(PACKAGE).join("requirements.txt");
    Environment::open(folder(), &requirements)
}

/// Builds the program, which tests compare the package with, and the wheel; returns the wheel.
pub fn build(environment: &Environment) -> Result<PathBuf, String> {
    let cargo = Path::new(env!("CARGO"));
    run(cargo, &["build", "--locked", "--release", "--package=s2f-cli"], false)?;
    let wheels = folder().join("wheels");
    fs::remove_dir_all(&wheels).ok();
    let manifest = format!("--manifest-path={PACKAGE}/Cargo.toml");
    let out = format!("--out={}", wheels.display());
    let build = ["build", "--release", "--locked", &manifest, &out];
    run(&environment.program("maturin"), &build, false)?;
    only_file(&wheels)
}

fn folder() -> PathBuf {
    root().join("target").join("python")
}

fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(format!("{} has {} files, not one wheel", folder.display(), files.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_two_files_is_no_wheel() {
        let folder = std::env::temp_dir().join(format!("s2f-wheel-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.whl"), "").unwrap();
        assert_eq!(only_file(&folder), Ok(folder.join("a.whl")));
        fs::write(folder.join("b.whl"), "").unwrap();
        assert!(only_file(&folder).unwrap_err().contains("2 files"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
