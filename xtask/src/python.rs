//! The Python package: builds the wheel, installs it into a clean environment under `target`, and
//! runs its tests and type checks there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Outcome, run};
use crate::root;

/// Where the package is.
const PACKAGE: &str = "crates/s2f-python";
/// The largest wheel, bytes.
const MAX_WHEEL: u64 = 25 << 20;
/// Names of interpreters, the first that is new enough is used.
const INTERPRETERS: [&str; 2] = ["python3", "python"];
/// Succeeds with a Python that the package supports.
const SUPPORTED: &str = "import sys, venv; sys.exit(sys.version_info < (3, 10))";

/// Builds, installs, tests.
pub fn check() -> Result<Outcome, String> {
    let supported = |name: &&&str| run(Path::new(name), &["-c", SUPPORTED], true).is_ok();
    let Some(interpreter) = INTERPRETERS.iter().find(supported) else {
        return Ok(Outcome::Unchecked("there is no Python 3.10 or later".to_owned()));
    };
    let folder = root().join("target").join("python");
    let python = program(&folder, "python");
    let requirements = root().join(PACKAGE).join("requirements.txt");
    if !is_installed(&folder, &requirements)? {
        fs::remove_dir_all(&folder).ok();
        let venv = run(
            Path::new(interpreter),
            &["-m".as_ref(), "venv".as_ref(), folder.as_os_str()],
            false,
        );
        let pip = |()| {
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
            let install = install.iter().map(OsStr::new).chain([requirements.as_os_str()]);
            run(&python, &install.collect::<Vec<_>>(), false)
        };
        if let Err(problem) = venv.and_then(pip) {
            return Ok(Outcome::Unchecked(format!("its tools cannot be installed ({problem})")));
        }
        copy(&requirements, &installed(&folder))?;
    }

    // What the tests compare the package with.
    let cargo = Path::new(env!("CARGO"));
    run(cargo, &["build", "--locked", "--release", "--package=s2f-cli"], false)?;
    let wheels = folder.join("wheels");
    fs::remove_dir_all(&wheels).ok();
    let manifest = format!("--manifest-path={PACKAGE}/Cargo.toml");
    let out = format!("--out={}", wheels.display());
    run(&program(&folder, "maturin"), &["build", "--release", "--locked", &manifest, &out], false)?;
    let wheel = only_file(&wheels)?;
    let bytes = fs::metadata(&wheel).map_err(|e| format!("{}: {e}", wheel.display()))?.len();
    if bytes > MAX_WHEEL {
        return Err(format!("the wheel has {bytes} bytes, more than {MAX_WHEEL}"));
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let install = install.into_iter().chain(["--no-deps", "--force-reinstall"]).map(OsStr::new);
    run(&python, &install.chain([wheel.as_os_str()]).collect::<Vec<_>>(), false)?;

    run(&python, &["-m", "pytest", "-q", "-rs", PACKAGE], false)?;
    let config = format!("--config-file={PACKAGE}/pyproject.toml");
    run(&python, &["-m", "mypy", &config, "--strict", "-p", "speech2face"], false)?;
    run(&python, &["-m", "mypy.stubtest", "speech2face._native"], false)?;
    Ok(Outcome::Passed(format!("the wheel has {:.1} MB and passes its tests", bytes as f64 / 1e6)))
}

/// A program of the environment.
fn program(folder: &Path, name: &str) -> PathBuf {
    let programs = if cfg!(windows) { "Scripts" } else { "bin" };
    folder.join(programs).join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// A copy of the requirements that are installed.
fn installed(folder: &Path) -> PathBuf {
    folder.join("requirements.txt")
}

/// Whether the environment has these requirements.
fn is_installed(folder: &Path, requirements: &Path) -> Result<bool, String> {
    let wanted = fs::read(requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
    Ok(fs::read(installed(folder)).is_ok_and(|found| found == wanted))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", to.display()))
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
    fn other_requirements_are_installed_again() {
        let folder = std::env::temp_dir().join(format!("s2f-python-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let requirements = folder.join("wanted.txt");
        fs::write(&requirements, "numpy\n").unwrap();
        assert_eq!(is_installed(&folder, &requirements), Ok(false));
        copy(&requirements, &installed(&folder)).unwrap();
        assert_eq!(is_installed(&folder, &requirements), Ok(true));
        fs::write(&requirements, "numpy\npytest\n").unwrap();
        assert_eq!(is_installed(&folder, &requirements), Ok(false));
        assert!(is_installed(&folder, &folder.join("missing.txt")).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
