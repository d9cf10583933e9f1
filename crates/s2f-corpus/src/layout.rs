//! Layouts of corpora on disk, one file a layout: each reads names and tables, and makes a
//! [`Plan`]. Nothing is opened but tables and licence texts.

mod avspeech;
mod folder;
mod names;
#[cfg(test)]
pub(crate) mod testing;
mod tree;
mod unpaired;
mod voxceleb;
mod voxceleb1;
mod voxceleb2;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use s2f_core::FileError;
use serde::Serialize;

use crate::CorpusError;
use crate::plan::{Absent, Clip, Person, Plan};
use s2f_pairs::Split;

pub(crate) use unpaired::tables as unpaired_tables;

/// Makes [`Layout`] from a line a layout: its name in Rust and the module that reads it.
macro_rules! layouts {
    ($($(#[$doc:meta])+ $layout:ident = $module:ident,)+) => {
        /// How a corpus lies on disk.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Layout {
            $($(#[$doc])+ $layout,)+
        }

        impl Layout {
            /// All of them, in the order in which [`Layout::detect`] tries them.
            pub const ALL: &[Self] = &[$(Self::$layout),+];

            fn description(self) -> &'static Description {
                match self {
                    $(Self::$layout => &$module::LAYOUT,)+
                }
            }
        }
    };
}

layouts! {
    /// VoxCeleb1: voices by id, faces by name.
    VoxCeleb1 = voxceleb1,
    /// VoxCeleb2: voices and videos by id.
    VoxCeleb2 = voxceleb2,
    /// AVSpeech: a list of segments and the videos that were downloaded.
    AvSpeech = avspeech,
    /// Voices and faces of different people.
    Unpaired = unpaired,
    /// A folder per person.
    Folder = folder,
}

/// What the file of a layout says of it.
struct Description {
    /// As typed and printed.
    name: &'static str,
    /// As people call it.
    title: &'static str,
    /// What a folder must hold to be recognised.
    needs: &'static str,
    /// Where the corpus does not state its licence in a file of its own.
    licence: &'static str,
    /// What `prepare` makes of it.
    treatment: &'static str,
    /// Recognised by the names of its tables, not by what its folders are like. Such a layout is
    /// tried first, and two of them in one folder are an error.
    by_table: bool,
    /// Whether it is recognised in a folder.
    fits: fn(&Path) -> Result<bool, CorpusError>,
    /// Reads it.
    read: fn(&Path) -> Result<Contents, CorpusError>,
}

/// What the file of a layout finds.
#[derive(Default)]
struct Contents {
    clips: Vec<Clip>,
    absent: Vec<Absent>,
    people: BTreeMap<String, Person>,
}

impl Layout {
    /// As typed and printed, for example `voxceleb1`.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// As people call it, for example `VoxCeleb1`.
    pub fn title(self) -> &'static str {
        self.description().title
    }

    /// The layout of that [`Layout::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|layout| layout.name() == name)
    }

    /// What a folder must hold to be recognised.
    pub fn needs(self) -> &'static str {
        self.description().needs
    }

    /// What becomes the voice, where the face comes from and which one is chosen.
    pub fn treatment(self) -> &'static str {
        self.description().treatment
    }

    /// The layout of the corpus in `root`, by names alone.
    ///
    /// # Errors
    /// [`CorpusError::UnknownLayout`] where none fits, [`CorpusError::SeveralLayouts`] where
    /// several do, [`CorpusError::File`] for an unreadable folder.
    pub fn detect(root: &Path) -> Result<Self, CorpusError> {
        std::fs::read_dir(root).map_err(FileError::at("list", root))?;
        let mut found = Vec::new();
        for &layout in Self::ALL {
            let description = layout.description();
            if !found.is_empty() && !description.by_table {
                break;
            }
            if (description.fits)(root)? {
                found.push(layout);
            }
        }
        match found[..] {
            [layout] => Ok(layout),
            [] => Err(CorpusError::UnknownLayout {
                path: root.to_owned(),
                layouts: lines(|layout| format!("  {:<11} {}", layout.name(), layout.needs())),
            }),
            _ => Err(CorpusError::SeveralLayouts {
                path: root.to_owned(),
                layouts: found.iter().map(|layout| layout.name()).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

fn lines(line: impl Fn(Layout) -> String) -> String {
    Layout::ALL.iter().map(|&layout| line(layout)).collect::<Vec<_>>().join("\n")
}

/// Reads names and tables of the corpus in `root`, in the given layout or the one that
/// [`Layout::detect`] finds. What it gives depends on names and tables, not on the order in which
/// the file system lists them.
///
/// The splits that the corpus prescribes are kept where its part for tests is there.
///
/// A `licence.txt` (or `LICENSE`, `LICENCE.md`, …) in `root` states the licence; otherwise it is
/// what the corpus' own page says.
///
/// # Errors
/// [`CorpusError`] where no layout fits, for a folder or a table that cannot be read, and for two
/// clips of one name.
pub fn plan(root: &Path, layout: Option<Layout>) -> Result<Plan, CorpusError> {
    let layout = layout.map_or_else(|| Layout::detect(root), Ok)?;
    let description = layout.description();
    let Contents { mut clips, mut absent, people } = (description.read)(root)?;
    clips.sort_unstable_by(|a, b| a.pair_id.cmp(&b.pair_id));
    // None of the layouts below can do this; whoever adds one is to learn of it here.
    if let Some(two) = clips.windows(2).find(|two| two[0].pair_id == two[1].pair_id) {
        return Err(CorpusError::Twice { pair_id: two[0].pair_id.clone() });
    }
    absent.sort_unstable_by(|a, b| (&a.pair_id, &a.missing).cmp(&(&b.pair_id, &b.missing)));
    if clips.iter().all(|clip| clip.split != Some(Split::Test)) {
        // The part for tests is not here: what is can be shared out freely.
        clips.iter_mut().for_each(|clip| clip.split = None);
    }
    let licence = stated_licence(root)?.unwrap_or_else(|| description.licence.to_owned());
    Ok(Plan { layout, root: root.to_owned(), clips, absent, people, licence })
}

/// Names of files that state a licence, without extension and in small letters.
const LICENCE_FILES: [&str; 3] = ["licence", "license", "copying"];
/// Characters kept: the line goes into every pair.
const MAX_LICENCE: usize = 200;

/// The first line of the file that states the licence. Marks of a heading before it are cut off.
fn stated_licence(root: &Path) -> Result<Option<String>, CorpusError> {
    let files = tree::Tree::default().list(&tree::Place::root(root))?.files;
    for (name, path) in files {
        let (stem, extension) = names::split_extension(&name);
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
    use super::testing::{tree, write};
    use super::*;

    #[test]
    fn layouts_are_told_apart_by_their_names() {
        let check = |files: &[&str], expected: Option<Layout>| {
            let root = tree(files);
            assert_eq!(Layout::detect(root.path()).ok(), expected, "{files:?}");
        };
        check(&["vox1_meta.csv"], Some(Layout::VoxCeleb1));
        check(&["vox2_meta.csv", "dev/aac/id00012/v/00001.m4a"], Some(Layout::VoxCeleb2));
        check(&["dev/mp4/id00012/v/00001.mp4"], Some(Layout::VoxCeleb2));
        check(&["mp4/id00012/v/00001.mp4"], Some(Layout::VoxCeleb2));
        check(&["avspeech_train.csv", "x/y.mp4"], Some(Layout::AvSpeech));
        check(&["avspeech_test.csv"], Some(Layout::AvSpeech));
        check(
            &["faces/a/people.csv", "faces/a/landmarks.csv", "voices/speakers.csv"],
            Some(Layout::Unpaired),
        );
        check(&["anna/clip.MP4"], Some(Layout::Folder));
        check(&["anna/day 1/clip.webm"], Some(Layout::Folder));
        check(&["anna/a.wav", "anna/b.JPG"], Some(Layout::Folder));
        check(&["people.csv", "anna/a.mpg"], Some(Layout::Folder));
        check(&["mp4/clip.mp4"], Some(Layout::Folder));
        check(&["anna/a.wav", "berta/b.jpg"], None);
        check(&["clip.mp4"], None);
        check(&["speakers.csv", "clip.mpg"], None);
        check(&[".hidden/clip.mp4", "anna/._clip.mp4"], None);
        check(&[], None);
    }

    #[test]
    fn a_folder_that_fits_nothing_is_told_what_each_layout_needs() {
        let root = tree(&["readme.md"]);
        let message = Layout::detect(root.path()).unwrap_err().to_string();
        for layout in Layout::ALL {
            assert!(message.contains(layout.name()) && message.contains(layout.needs()));
        }
    }

    #[test]
    fn two_corpora_in_one_folder_must_be_told_apart_by_the_user() {
        let root = tree(&["vox2_meta.csv", "anna/clip.mp4"]);
        write(root.path(), "vox1_meta.csv", "VoxCeleb1 ID\tVGGFace1 ID\tGender\tSet\n");
        let message = Layout::detect(root.path()).unwrap_err().to_string();
        assert!(message.contains("voxceleb1, voxceleb2"), "{message}");
        assert!(plan(root.path(), Some(Layout::VoxCeleb1)).unwrap().clips.is_empty());
        assert_eq!(plan(root.path(), Some(Layout::Folder)).unwrap().clips.len(), 1);
    }

    #[test]
    fn without_its_part_for_tests_a_corpus_prescribes_no_split() {
        let check = |lists: &[&str], expected: Option<Split>| {
            let root = tree(&["v.mp4", "w.mp4"]);
            write(root.path(), "avspeech_train.csv", "v,1,4,0.5,0.5\n");
            for list in lists {
                write(root.path(), "avspeech_test.csv", list);
            }
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(plan.clips[0].split, expected, "{lists:?}");
        };
        check(&[], None);
        check(&["gone,1,4,0.5,0.5\n"], None);
        check(&["w,1,4,0.5,0.5\n"], Some(Split::Train));
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_an_error() {
        let root = tree(&["file"]);
        for path in ["nowhere", "file"] {
            for layout in [None, Some(Layout::Folder), Some(Layout::AvSpeech)] {
                let error = plan(&root.path().join(path), layout).unwrap_err();
                assert!(matches!(error, CorpusError::File { .. }), "{path} {layout:?}: {error}");
            }
        }
    }

    #[test]
    fn the_licence_is_the_first_line_of_its_file_or_that_of_the_corpus() {
        let check = |name: &str, text: &str, expected: &str| {
            let root = tree(&["anna/a.mp4"]);
            write(root.path(), name, text);
            assert_eq!(plan(root.path(), None).unwrap().licence, expected, "{name} {text:?}");
        };
        check("licence.txt", "\n# CC BY 4.0\nmore", "CC BY 4.0");
        check("LICENSE", "MIT License\r\n", "MIT License");
        check("Licence.md", "\u{feff}Ours", "Ours");
        check("licence.txt", " \n", folder::LAYOUT.licence);
        check("readme.txt", "x", folder::LAYOUT.licence);
        check("licence.txt", &"é".repeat(500), &"é".repeat(MAX_LICENCE));
    }

    #[test]
    fn names_lead_back_to_their_layouts() {
        for &layout in Layout::ALL {
            assert_eq!(Layout::from_name(layout.name()), Some(layout));
            assert_eq!(serde_json::to_value(layout).unwrap(), layout.name());
        }
        assert_eq!(Layout::from_name("voxceleb3"), None);
    }
}
