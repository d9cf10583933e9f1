//! Tells the program which commit it was built from, if it was built in a clone.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The files that change with a commit: HEAD, and the branch that it names.
    let mut watched = vec!["HEAD".to_owned(), "packed-refs".to_owned()];
    watched.extend(git(&["symbolic-ref", "-q", "HEAD"]));
    for file in watched.iter().filter_map(|name| git(&["rev-parse", "--git-path", name])) {
        println!("cargo::rerun-if-changed={file}");
    }
    if let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env=SPEECH2FACE_COMMIT={commit}");
    }
}

/// The first line that a git command prints, if it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next().filter(|line| !line.is_empty())?;
    output.status.success().then(|| line.to_owned())
}
