//! How the files that are written are called.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::settings::{Format, Input};

/// Where files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Into the folder of each recording; for standard input, the working folder.
    BesideInput,
    /// Into one folder.
    Folder(PathBuf),
    /// To this name and, for other formats, this name with another extension.
    File(PathBuf),
}

/// Where the files of one recording go: a folder, and their name up to the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    folder: PathBuf,
    stem: OsString,
}

impl Target {
    /// The files of a format.
    pub fn paths(&self, format: Format) -> Vec<PathBuf> {
        let extensions: &[&str] = match format {
            Format::Png => &["png"],
            Format::Json => &["json"],
            Format::Npy => &["feature.npy", "landmarks.npy"],
        };
        let path = |extension: &&str| {
            let mut name = self.stem.clone();
            name.push(".");
            name.push(extension);
            self.folder.join(name)
        };
        extensions.iter().map(path).collect()
    }

    /// The `number`th of several of the same name.
    fn numbered(&self, number: usize) -> Self {
        let mut stem = self.stem.clone();
        if number > 1 {
            stem.push(format!("-{number}"));
        }
        Self { folder: self.folder.clone(), stem }
    }

    /// The same for names that are one on file systems that do not tell upper from lower case.
    fn key(&self) -> (PathBuf, String) {
        (self.folder.clone(), self.stem.to_string_lossy().to_lowercase())
    }
}

/// A target for each input. No two are the same and none is an input itself: who comes later is
/// numbered, beginning with -2, past the names that other inputs have by themselves.
pub fn targets(inputs: &[Input], place: &Place, formats: &[Format]) -> Vec<Target> {
    let plain: Vec<Target> = inputs.iter().map(|input| target(input, place)).collect();
    let claimed: HashSet<_> = plain.iter().map(Target::key).collect();
    let read: HashSet<PathBuf> = inputs.iter().filter_map(identity).collect();
    let is_read = |target: &Target| {
        let mut paths = formats.iter().flat_map(|format| target.paths(*format));
        paths.any(|path| path.canonicalize().is_ok_and(|path| read.contains(&path)))
    };
    let mut taken = HashSet::new();
    let mut free = |plain: &Target| {
        let mut number = 1;
        loop {
            let target = plain.numbered(number);
            let claimed = number > 1 && claimed.contains(&target.key());
            if !claimed && !is_read(&target) && taken.insert(target.key()) {
                return target;
            }
            number += 1;
        }
    };
    plain.iter().map(&mut free).collect()
}

/// The target of an input by itself.
fn target(input: &Input, place: &Place) -> Target {
    let (parent, stem) = match input {
        Input::Stdin => (Path::new(""), OsStr::new("stdin")),
        Input::File(path) => split(path),
    };
    match place {
        Place::BesideInput => Target { folder: parent.to_owned(), stem: stem.to_owned() },
        Place::Folder(folder) => Target { folder: folder.clone(), stem: stem.to_owned() },
        Place::File(path) => {
            let (folder, stem) = split(path);
            Target { folder: folder.to_owned(), stem: stem.to_owned() }
        }
    }
}

/// Folder and name without its extension.
fn split(path: &Path) -> (&Path, &OsStr) {
    (path.parent().unwrap_or(Path::new("")), path.file_stem().unwrap_or(OsStr::new("voice")))
}

/// One name for each file, however it is reached.
fn identity(input: &Input) -> Option<PathBuf> {
    match input {
        Input::Stdin => None,
        Input::File(path) => path.canonicalize().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[&str], place: &Place) -> Vec<String> {
        let inputs: Vec<Input> = inputs.iter().map(|path| Input::File(path.into())).collect();
        let targets = targets(&inputs, place, &[Format::Png]);
        let name = |target: &Target| target.paths(Format::Png)[0].display().to_string();
        targets.iter().map(name).collect()
    }

    #[test]
    fn each_recording_has_its_own_name() {
        let out = Place::Folder("out".into());
        for (inputs, place, expected) in [
            (&["a/x.wav", "y.mp3"][..], &Place::BesideInput, &["a/x.png", "y.png"][..]),
            (&["a/x.wav", "a/x.mp3"], &Place::BesideInput, &["a/x.png", "a/x-2.png"]),
            (&["a/x.wav", "b/x.wav"], &Place::BesideInput, &["a/x.png", "b/x.png"]),
            (&["a/x.wav", "b/x.wav", "c/x"], &out, &["out/x.png", "out/x-2.png", "out/x-3.png"]),
            (&["x.wav", "x.mp3", "x-2.wav"], &out, &["out/x.png", "out/x-3.png", "out/x-2.png"]),
            (&["x.wav", "X.mp3"], &out, &["out/x.png", "out/X-2.png"]),
            (&["x.tar.wav", ".wav"], &out, &["out/x.tar.png", "out/.wav.png"]),
            (&["x.wav"], &Place::File("f/face.png".into()), &["f/face.png"]),
        ] {
            assert_eq!(names(inputs, place), expected, "{inputs:?}");
        }
    }

    #[test]
    fn formats_share_a_name() {
        let target = target(&Input::Stdin, &Place::File("a/face.json".into()));
        assert_eq!(target.paths(Format::Json), [Path::new("a/face.json")]);
        assert_eq!(
            target.paths(Format::Npy),
            [Path::new("a/face.feature.npy"), Path::new("a/face.landmarks.npy")]
        );
    }
}
