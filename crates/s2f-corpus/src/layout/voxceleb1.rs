//! VoxCeleb1 (Nagrani, Chung, Zisserman, Interspeech 2017): voices by id, faces by name.
//!
//! ```text
//! vox1_meta.csv                            with tabs: VoxCeleb1 ID, VGGFace1 ID, Gender, …, Set
//! wav/ID/VIDEO/UTTERANCE.wav               also below dev, test, vox1_dev_wav and vox1_test_wav
//! unzippedFaces/NAME/1.6/VIDEO/FRAME.jpg   frames of the same videos, cut around the face
//! ```
//!
//! The table maps ids to names. A name may end with a dot, which Windows drops from folder names,
//! and accents in it may be composed or decomposed Unicode, depending on the file system. An
//! utterance is matched with the faces of its own video.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{self, FileKind};
use super::tree::{self, Tree, TreeFolder};
use super::voxceleb::{self, Entry, Utterances};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "voxceleb1",
        title: "VoxCeleb1",
        treatment: "each utterance becomes one voice (of its first 10 s); the face is the best one \
                    (large, sharp, frontal) among pictures of the same video in unzippedFaces",
        default_licence: "CC BY 4.0 (VoxCeleb1 metadata); the copyright remains with the owners of \
                          the videos",
        cuts_into_segments: false,
    },
    needs: "vox1_meta.csv, wav/ID/VIDEO/UTTERANCE.wav, unzippedFaces/NAME/1.6/VIDEO/FRAME.jpg",
    detected_by_table: true,
    detect: |root| tree::is_file(&root.join(META)),
    read,
};

const META: &str = "vox1_meta.csv";
const VOICES: [&str; 9] = [
    "wav",
    "dev/wav",
    "test/wav",
    "vox1_dev_wav/wav",
    "vox1_test_wav/wav",
    "dev",
    "test",
    "vox1_dev_wav",
    "vox1_test_wav",
];
const FACES: &str = "unzippedFaces";
/// The scale of the crop around the detected face; the only one there is.
const SCALE: &str = "1.6";

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let people = voxceleb::read_people(&root.join(META), "VoxCeleb1 ID", "VGGFace1 ID")?;
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let mut voices = voxceleb::by_id(&mut tree, root, &VOICES, &mut contents.absent)?;
    let mut faces = FaceFolders::of(tree.list_under(root, FACES)?.folders);
    for (id, entry) in people {
        let folders = voices.remove(&id);
        let voices = voxceleb::utterances(&mut tree, folders.as_ref(), FileKind::Sound)?;
        let faces = match faces.take(&entry.name) {
            Some(place) => face_videos(&mut tree, &place)?,
            None => BTreeMap::new(),
        };
        join(&mut tree, &id, &entry, voices, faces, &mut contents)?;
        contents.people.insert(id, entry.person);
    }
    for (id, folders) in voices {
        for (video, found) in voxceleb::utterances(&mut tree, Some(&folders), FileKind::Sound)? {
            contents.absent.extend(found.into_keys().map(|utterance| Absent {
                pair_id: names::pair_id(&[&id, &video, &utterance]),
                speaker_id: id.clone(),
                source: video.clone(),
                missing: format!("no line in {META}: {id}"),
            }));
        }
    }
    contents.absent.extend(faces.left.into_keys().map(|name| Absent {
        pair_id: names::pair_id(&[&name]),
        missing: format!("no line in {META}: {name}"),
        speaker_id: name,
        source: String::new(),
    }));
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Adds the clips of one person, and what is missing for others.
fn join(
    tree: &mut Tree,
    id: &str,
    entry: &Entry,
    voices: Utterances,
    mut faces: BTreeMap<String, TreeFolder>,
    contents: &mut CorpusContents,
) -> Result<(), CorpusError> {
    let absent = |parts: &[&str], source: &str, missing: String| Absent {
        pair_id: names::pair_id(parts),
        speaker_id: id.to_owned(),
        source: source.to_owned(),
        missing,
    };
    if voices.is_empty() && faces.is_empty() {
        let missing = format!("no sound and no faces: {}", entry.name);
        contents.absent.push(absent(&[id], "", missing));
    }
    let no_person = faces.is_empty();
    for (video, utterances) in voices {
        // A video without utterances counts as one that has only faces.
        if utterances.is_empty() {
            continue;
        }
        let pictures = match faces.remove(&video) {
            Some(place) => pictures(tree, &place)?,
            None => Arc::default(),
        };
        for (utterance, file) in utterances {
            let parts = [id, &video, &utterance];
            if pictures.is_empty() {
                let name = &entry.name;
                let missing = if no_person {
                    format!("no faces: {name}")
                } else {
                    format!("no faces of the video: {name}")
                };
                contents.absent.push(absent(&parts, &video, missing));
                continue;
            }
            contents.clips.push(Clip {
                pair_id: names::pair_id(&parts),
                speaker_id: id.to_owned(),
                source: video.clone(),
                sound: Media::whole(file),
                face: FaceSource::Pictures(Arc::clone(&pictures)),
                split: entry.split,
            });
        }
    }
    for video in faces.into_keys() {
        contents.absent.push(absent(&[id, &video], &video, "no sound".to_owned()));
    }
    Ok(())
}

/// The folders of faces by video.
fn face_videos(
    tree: &mut Tree,
    person: &TreeFolder,
) -> Result<BTreeMap<String, TreeFolder>, CorpusError> {
    let scales = tree.list(person)?.folders;
    let Some((_, scale)) = scales.into_iter().find(|(name, _)| name == SCALE) else {
        return Ok(BTreeMap::new());
    };
    Ok(tree.list(&scale)?.folders.into_iter().collect())
}

fn pictures(tree: &mut Tree, video: &TreeFolder) -> Result<Arc<[PathBuf]>, CorpusError> {
    let files = tree.list(video)?.files.into_iter();
    Ok(files
        .filter(|(name, _)| names::file_kind(name) == FileKind::Picture)
        .map(|(_, path)| path)
        .collect())
}

/// Folders of faces by name, independent of its spelling on disk.
struct FaceFolders {
    left: BTreeMap<String, TreeFolder>,
    /// Names on disk, by the part that all spellings have in common.
    spellings: HashMap<String, Vec<String>>,
}

impl FaceFolders {
    fn of(folders: Vec<(String, TreeFolder)>) -> Self {
        let mut spellings: HashMap<String, Vec<String>> = HashMap::new();
        for (name, _) in &folders {
            spellings.entry(common(name)).or_default().push(name.clone());
        }
        Self { left: folders.into_iter().collect(), spellings }
    }

    /// Removes the folder with this name, otherwise the only one with another spelling of it.
    fn take(&mut self, name: &str) -> Option<TreeFolder> {
        self.left.remove(name).or_else(|| match &self.spellings.get(&common(name))?[..] {
            [only] => self.left.remove(only),
            _ => None,
        })
    }
}

/// A name without trailing dots and with `?` for each non-ASCII letter, whether it is one character
/// or a letter with a combining accent.
fn common(name: &str) -> String {
    let mut common = String::new();
    for c in name.trim_end_matches('.').chars() {
        if ('\u{300}'..='\u{36f}').contains(&c) {
            common.pop();
        }
        common.push(if c.is_ascii() { c } else { '?' });
    }
    common
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;
    use s2f_pairs::Split;
    use s2f_testing::data;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    const HEADER: &str = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n";

    fn pictures(clip: &Clip) -> &[PathBuf] {
        match &clip.face {
            FaceSource::Pictures(pictures) => pictures,
            FaceSource::Video { .. } => panic!("{clip:?}"),
        }
    }

    #[test]
    fn the_example_is_joined_by_name() {
        let Some(root) = data("data/corpora/voxceleb1") else { return };
        let plan = plan(&root, None).unwrap();
        assert_eq!(plan.layout.name, "voxceleb1");
        // Its README: 21 wav, 84 jpg, two utterances and 8 faces in vid1, one and 4 in vid2; the
        // eighth person of the table has neither; id90006 and id90007 are the test set.
        assert_eq!((plan.clips.len(), plan.people.len()), (21, 8));
        let first = clip(&plan, "id90001.GRIDs01vid1.00001");
        assert_eq!(first.sound.file, root.join("wav/id90001/GRIDs01vid1/00001.wav"));
        assert_eq!((first.sound.start_s, first.sound.end_s), (0.0, None));
        assert_eq!(pictures(first).len(), 8);
        let faces = root.join("unzippedFaces/Grid_S1/1.6/GRIDs01vid1");
        assert_eq!(pictures(first)[0], faces.join("0000025.jpg"));
        assert_eq!(pictures(clip(&plan, "id90007.GRIDs32vid2.00001")).len(), 4);
        for clip in &plan.clips {
            let test = ["id90006", "id90007"].contains(&clip.speaker_id.as_str());
            let expected = if test { Split::Test } else { Split::Train };
            assert_eq!(clip.split, Some(expected), "{}", clip.pair_id);
        }
        assert_eq!(absent(&plan), ["id90099: no sound and no faces: Grid_Absent"]);
        assert_eq!(plan.people["id90001"].sex, Some(Sex::Male));
        assert_eq!(plan.licence, LAYOUT.properties.default_licence);
    }

    #[test]
    fn voices_are_found_where_the_archives_are_unpacked() {
        for part in VOICES {
            let root = tree(&[
                &format!("{part}/id10001/-v_1/00001.WAV"),
                "unzippedFaces/A/1.6/-v_1/1.JPG",
            ]);
            write(root.path(), META, &format!("{HEADER}id10001\tA\tf\tUK\tdev\n"));
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(ids(&plan), ["id10001.-v_1.00001"], "{part}");
            assert!(plan.absent.is_empty(), "{part}: {:?}", plan.absent);
        }
    }

    #[test]
    fn an_utterance_in_two_places_counts_once() {
        let root = tree(&[
            "wav/id10001/v/00001.wav",
            "vox1_dev_wav/wav/id10001/v/00001.wav",
            "vox1_dev_wav/wav/id10001/v/00002.wav",
            "unzippedFaces/A/1.6/v/1.jpg",
        ]);
        write(root.path(), META, &format!("{HEADER}id10001\tA\tf\tUK\tdev\n"));
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(ids(&plan), ["id10001.v.00001", "id10001.v.00002"]);
        assert_eq!(plan.clips[0].sound.file, root.path().join("wav/id10001/v/00001.wav"));
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        let check = |table: &str, disk: &[&str], expected: Option<&str>| {
            let root = tree(&["wav/id10001/v/00001.wav"]);
            for name in disk {
                write(root.path(), &format!("unzippedFaces/{name}/1.6/v/1.jpg"), "");
            }
            write(root.path(), META, &format!("{HEADER}id10001\t{table}\tm\tUSA\tdev\n"));
            let plan = plan(root.path(), None).unwrap();
            let found = plan.clips.first().map(|clip| pictures(clip)[0].clone());
            let expected = expected
                .map(|name| root.path().join("unzippedFaces").join(name).join("1.6/v/1.jpg"));
            assert_eq!(found, expected, "{table} {disk:?}");
        };
        check("Jr.", &["Jr."], Some("Jr."));
        check("Jr.", &["Jr"], Some("Jr"));
        check("Jr", &["Jr."], Some("Jr."));
        check("Jr.", &["Jr", "Jr."], Some("Jr."));
        check("Jr", &["Jr", "Jr."], Some("Jr"));
        check("Le\u{f3}n", &["Leo\u{301}n"], Some("Leo\u{301}n"));
        check("Leo\u{301}n", &["Le\u{f3}n"], Some("Le\u{f3}n"));
        check("Le\u{f3}n", &["Le\u{e9}n", "Le\u{e8}n"], None);
        check("Jr.", &["Junior"], None);
        check("Leon", &["Le\u{f3}n"], None);
    }

    #[test]
    fn voices_without_faces_and_faces_without_voices_are_named() {
        let root = tree(&[
            "wav/id10001/v/00001.wav",
            "wav/id10001/v/00002.wav",
            "wav/id10001/w/00001.wav",
            "wav/id10002/v/00001.wav",
            "wav/id10003/v/notes.txt",
            "wav/id10009/v/00001.wav",
            "wav/Somebody/v/00001.wav",
            "unzippedFaces/A/1.6/v/1.jpg",
            "unzippedFaces/A/1.6/x/1.jpg",
            "unzippedFaces/C/1.6/v/1.jpg",
            "unzippedFaces/D/1.3/v/1.jpg",
            "unzippedFaces/Z/1.6/v/1.jpg",
        ]);
        let lines = "id10001\tA\tf\tUK\tdev\nid10002\tB\tm\tUK\tdev\nid10003\tC\tm\tUK\tdev\n\
                     id10004\tD\tm\tUK\ttest\n";
        write(root.path(), META, &format!("{HEADER}{lines}"));
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(ids(&plan), ["id10001.v.00001", "id10001.v.00002"]);
        assert_eq!(
            absent(&plan),
            [
                "Z: no line in vox1_meta.csv: Z",
                "id10001.w.00001: no faces of the video: A",
                "id10001.x: no sound",
                "id10002.v.00001: no faces: B",
                "id10003.v: no sound",
                "id10004: no sound and no faces: D",
                "id10009.v.00001: no line in vox1_meta.csv: id10009",
                "wav.Somebody: name not like id10001",
            ]
        );
    }

    #[test]
    fn an_invalid_table_is_an_error() {
        let check = |text: &str, words: &[&str]| {
            let root = tree(&[]);
            write(root.path(), META, text);
            let message = plan(root.path(), None).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        check("id10001\tA\tf\tUK\tdev\nid10002\tB\tf\tUK\tdev\n", &["vox1_meta.csv", "no column"]);
        check(&format!("{HEADER}id10001\tA\tx\tUK\tdev\n"), &["line 2", "Gender", "\"x\""]);
        check(&format!("{HEADER}id10001\tA\tf\tUK\tdevtest\n"), &["line 2", "Set"]);
        check(&format!("{HEADER}id10001\tA\n"), &["vox1_meta.csv"]);
    }
}
