//! `cargo xtask docs`: the documents as a site, `target/docs/book`, with search and with the pages
//! of the library beside it.
//!
//! `docs/SUMMARY.md` lists the pages in reading order, wherever in the repository they are; the
//! records of decisions follow their index. They are copied, with their pictures, to a folder of
//! the same shape. Links between them stay; others lead to the repository that `Cargo.toml` names.
//! mdBook writes the site, and then every link and anchor in it is followed.

mod links;
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pages::Pages;

use crate::program::{Outcome, run};
use crate::root;

/// The version of mdBook, which is installed under `target` once.
const VERSION: &str = "0.5.4";
/// The style of the site, beside mdBook's own.
const STYLE: &str = "docs/site.css";

/// Builds the site; returns where it is.
pub fn build() -> Result<PathBuf, String> {
    let folder = root().join("target").join("docs");
    let mdbook = installed()?;
    let pages = Pages::read(&root())?;
    fs::remove_dir_all(&folder).ok();
    let api = api();
    pages.write(&folder.join("src"), api.is_some())?;
    write(&folder.join("book.toml"), &configuration(&pages.repository))?;
    copy(&root().join(STYLE), &folder.join("site.css"))?;
    run(&mdbook, &["build".as_ref(), folder.as_os_str()], true)?;
    let book = folder.join("book");
    if let Some(api) = api {
        copy_all(&api, &book.join("api"))?;
    }
    let broken = links::broken(&book)?;
    if broken.is_empty() {
        return Ok(book);
    }
    Err(format!("{} breaches:\n{}", broken.len(), broken.join("\n")))
}

/// Builds the site if mdBook is here or can be installed.
pub fn check() -> Result<Outcome, String> {
    if let Err(problem) = installed() {
        return Ok(Outcome::Unchecked(problem));
    }
    let book = build()?;
    let shown = book.strip_prefix(root()).unwrap_or(&book).display();
    Ok(Outcome::Passed(format!(
        "every link and anchor in {shown} leads somewhere, and no page fetches anything from \
         elsewhere"
    )))
}

/// mdBook, which is installed if it is not here.
fn installed() -> Result<PathBuf, String> {
    let tools = root().join("target").join("tools");
    let mdbook = tools.join("bin").join("mdbook").with_extension(std::env::consts::EXE_EXTENSION);
    let version = std::process::Command::new(&mdbook).arg("--version").output();
    let is_right = version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains(VERSION));
    if is_right {
        return Ok(mdbook);
    }
    let place = tools.to_string_lossy();
    let install = ["install", "mdbook", "--version", VERSION, "--locked", "--root", &*place];
    // Not optimised: with that, it takes 3 s for the site.
    let features = ["--no-default-features", "--features", "search", "--debug"];
    run(Path::new(env!("CARGO")), &[&install[..], &features].concat(), false)
        .map_err(|problem| format!("mdBook cannot be installed ({problem})"))?;
    Ok(mdbook)
}

/// The pages of the library, if they were built.
fn api() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = target.unwrap_or_else(|| root().join("target")).join("doc");
    folder.join("speech2face/index.html").exists().then_some(folder)
}

/// mdBook's settings. It would ask play.rust-lang.org about code that can be run.
fn configuration(repository: &str) -> String {
    format!(
        "[book]\ntitle = \"speech2face\"\nlanguage = \"en\"\n\n\
         [build]\ncreate-missing = false\n\n\
         [output.html]\nno-section-label = true\n\
         git-repository-url = \"{repository}\"\n\
         additional-css = [\"site.css\"]\n\n\
         [output.html.playground]\nrunnable = false\n\n\
         [output.html.fold]\nenable = true\nlevel = 1\n"
    )
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Files below a folder, relative to it, with `/`.
fn files(folder: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut open = vec![String::new()];
    while let Some(inner) = open.pop() {
        let problem = |e: std::io::Error| format!("{}/{inner}: {e}", folder.display());
        for entry in fs::read_dir(folder.join(&inner)).map_err(problem)? {
            let entry = entry.map_err(problem)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if inner.is_empty() { name } else { format!("{inner}/{name}") };
            match entry.file_type().map_err(problem)?.is_dir() {
                true => open.push(path),
                false => drop(found.insert(path)),
            }
        }
    }
    Ok(found)
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    for name in files(from)? {
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    fs::copy(from, to).map(drop).map_err(|e| format!("{}: {e}", from.display()))
}
