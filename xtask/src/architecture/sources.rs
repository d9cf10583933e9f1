//! The Rust files of the workspace.

use std::fs;
use std::path::Path;

use super::code;

/// Folders with our Rust files.
const FOLDERS: [&str; 3] = ["crates", "xtask", "fuzz"];
/// Folders in these whose code is not part of a crate.
const NOT_SHIPPED: [&str; 4] = ["tests", "benches", "examples", "fuzz"];
/// All of it is for tests.
const TESTING: &str = "crates/s2f-testing/";

/// A Rust file.
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
    /// Without comments, literals and tests; empty in a file of tests. Lines are those of `text`.
    pub code: String,
}

/// Reads all of them, in the order of their paths.
pub fn read(root: &Path) -> Result<Vec<Source>, String> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(root, folder, &mut files)?;
    }
    files.sort_unstable();
    Ok(with_code(files))
}

/// Separates tests from shipped code.
fn with_code(files: Vec<(String, String)>) -> Vec<Source> {
    let mut tests = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        let code = code::without_text(&text);
        let children = children(&path);
        tests.extend(code::test_modules(&code).into_iter().map(|name| format!("{children}{name}")));
        sources.push(Source { path, text, code: code::without_tests(&code) });
    }
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        let of_tests = |test: &String| {
            stem.strip_prefix(test.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_apart(&source.path) || tests.iter().any(of_tests) {
            source.code.clear();
        }
    }
    sources
}

/// The folder with the files of the modules that a file declares.
fn children(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => format!("{folder}/"),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

fn is_apart(path: &str) -> bool {
    path.starts_with(TESTING)
        || path
            .split("/src/")
            .next()
            .is_some_and(|outside| outside.split('/').any(|folder| NOT_SHIPPED.contains(&folder)))
}

fn collect(root: &Path, folder: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let problem = |e: std::io::Error| format!("{folder}: {e}");
    for entry in fs::read_dir(root.join(folder)).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type().map_err(problem)?.is_dir() {
            if name != "target" {
                collect(root, &path, files)?;
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).map_err(|e| format!("{path}: {e}"))?;
            files.push((path, text));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Sources from paths and texts.
    pub fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        with_code(files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect())
    }

    #[test]
    fn files_of_tests_have_no_code() {
        let sources = sources(&[
            ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod witness;\n"),
            ("crates/a/src/b.rs", "f();\n#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/b/tests.rs", "f();"),
            ("crates/a/src/witness.rs", "f();"),
            ("crates/a/src/witness/more.rs", "f();"),
            ("crates/a/src/witnesses.rs", "f();"),
            ("crates/a/tests/it/main.rs", "f();"),
            ("crates/s2f-testing/src/lib.rs", "f();"),
        ]);
        let shipped = |source: &&Source| source.code.contains("f()");
        let paths: Vec<&str> = sources.iter().filter(shipped).map(|s| s.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/b.rs", "crates/a/src/witnesses.rs"]);
    }

    #[test]
    fn the_repository_is_read() {
        let sources = read(&crate::root()).unwrap();
        assert!(
            sources.iter().any(|s| s.path == "xtask/src/main.rs" && s.code.contains("fn main"))
        );
    }
}
