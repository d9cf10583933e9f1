//! Layouts: how corpora are organised on disk.
//!
//! There is one file per layout, which defines a [`Layout`]: its properties, how it is recognised
//! and how its names and tables are read into a [`Plan`]. Nothing but tables and licence files is
//! opened.
//!
//! To add a layout, write such a file and add it to [`LAYOUTS`].

mod avspeech;
mod crema_d;
mod folder;
mod grid;
mod riksdag;
mod speaking_faces;
mod unpaired;
mod voxceleb1;
mod voxceleb2;

mod licence;
mod names;
mod tree;
mod voxceleb;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use s2f_core::FileError;
use s2f_pairs::Split;

use crate::CorpusError;
pub use names::has_sound;

use crate::plan::{Absent, Clip, LayoutProperties, Person, Plan, UnpairedCounts};

/// The layouts that are built in, in the order in which [`detect`] tries them.
pub static LAYOUTS: [&Layout; 9] = [
    &voxceleb1::LAYOUT,
    &voxceleb2::LAYOUT,
    &avspeech::LAYOUT,
    &riksdag::LAYOUT,
    &crema_d::LAYOUT,
    &unpaired::LAYOUT,
    &speaking_faces::LAYOUT,
    &grid::LAYOUT,
    &folder::LAYOUT,
];

/// How one kind of corpus is organised on disk.
pub struct Layout {
    /// Its name, and what checking and preparing a corpus depend on.
    pub properties: LayoutProperties,
    /// What a folder must contain to be recognised.
    pub needs: &'static str,
    /// Whether it is recognised by the names of its tables, not by what its folders are like. Such
    /// layouts are tried first, and two of them in one folder are an error.
    pub detected_by_table: bool,
    /// Whether a folder has this layout.
    pub detect: fn(&Path) -> Result<bool, CorpusError>,
    /// Reads names and tables of a folder.
    pub read: fn(&Path) -> Result<CorpusContents, CorpusError>,
}

/// What the names and tables of a corpus contain, in any order.
#[derive(Debug, Default)]
pub struct CorpusContents {
    /// As [`Plan::clips`].
    pub clips: Vec<Clip>,
    /// As [`Plan::absent`].
    pub absent: Vec<Absent>,
    /// As [`Plan::people`].
    pub people: BTreeMap<String, Person>,
    /// As [`Plan::unpaired`].
    pub unpaired: Option<UnpairedCounts>,
}

impl Layout {
    /// Its name on the command line and in files, for example `voxceleb1`.
    pub fn name(&self) -> &'static str {
        self.properties.name
    }

    /// The error for a folder that is not in this layout, because of what is `missing`.
    fn not_in(&self, root: &Path, missing: &'static str) -> CorpusError {
        let (title, needs) = (self.properties.title, self.needs);
        CorpusError::OtherLayout { path: root.to_owned(), title, missing, needs }
    }

    /// Reads names and tables of the corpus in `root`. The result does not depend on the order in
    /// which the file system lists them.
    ///
    /// The splits that the corpus prescribes are kept only if its test set is there.
    ///
    /// The licence is the first line of `licence.txt` (or `LICENSE`, `LICENCE.md`, …) in `root`,
    /// otherwise the [default](LayoutProperties::default_licence).
    ///
    /// # Errors
    /// [`CorpusError`] for a folder or a table that cannot be read and for two clips with the same
    /// name.
    pub fn plan(&self, root: &Path) -> Result<Plan, CorpusError> {
        let CorpusContents { mut clips, mut absent, people, unpaired } = (self.read)(root)?;
        clips.sort_unstable_by(|a, b| a.pair_id.cmp(&b.pair_id));
        if let Some(two) = clips.windows(2).find(|two| two[0].pair_id == two[1].pair_id) {
            return Err(CorpusError::DuplicateClip { pair_id: two[0].pair_id.clone() });
        }
        absent.sort_unstable_by(|a, b| (&a.pair_id, &a.missing).cmp(&(&b.pair_id, &b.missing)));
        if clips.iter().all(|clip| clip.split != Some(Split::Test)) {
            // Without the test set, the rest can be split freely.
            clips.iter_mut().for_each(|clip| clip.split = None);
        }
        let licence = licence::stated(root)?;
        Ok(Plan {
            layout: self.properties,
            root: root.to_owned(),
            clips,
            absent,
            people,
            unpaired,
            licence: licence.unwrap_or_else(|| self.properties.default_licence.to_owned()),
        })
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The layout of the corpus in `root`, one of `layouts`; see [`LAYOUTS`] for those that are built
/// in.
///
/// # Errors
/// [`CorpusError::UnknownLayout`] if none matches, [`CorpusError::SeveralLayouts`] if several do,
/// [`CorpusError::File`] for a folder that cannot be read.
pub fn detect<'a>(root: &Path, layouts: &[&'a Layout]) -> Result<&'a Layout, CorpusError> {
    std::fs::read_dir(root).map_err(FileError::at("list", root))?;
    let by_table = layouts.iter().filter(|layout| layout.detected_by_table);
    let by_folders = layouts.iter().filter(|layout| !layout.detected_by_table);
    let mut found: Vec<&Layout> = Vec::new();
    for layout in by_table.chain(by_folders) {
        if !found.is_empty() && !layout.detected_by_table {
            break;
        }
        if (layout.detect)(root)? {
            found.push(layout);
        }
    }
    match found[..] {
        [layout] => Ok(layout),
        [] => Err(CorpusError::UnknownLayout {
            path: root.to_owned(),
            layouts: join(layouts, "\n", |it| format!("  {:<14} {}", it.name(), it.needs)),
        }),
        _ => Err(CorpusError::SeveralLayouts {
            path: root.to_owned(),
            layouts: join(&found, ", ", |layout| layout.name().to_owned()),
        }),
    }
}

/// Reads names and tables of the corpus in `root`, see [`Layout::plan`], in the given layout or in
/// the one of [`LAYOUTS`] that it has.
///
/// # Errors
/// As [`detect`] and [`Layout::plan`].
pub fn plan(root: &Path, layout: Option<&Layout>) -> Result<Plan, CorpusError> {
    match layout {
        Some(layout) => layout.plan(root),
        None => detect(root, &LAYOUTS)?.plan(root),
    }
}

fn join(layouts: &[&Layout], separator: &str, text: impl Fn(&Layout) -> String) -> String {
    layouts.iter().map(|layout| text(layout)).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{tree, write};

    #[test]
    fn layouts_are_detected_by_their_names() {
        let check = |files: &[&str], expected: Option<&str>| {
            let root = tree(files);
            let found = detect(root.path(), &LAYOUTS).ok().map(Layout::name);
            assert_eq!(found, expected, "{files:?}");
        };
        check(&["vox1_meta.csv"], Some("voxceleb1"));
        check(&["vox2_meta.csv", "dev/aac/id00012/v/00001.m4a"], Some("voxceleb2"));
        check(&["dev/mp4/id00012/v/00001.mp4"], Some("voxceleb2"));
        check(&["mp4/id00012/v/00001.mp4"], Some("voxceleb2"));
        check(&["avspeech_train.csv", "x/y.mp4"], Some("avspeech"));
        check(&["avspeech_test.csv"], Some("avspeech"));
        check(
            &["faces/a/people.csv", "faces/a/landmarks.csv", "voices/speakers.csv"],
            Some("unpaired"),
        );
        check(&["train_metadata.csv"], Some("riksdag"));
        check(&["sub_1_ia/trial_1/mic1_audio_cmd_trim/x.wav"], Some("speaking-faces"));
        check(&["test_data/sub_121/trial_2/x"], Some("speaking-faces"));
        check(&["anna/clip.MP4"], Some("folder"));
        check(&["anna/day 1/clip.webm"], Some("folder"));
        check(&["anna/a.wav", "anna/b.JPG"], Some("folder"));
        check(&["people.csv", "anna/a.mpg"], Some("folder"));
        check(&["mp4/clip.mp4"], Some("folder"));
        check(&["anna/a.wav", "berta/b.jpg"], None);
        check(&["clip.mp4"], None);
        check(&["speakers.csv", "clip.mpg"], None);
        check(&[".hidden/clip.mp4", "anna/._clip.mp4"], None);
        check(&[], None);
    }

    #[test]
    fn for_an_unknown_layout_the_error_lists_what_each_layout_needs() {
        let root = tree(&["readme.md"]);
        let message = detect(root.path(), &LAYOUTS).unwrap_err().to_string();
        for layout in LAYOUTS {
            assert!(message.contains(layout.name()) && message.contains(layout.needs));
        }
    }

    #[test]
    fn two_corpora_in_one_folder_need_a_choice_by_the_user() {
        let root = tree(&["vox2_meta.csv", "anna/clip.mp4"]);
        write(root.path(), "vox1_meta.csv", "VoxCeleb1 ID\tVGGFace1 ID\tGender\tSet\n");
        let message = detect(root.path(), &LAYOUTS).unwrap_err().to_string();
        assert!(message.contains("voxceleb1, voxceleb2"), "{message}");
        assert!(voxceleb1::LAYOUT.plan(root.path()).unwrap().clips.is_empty());
        assert_eq!(folder::LAYOUT.plan(root.path()).unwrap().clips.len(), 1);
    }

    #[test]
    fn without_its_test_set_a_corpus_prescribes_no_split() {
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
    fn a_folder_in_another_layout_is_an_error_with_reason_and_hint() {
        let root = tree(&["anna/clip.mp4"]);
        for layout in [&crema_d::LAYOUT, &grid::LAYOUT, &riksdag::LAYOUT, &speaking_faces::LAYOUT] {
            let message = layout.plan(root.path()).unwrap_err().to_string();
            let folder = root.path().display().to_string();
            let title = layout.properties.title;
            for part in [&folder, ": no ", &format!("not {title}; hint: "), layout.needs] {
                assert!(message.contains(part), "{part:?} is missing in {message}");
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_an_error() {
        let root = tree(&["file"]);
        for path in ["nowhere", "file"] {
            for layout in [None, Some(&folder::LAYOUT), Some(&avspeech::LAYOUT)] {
                let error = plan(&root.path().join(path), layout).unwrap_err();
                assert!(matches!(error, CorpusError::File { .. }), "{path} {layout:?}: {error}");
            }
        }
    }

    #[test]
    fn names_of_layouts_are_unique() {
        let names: std::collections::BTreeSet<_> = LAYOUTS.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), LAYOUTS.len());
        let expected = "avspeech crema-d folder grid riksdag speaking-faces unpaired voxceleb1 \
                        voxceleb2";
        assert!(names.into_iter().eq(expected.split(' ')));
    }
}
