//! Output file naming.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::inputs::Input;

/// A format of an output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The picture
    Png,
    /// Provenance, feature and landmarks; with --faces, also those of each face and its density
    Json,
    /// The cartoon, with --style
    Svg,
    /// Feature and landmarks for NumPy: NAME.feature.npy, NAME.landmarks.npy
    Npy,
}

/// Where files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputPlace {
    /// In the folder of each recording; for standard input, in the working folder.
    BesideInput,
    /// In one folder.
    Folder(PathBuf),
    /// Under this name and, in other formats, this name with another extension.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// The output files of one recording: a folder, and their name without extension.
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
            Format::Svg => &["svg"],
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

    /// All files of a recording with `faces` faces that are drawn at random, format by format: the
    /// mean face first, then the others in their order, and, unless they are cartoons, their sheet.
    pub fn files(&self, formats: &[Format], faces: usize, are_cartoons: bool) -> Vec<PathBuf> {
        let each = self.with_faces(faces);
        let of_format = |&format: &Format| {
            let of_each = match format {
                Format::Png if !are_cartoons => &each[..],
                Format::Json => &each[..1],
                Format::Png | Format::Svg | Format::Npy => &each[..=faces], // without the sheet
            };
            of_each.iter().flat_map(move |target| target.paths(format))
        };
        formats.iter().flat_map(of_format).collect()
    }

    /// The files of a face that is drawn at random, from 1.
    pub fn face(&self, index: usize) -> Self {
        self.with_suffix(&format!("-{index}"))
    }

    /// The file of the sheet of all faces.
    pub fn sheet(&self) -> Self {
        self.with_suffix("-faces")
    }

    /// This target, and those of the faces drawn at random with their sheet, if there are any.
    fn with_faces(&self, faces: usize) -> Vec<Self> {
        let mut targets = vec![self.clone()];
        if faces > 0 {
            targets.extend((1..=faces).map(|index| self.face(index)));
            targets.push(self.sheet());
        }
        targets
    }

    fn with_suffix(&self, suffix: &str) -> Self {
        let mut stem = self.stem.clone();
        stem.push(suffix);
        Self { folder: self.folder.clone(), stem }
    }

    /// The `number`th of several of the same name.
    fn numbered(&self, number: usize) -> Self {
        if number > 1 { self.with_suffix(&format!("-{number}")) } else { self.clone() }
    }

    /// Equal for names that are the same file on a case-insensitive file system.
    fn key(&self) -> (PathBuf, String) {
        (self.folder.clone(), self.stem.to_string_lossy().to_lowercase())
    }
}

/// A target for each input, with room for the files of `faces` faces drawn at random. No two files
/// are the same, and no file is an input: later targets are numbered from -2, skipping the names
/// that other inputs have without a number.
pub fn targets(
    inputs: &[Input],
    place: &OutputPlace,
    formats: &[Format],
    faces: usize,
) -> Vec<Target> {
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
            let all = target.with_faces(faces);
            let keys: Vec<_> = all.iter().map(Target::key).collect();
            let own = usize::from(number == 1); // claimed by this input itself
            let is_free = !keys.iter().skip(own).any(|key| claimed.contains(key))
                && !keys.iter().any(|key| taken.contains(key))
                && !all.iter().any(is_read);
            if is_free {
                taken.extend(keys);
                return target;
            }
            number += 1;
        }
    };
    plain.iter().map(&mut free).collect()
}

/// The target of an input without a number.
fn target(input: &Input, place: &OutputPlace) -> Target {
    let (parent, stem) = match input {
        Input::Stdin => (Path::new(""), OsStr::new("stdin")),
        Input::File(path) => split(path),
    };
    match place {
        OutputPlace::BesideInput | OutputPlace::Stdout => {
            Target { folder: parent.to_owned(), stem: stem.to_owned() }
        }
        OutputPlace::Folder(folder) => Target { folder: folder.clone(), stem: stem.to_owned() },
        OutputPlace::File(path) => {
            let (folder, stem) = split(path);
            Target { folder: folder.to_owned(), stem: stem.to_owned() }
        }
    }
}

/// Folder, and name without its extension.
fn split(path: &Path) -> (&Path, &OsStr) {
    (path.parent().unwrap_or(Path::new("")), path.file_stem().unwrap_or(OsStr::new("voice")))
}

/// The canonical path of an input file.
fn identity(input: &Input) -> Option<PathBuf> {
    match input {
        Input::Stdin => None,
        Input::File(path) => path.canonicalize().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[&str], place: &OutputPlace) -> Vec<String> {
        let inputs: Vec<Input> = inputs.iter().map(|path| Input::File(path.into())).collect();
        let targets = targets(&inputs, place, &[Format::Png], 0);
        let name = |target: &Target| target.paths(Format::Png)[0].display().to_string();
        targets.iter().map(name).collect()
    }

    #[test]
    fn faces_of_one_recording_do_not_replace_those_of_another() {
        let check = |inputs: &[&str], faces: usize, expected: &[&str]| {
            let inputs: Vec<Input> = inputs.iter().map(|path| Input::File(path.into())).collect();
            let targets = targets(&inputs, &OutputPlace::BesideInput, &[Format::Png], faces);
            let stems: Vec<_> =
                targets.iter().map(|target| target.stem.to_string_lossy()).collect();
            assert_eq!(stems, expected);
            let files = targets.iter().flat_map(|target| target.with_faces(faces));
            let files: Vec<PathBuf> = files.flat_map(|t| t.paths(Format::Png)).collect();
            assert_eq!(files.iter().collect::<HashSet<_>>().len(), files.len());
        };
        check(&["x.wav", "x.mp3"], 1, &["x", "x-2"]);
        check(&["x.wav", "x.mp3"], 3, &["x", "x-4"]);
        check(&["x.wav", "x-2.wav"], 3, &["x-3", "x-2"]);
        check(&["x.wav", "x-faces.wav"], 1, &["x-2", "x-faces"]);
    }

    #[test]
    fn each_recording_has_its_own_name() {
        let out = OutputPlace::Folder("out".into());
        for (inputs, place, expected) in [
            (&["a/x.wav", "y.mp3"][..], &OutputPlace::BesideInput, &["a/x.png", "y.png"][..]),
            (&["a/x.wav", "a/x.mp3"], &OutputPlace::BesideInput, &["a/x.png", "a/x-2.png"]),
            (&["a/x.wav", "b/x.wav"], &OutputPlace::BesideInput, &["a/x.png", "b/x.png"]),
            (&["a/x.wav", "b/x.wav", "c/x"], &out, &["out/x.png", "out/x-2.png", "out/x-3.png"]),
            (&["x.wav", "x.mp3", "x-2.wav"], &out, &["out/x.png", "out/x-3.png", "out/x-2.png"]),
            (&["x.wav", "X.mp3"], &out, &["out/x.png", "out/X-2.png"]),
            (&["x.tar.wav", ".wav"], &out, &["out/x.tar.png", "out/.wav.png"]),
            (&["x.wav"], &OutputPlace::File("f/face.png".into()), &["f/face.png"]),
        ] {
            assert_eq!(names(inputs, place), expected, "{inputs:?}");
        }
    }

    #[test]
    fn formats_share_a_name() {
        let target = target(&Input::Stdin, &OutputPlace::File("a/face.json".into()));
        assert_eq!(target.paths(Format::Json), [Path::new("a/face.json")]);
        assert_eq!(
            target.paths(Format::Npy),
            [Path::new("a/face.feature.npy"), Path::new("a/face.landmarks.npy")]
        );
    }
}
