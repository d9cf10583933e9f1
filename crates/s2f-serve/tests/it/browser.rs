//! The page in a browser: `tests/browser/run.mjs` drives Chromium with a fake microphone.
//!
//! It needs Node.js, Chromium, ffmpeg, and the packages of `tests/browser/package.json`, which
//! `npm ci --prefix target/browser` installs there; CI does. `S2F_SCREENSHOTS=FOLDER` keeps a
//! picture of every state.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use s2f_serve::{Access, Token};
use s2f_testing::{ffmpeg, project, skip};

use crate::support::serve;

/// Names that Chromium has on different systems.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The browser and the folder with the packages; `None`, with a line of output, if one is missing.
fn tools() -> Option<(String, PathBuf)> {
    let browser = BROWSERS.iter().find(|name| runs(name)).map(|name| (*name).to_owned());
    let packages = project("target/browser");
    let installed = packages.join("node_modules/playwright-core").exists();
    match browser {
        Some(browser) if runs("node") && installed => Some((browser, packages)),
        _ => {
            skip("Chromium, Node.js or the packages in target/browser are not installed");
            None
        }
    }
}

/// The name of a program in the search path, for a program that wants it whole.
fn path_of(program: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program));
    found.into_iter().find(|path| path.exists()).unwrap()
}

/// Makes a WAV file with ffmpeg.
fn wav(arguments: &[&str], output: &Path) {
    let mut command = ffmpeg().unwrap();
    command.args(["-v", "error"]).args(arguments).args(["-ac", "1", "-ar", "48000"]).arg(output);
    assert!(command.status().unwrap().success());
}

#[test]
fn the_page_works_as_a_person_would_use_it() {
    let Some((browser, packages)) = tools() else { return };
    if ffmpeg().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [voice, silence, broken] =
        ["voice.wav", "silence.wav", "broken.mp3"].map(|name| folder.path().join(name));
    let low = project("examples/voices/low.flac");
    wav(&["-i", low.to_str().unwrap()], &voice);
    wav(&["-f", "lavfi", "-i", "anullsrc=r=48000", "-t", "5"], &silence);
    std::fs::write(&broken, "this is no sound").unwrap();
    let server = serve(|settings| settings.hosts = vec!["face.test".into()]);
    let study = folder.path().join("study");
    let keeping = serve(|settings| settings.keep = Some(study.clone()));
    let token = Token::new("secret").unwrap();
    let guarded = serve(|settings| settings.access = Access::Token(token));
    let attempt = || {
        Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs"))
            .env("S2F_URL", format!("http://{}", server.address))
            .env("S2F_TOKEN_URL", format!("http://{}", guarded.address))
            .env("S2F_KEEP_URL", format!("http://{}", keeping.address))
            .env("S2F_CHROMIUM", path_of(&browser))
            .env("S2F_NODE_MODULES", &packages)
            .envs([("S2F_VOICE", &voice), ("S2F_SILENCE", &silence), ("S2F_BROKEN", &broken)])
            .output()
            .unwrap()
    };
    let mut output = attempt();
    if !output.status.success() {
        // A busy machine can be too slow for what is recorded live.
        eprintln!("once more, after: {}", String::from_utf8_lossy(&output.stderr));
        output = attempt();
    }
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    assert_eq!(out.lines().filter(|line| line.starts_with("passed: ")).count(), 18, "{out}");
    let stored = std::fs::read_dir(study).unwrap().count();
    assert!(stored >= 2, "{stored} files: a recording and its result, for each attempt");
}
