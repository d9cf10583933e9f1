//! Checks of the documents: links, anchors and paths exist, every guide is in the site, the oldest
//! Rust version of the manifest is that of the toolchain, and the page of configuration keys is
//! what the types say.

use std::fs;
use std::path::Path;

use crate::{reference, root};

/// Folders without our documents.
const SKIPPED: [&str; 3] = ["target", "runs", "node_modules"];
/// Paths in backquotes are looked up if they begin with one of these.
const FOLDERS: [&str; 8] =
    ["benches/", "configs/", "crates/", "docs/", "examples/", "fuzz/", "reference/", "xtask/"];

/// Checks all documents.
pub fn check() -> Result<String, String> {
    let mut pages = Vec::new();
    collect(&root(), "", &mut pages)?;
    let mut breaches = broken(&pages, &|path| root().join(path).exists());
    breaches.extend(unlisted(&pages));
    let read =
        |name: &str| fs::read_to_string(root().join(name)).map_err(|e| format!("{name}: {e}"));
    breaches.extend(toolchain(&read("Cargo.toml")?, &read("rust-toolchain.toml")?));
    let keys = reference::check();
    breaches.extend(keys.as_ref().err().cloned());
    if breaches.is_empty() {
        Ok(format!(
            "links, anchors and paths of {} documents lead somewhere, {} configuration keys are \
             described",
            pages.len(),
            keys.unwrap_or_default()
        ))
    } else {
        Err(format!("{} breaches:\n{}", breaches.len(), breaches.join("\n")))
    }
}

/// A message if the minimum Rust version of the manifest is not that of the toolchain.
fn toolchain(manifest: &str, toolchain: &str) -> Option<String> {
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split('"').nth(1)?.to_owned())
    };
    let oldest = value(manifest, "rust-version")?;
    let channel = value(toolchain, "channel")?;
    let same = channel == oldest
        || channel.strip_prefix(&oldest).is_some_and(|rest| rest.starts_with('.'));
    (!same).then(|| {
        format!(
            "rust-version is {oldest} and rust-toolchain.toml has {channel}, so nothing checks the \
             former; hint: give both the same version"
        )
    })
}

/// Links, anchors and paths of the pages that lead nowhere; `exists` tells whether a path does.
fn broken(pages: &[(String, String)], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in pages {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target, anchor) in links(text) {
            let file = if target.is_empty() { path.clone() } else { in_folder(folder, target) };
            if !exists(&file) {
                broken.push(format!("{path}:{line}: {target} does not exist"));
            }
            let linked = pages.iter().find(|(path, _)| *path == file);
            if let Some((file, text)) = linked
                && !anchor.is_empty()
                && !anchors(text).iter().any(|it| it == anchor)
            {
                broken.push(format!("{path}:{line}: {file} has no heading #{anchor}"));
            }
        }
        let named = paths(text).into_iter().filter(|(_, named)| !exists(named));
        broken
            .extend(named.map(|(line, named)| format!("{path}:{line}: `{named}` does not exist")));
    }
    broken
}

/// Guides and results that the site, or the index of the documents, does not list.
fn unlisted(pages: &[(String, String)]) -> Vec<String> {
    let is_guide =
        |path: &str| path.starts_with("docs/guides/") || path.starts_with("docs/results/");
    let guides = pages.iter().map(|(path, _)| path).filter(|path| is_guide(path));
    let mut missing = Vec::new();
    for guide in guides {
        // Corpora have an index of their own, which is in that of all documents.
        let index = match guide.strip_prefix("docs/guides/corpora/") {
            Some(name) if name != "README.md" => "docs/guides/corpora/README.md",
            _ => "docs/README.md",
        };
        for list in ["docs/SUMMARY.md", index] {
            let text = pages.iter().find(|(path, _)| path == list).map_or("", |(_, text)| text);
            let folder = list.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_listed = links(text).iter().any(|(_, to, _)| in_folder(folder, to) == *guide);
            if !is_listed {
                missing.push(format!("{list}: {guide} is missing"));
            }
        }
    }
    missing
}

/// A path in a folder, both from the root, without `.` and `..`.
pub fn in_folder(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Line, target and anchor of each link to a file, or within the page.
fn links(text: &str) -> Vec<(usize, &str, &str)> {
    let mut found = Vec::new();
    for (line, text) in prose(text) {
        for part in text.split("](").skip(1) {
            let link = part.split([')', ' ']).next().unwrap_or_default();
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:") {
                found.push((line, target, anchor));
            }
        }
    }
    found
}

/// The anchors of a page's headings: lower case, hyphens for spaces, without punctuation.
fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
        let anchor: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let anchor = anchor.replace(' ', "-");
        let same = found.iter().filter(|other| **other == anchor).count();
        found.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
    }
    found
}

/// Line and path of each file of the repository that is named in backquotes. Paths with
/// placeholders (`NAME`, `…`, `*`) are left out.
fn paths(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text) in prose(text) {
        for named in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| named.starts_with(folder));
            let literal = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let placeholder = named.split(['/', '.']).any(|part| {
                part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()) && part != "README"
            });
            if is_path && named.chars().all(literal) && !placeholder {
                found.push((line, named));
            }
        }
    }
    found
}

/// Lines outside code blocks, numbered from 1.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut within = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        within ^= fence;
        !within && !fence
    })
}

fn collect(root: &Path, folder: &str, pages: &mut Vec<(String, String)>) -> Result<(), String> {
    let problem = |e: std::io::Error| format!("{folder}: {e}");
    for entry in fs::read_dir(root.join(folder)).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().map_err(problem)?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, pages)?;
            }
        } else if name.ends_with(".md") {
            let text = fs::read_to_string(entry.path()).map_err(|e| format!("{path}: {e}"))?;
            pages.push((path, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "[a](b/c.md#d) [e](https://f) [g](#h) ![i](j.png \"k\")\n\
                        ```\n[l](m)\n`docs/n`\n```\n\
                        `docs/o.md` `docs/NAME.md` `src/p.rs` `crates/a b` `docs/README.md`";

    #[test]
    fn links_and_paths_are_found() {
        assert_eq!(links(PAGE), [(1, "b/c.md", "d"), (1, "", "h"), (1, "j.png", "")]);
        assert_eq!(paths(PAGE), [(6, "docs/o.md"), (6, "docs/README.md")]);
    }

    #[test]
    fn headings_have_anchors() {
        let page = "# A `b` (c)\ntext # no\n## What, now?\n```\n# no\n```\n## What, now?\n#!no";
        assert_eq!(anchors(page), ["a-b-c", "what-now", "what-now-1"]);
    }

    #[test]
    fn guides_are_listed() {
        let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let pages = [
            page("docs/README.md", "[a](guides/a.md)"),
            page("docs/SUMMARY.md", "[a](guides/a.md) [c](guides/corpora/c.md)"),
            page("docs/guides/a.md", ""),
            page("docs/guides/b.md", ""),
            page("docs/guides/corpora/c.md", ""),
        ];
        let missing = [
            "docs/SUMMARY.md: docs/guides/b.md",
            "docs/README.md: docs/guides/b.md",
            "docs/guides/corpora/README.md: docs/guides/corpora/c.md",
        ];
        assert_eq!(unlisted(&pages), missing.map(|it| format!("{it} is missing")));
    }

    #[test]
    fn what_leads_nowhere_is_found() {
        let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let pages = [
            page("a/b.md", "# One\n[x](c.md#two) [y](c.md#three) [z](#one) [w](#four) [v](d.md)"),
            page("a/c.md", "## Two\n`docs/gone.md`"),
        ];
        let found = broken(&pages, &|path| ["a/b.md", "a/c.md"].contains(&path));
        let expected = [
            "a/b.md:2: a/c.md has no heading #three",
            "a/b.md:2: a/b.md has no heading #four",
            "a/b.md:2: d.md does not exist",
            "a/c.md:2: `docs/gone.md` does not exist",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_oldest_rust_is_the_checked_one() {
        let manifest = "[package]\nrust-version = \"1.95\"\n";
        assert_eq!(toolchain(manifest, "channel = \"1.95.0\""), None);
        for other in ["1.96.0", "1.9.5", "stable"] {
            assert!(toolchain(manifest, &format!("channel = \"{other}\"")).is_some(), "{other}");
        }
    }
}
