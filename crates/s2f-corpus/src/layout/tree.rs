//! Folders, listed in the same order on every file system.

use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use s2f_core::FileError;

use super::names;
use crate::CorpusError;
use crate::plan::Absent;

/// A folder, and the links that were followed to it.
#[derive(Debug, Clone)]
pub(super) struct TreeFolder {
    pub(super) path: PathBuf,
    /// The folders, resolved, that contain the links.
    links: Vec<PathBuf>,
}

/// The contents of a folder, sorted by the bytes of the name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) folders: Vec<(String, TreeFolder)>,
    pub(super) files: Vec<(String, PathBuf)>,
}

/// Lists folders, and collects what cannot be used in them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    unusable: Vec<(PathBuf, &'static str)>,
}

impl TreeFolder {
    pub(super) fn root(path: &Path) -> Self {
        Self { path: path.to_owned(), links: Vec::new() }
    }
}

impl Tree {
    /// The contents of a folder without hidden files (such as `._x` and `.DS_Store` of macOS).
    /// Links are followed, but never back into a folder that is being listed.
    ///
    /// # Errors
    /// [`CorpusError::File`] for a folder that cannot be listed.
    pub(super) fn list(&mut self, folder: &TreeFolder) -> Result<Listing, CorpusError> {
        let refused = || FileError::at("list", &folder.path);
        let mut listing = Listing::default();
        for entry in fs::read_dir(&folder.path).map_err(refused())? {
            let entry = entry.map_err(refused())?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX" {
                continue;
            }
            let path = entry.path();
            let Ok(name) = name.into_string() else {
                self.unusable.push((path, "name not in UTF-8"));
                continue;
            };
            let mut kind = entry.file_type().map_err(refused())?;
            let mut links = folder.links.clone();
            if kind.is_symlink() {
                let Some(target) = kind_of(&path)? else {
                    self.unusable.push((path, "broken link"));
                    continue;
                };
                kind = target;
                if kind.is_dir() {
                    let here = fs::canonicalize(&folder.path).map_err(refused())?;
                    let target = fs::canonicalize(&path).map_err(FileError::at("list", &path))?;
                    links.push(here);
                    if links.iter().any(|from| from.starts_with(&target)) {
                        continue;
                    }
                }
            }
            if kind.is_dir() {
                listing.folders.push((name, TreeFolder { path, links }));
            } else if kind.is_file() {
                listing.files.push((name, path));
            }
        }
        listing.folders.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        listing.files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(listing)
    }

    /// As [`Tree::list`] for the folder `root/under`; empty if there is none.
    pub(super) fn list_under(&mut self, root: &Path, under: &str) -> Result<Listing, CorpusError> {
        let path = root.join(under);
        match kind_of(&path)? {
            Some(kind) if kind.is_dir() => self.list(&TreeFolder::root(&path)),
            _ => Ok(Listing::default()),
        }
    }

    /// Everything in the listed folders that could not be used.
    pub(super) fn into_absent(self, root: &Path) -> impl Iterator<Item = Absent> {
        self.unusable.into_iter().map(move |(path, missing)| {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            Absent {
                pair_id: names::pair_id(&[&name]),
                speaker_id: String::new(),
                source: name,
                missing: missing.to_owned(),
            }
        })
    }
}

/// Whether there is a file with this name. Unlike [`Path::is_file`], it returns an error for a
/// mount that has disappeared.
///
/// # Errors
/// [`CorpusError::File`] if the operating system does not say.
pub(super) fn is_file(path: &Path) -> Result<bool, CorpusError> {
    Ok(kind_of(path)?.is_some_and(|kind| kind.is_file()))
}

/// The type of a file, following links; `None` if there is none.
fn kind_of(path: &Path) -> Result<Option<FileType>, CorpusError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.file_type())),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(None)
        }
        Err(error) => Err(FileError::at("access", path)(error).into()),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::tests::tree;

    /// Every file below a folder, relative to it.
    fn all(tree: &mut Tree, root: &Path) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![TreeFolder::root(root)];
        while let Some(place) = folders.pop() {
            assert!(place.path.as_os_str().len() < 1000, "{}", place.path.display());
            let listing = tree.list(&place).unwrap();
            let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
            files.extend(listing.files.iter().map(|(_, path)| relative(path)));
            folders.extend(listing.folders.into_iter().map(|(_, place)| place));
        }
        files.sort();
        files
    }

    #[test]
    fn links_are_followed_and_cycles_end() {
        let root = tree(&["a/x", "b/y", "outside/z"]);
        let path = root.path();
        symlink("../a", path.join("b/to-a")).unwrap();
        symlink("../b", path.join("a/to-b")).unwrap();
        symlink(".", path.join("a/self")).unwrap();
        symlink(path, path.join("b/root")).unwrap();
        symlink("../b/y", path.join("a/file")).unwrap();
        symlink("nowhere", path.join("a/dangling")).unwrap();
        let mut tree = Tree::default();
        let files = all(&mut tree, path);
        for expected in ["a/x", "a/file", "a/to-b/y", "b/to-a/x", "b/y", "outside/z"] {
            assert!(files.iter().any(|file| file == expected), "{expected} in {files:?}");
        }
        assert!(tree.into_absent(path).any(|absent| absent.source == "a/dangling"));
    }

    #[test]
    fn names_are_sorted_and_unusable_ones_are_listed_separately() {
        let root = tree(&["b", "a", "B", ".hidden", "._a", ".DS_Store", "__MACOSX/a"]);
        fs::write(root.path().join(OsStr::from_bytes(b"caf\xe9.mp4")), "").unwrap();
        let mut tree = Tree::default();
        let listing = tree.list(&TreeFolder::root(root.path())).unwrap();
        let names: Vec<_> = listing.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["B", "a", "b"]);
        assert!(listing.folders.is_empty());
        let unusable: Vec<_> = tree.into_absent(root.path()).collect();
        assert_eq!(unusable.len(), 1);
        assert_eq!(
            (unusable[0].source.as_str(), unusable[0].missing.as_str()),
            ("caf\u{fffd}.mp4", "name not in UTF-8")
        );
        assert!(unusable[0].pair_id.starts_with("caf__mp4~"), "{}", unusable[0].pair_id);
    }
}
