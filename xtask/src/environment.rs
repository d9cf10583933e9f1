//! Python environments of the checks, in folders under `target`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::run;

/// Names of interpreters, the first that is new enough is used.
const INTERPRETERS: [&str; 2] = ["python3", "python"];
/// Succeeds with a Python that the package supports.
const SUPPORTED: &str = "import sys, venv; sys.exit(sys.version_info < (3, 10))";
/// How packages are installed.
const PIP_INSTALL: [&str; 5] = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];

/// A virtual environment.
pub struct Environment {
    folder: PathBuf,
}

/// Why there is no environment.
pub enum Missing {
    /// Something that is not installed here, or cannot be downloaded.
    Tools(String),
    /// Anything else.
    Failure(String),
}

impl Environment {
    /// The environment in a folder, with these requirements; it is made if it has others.
    pub fn open(folder: PathBuf, requirements: &Path) -> Result<Self, Missing> {
        let supported = |name: &&&str| run(Path::new(name), &["-c", SUPPORTED], true).is_ok();
        let Some(interpreter) = INTERPRETERS.iter().find(supported) else {
            return Err(Missing::Tools("there is no Python 3.10 or later".to_owned()));
        };
        let environment = Self { folder };
        if environment.has(requirements).map_err(Missing::Failure)? {
            return Ok(environment);
        }
        fs::remove_dir_all(&environment.folder).ok();
        let venv = ["-m".as_ref(), "venv".as_ref(), environment.folder.as_os_str()];
        run(Path::new(interpreter), &venv, false)
            .and_then(|()| environment.pip(&["-r".as_ref(), requirements.as_os_str()]))
            .map_err(|e| Missing::Tools(format!("its tools cannot be installed ({e})")))?;
        copy(requirements, &environment.requirements()).map_err(Missing::Failure)?;
        Ok(environment)
    }

    /// A program of the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        let programs = if cfg!(windows) { "Scripts" } else { "bin" };
        self.folder.join(programs).join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// Installs a wheel in place of what it had of that name.
    pub fn install(&self, wheel: &Path) -> Result<(), String> {
        self.pip(&["--no-deps".as_ref(), "--force-reinstall".as_ref(), wheel.as_os_str()])
    }

    fn pip(&self, arguments: &[&OsStr]) -> Result<(), String> {
        let install = PIP_INSTALL.iter().map(OsStr::new).chain(arguments.iter().copied());
        run(&self.program("python"), &install.collect::<Vec<_>>(), false)
    }

    /// A copy of the requirements that are installed.
    fn requirements(&self) -> PathBuf {
        self.folder.join("requirements.txt")
    }

    /// Whether the environment has these requirements.
    fn has(&self, requirements: &Path) -> Result<bool, String> {
        let wanted =
            fs::read(requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
        Ok(fs::read(self.requirements()).is_ok_and(|found| found == wanted))
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_requirements_are_installed_again() {
        let folder = std::env::temp_dir().join(format!("s2f-python-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let environment = Environment { folder: folder.clone() };
        let requirements = folder.join("wanted.txt");
        fs::write(&requirements, "numpy\n").unwrap();
        assert_eq!(environment.has(&requirements), Ok(false));
        copy(&requirements, &environment.requirements()).unwrap();
        assert_eq!(environment.has(&requirements), Ok(true));
        fs::write(&requirements, "numpy\npytest\n").unwrap();
        assert_eq!(environment.has(&requirements), Ok(false));
        assert!(environment.has(&folder.join("missing.txt")).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
