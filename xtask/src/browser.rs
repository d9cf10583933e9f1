//! The browser example: installs onnxruntime-web in the version of its lock file, builds the page,
//! and compares its faces in Chromium with those of the program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::program::{Outcome, run, run_with};
use crate::root;

/// Where the example is.
const EXAMPLE: &str = "examples/browser";
/// Where the packages are that drive a browser; `.ci/run` installs them.
const DRIVER: &str = "target/browser";
/// Names that Chromium has on different systems.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Installs, builds, tests.
pub fn check() -> Result<Outcome, String> {
    let unchecked = |reason: String| Ok(Outcome::Unchecked(reason));
    for (program, version) in [("node", "--version"), ("npm", "--version"), ("ffmpeg", "-version")]
    {
        if run(Path::new(program), &[version], true).is_err() {
            return unchecked(format!("{program} is not installed"));
        }
    }
    let Some(chromium) = BROWSERS.iter().find_map(|name| on_path(name)) else {
        return unchecked("Chromium is not installed".to_owned());
    };
    let driver = root().join(DRIVER);
    if !driver.join("node_modules/playwright-core").exists() {
        return unchecked(format!(
            "playwright-core is not in {DRIVER}; hint: copy package.json and package-lock.json of \
             crates/s2f-serve/tests/browser there, then `npm ci --prefix {DRIVER}`"
        ));
    }
    let install = ["ci", "--prefix", EXAMPLE, "--ignore-scripts", "--silent"];
    if let Err(problem) = run(Path::new("npm"), &install, false) {
        return unchecked(format!("onnxruntime-web cannot be installed ({problem})"));
    }

    run(Path::new(env!("CARGO")), &["build", "--locked", "--release", "--package=s2f-cli"], false)?;
    let name = format!("speech2face{}", std::env::consts::EXE_SUFFIX);
    let program = root().join("target/release").join(name);
    let node = Path::new("node");
    let build: [&OsStr; 2] = [OsStr::new("examples/browser/build.mjs"), program.as_os_str()];
    run(node, &build, false)?;
    let variables: [(&str, &OsStr); 3] = [
        ("S2F_PROGRAM", program.as_os_str()),
        ("S2F_CHROMIUM", chromium.as_os_str()),
        ("S2F_NODE_MODULES", driver.as_os_str()),
    ];
    run_with(node, &["--test", "examples/browser/test/half.test.mjs"], &variables, false)?;
    run_with(node, &["examples/browser/test/run.mjs"], &variables, false)?;
    Ok(Outcome::Passed("the faces that a browser draws are those of the program".to_owned()))
}

/// The path of a program in the search path.
fn on_path(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&paths).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(on_path("cargo").is_some_and(|path| path.ends_with("cargo")));
        assert_eq!(on_path("no-such-program"), None);
    }

    #[test]
    fn the_files_that_are_run_exist() {
        for file in ["build.mjs", "test/half.test.mjs", "test/run.mjs", "package-lock.json"] {
            assert!(root().join(EXAMPLE).join(file).exists(), "{file}");
        }
    }
}
