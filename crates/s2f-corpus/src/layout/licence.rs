//! The licence that a corpus states in a separate file.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use s2f_core::FileError;

use super::names::split_extension;
use super::tree::{Tree, TreeFolder};
use crate::CorpusError;

/// Names of files that state a licence, without extension and in lower case.
const LICENCE_FILES: [&str; 3] = ["licence", "license", "copying"];
/// Maximum length in characters: the line is part of every pair.
const MAX_LICENCE: usize = 200;

/// The first line of the licence file in `root`, without the marks of a heading.
///
/// # Errors
/// [`CorpusError::File`] if the folder or the file cannot be read.
pub(super) fn stated(root: &Path) -> Result<Option<String>, CorpusError> {
    for (name, path) in Tree::default().list(&TreeFolder::root(root))?.files {
        let (stem, extension) = split_extension(&name);
        if !LICENCE_FILES.contains(&stem.to_ascii_lowercase().as_str())
            || !["", "txt", "md"].contains(&extension.as_str())
        {
            continue;
        }
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(1 << 14).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(FileError::at("read", &path)(error).into());
            }
            _ => {}
        }
        let text = String::from_utf8_lossy(&text);
        let line = text
            .lines()
            .map(|line| {
                line.trim_matches(|c: char| c.is_whitespace() || c == '#' || c == '\u{feff}')
            })
            .find(|line| !line.is_empty());
        if let Some(line) = line {
            return Ok(Some(line.chars().take(MAX_LICENCE).collect()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{folder, plan};
    use crate::tests::{tree, write};

    #[test]
    fn the_licence_is_the_first_line_of_its_file_or_that_of_the_layout() {
        let check = |name: &str, text: &str, expected: &str| {
            let root = tree(&["anna/a.mp4"]);
            write(root.path(), name, text);
            assert_eq!(plan(root.path(), None).unwrap().licence, expected, "{name} {text:?}");
        };
        let default = folder::LAYOUT.properties.default_licence;
        check("licence.txt", "\n# CC BY 4.0\nmore", "CC BY 4.0");
        check("LICENSE", "MIT License\r\n", "MIT License");
        check("Licence.md", "\u{feff}Ours", "Ours");
        check("licence.txt", " \n", default);
        check("readme.txt", "x", default);
        check("licence.txt", &"é".repeat(500), &"é".repeat(MAX_LICENCE));
    }
}
