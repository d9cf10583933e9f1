//! VoxCeleb1 (Nagrani, Chung, Zisserman, Interspeech 2017): voices by id, faces by name.
//!
//! ```text
//! vox1_meta.csv                            TAB separated: VoxCeleb1 ID, VGGFace1 ID, Gender, …, Set
//! wav/ID/VIDEO/UTTERANCE.wav               also below dev, test, vox1_dev_wav and vox1_test_wav
//! unzippedFaces/NAME/1.6/VIDEO/FRAME.jpg   frames of the same videos, cut around the face
//! ```
//!
//! The table joins the two. A name may end in a dot, which Windows drops from a folder's name, and
//! an accent in it may be written in two ways, of which macOS prefers the other one. An utterance
//! goes with the faces of its own video.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, Media};

use super::names::{self, Kind};
use super::tree::{self, Place, Tree};
use super::voxceleb::{self, Entry, Utterances};
use super::{Contents, Description};

pub(super) const LAYOUT: Description = Description {
    name: "voxceleb1",
    title: "VoxCeleb1",
    needs: "vox1_meta.csv, wav/ID/VIDEO/UTTERANCE.wav, unzippedFaces/NAME/1.6/VIDEO/FRAME.jpg",
    licence: "CC BY 4.0 (VoxCeleb1 metadata); the copyright remains with the owners of the videos",
    treatment: "each utterance becomes one voice (of its first 10 s); the face is the best one \
                (large, sharp, frontal) among pictures of the same video in unzippedFaces",
    by_table: true,
    fits: |root| tree::is_file(&root.join(META)),
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
/// The scale of the cut around the detected face; the only one there is.
const SCALE: &str = "1.6";

fn read(root: &Path) -> Result<Contents, CorpusError> {
    let people = voxceleb::read_people(&root.join(META), "VoxCeleb1 ID", "VGGFace1 ID")?;
    let mut tree = Tree::default();
    let mut contents = Contents::default();
    let mut voices = voxceleb::by_id(&mut tree, root, &VOICES, &mut contents.absent)?;
    let mut faces = FaceFolders::of(tree.list_under(root, FACES)?.folders);
    for (id, entry) in people {
        let folders = voices.remove(&id);
        let voices = voxceleb::utterances(&mut tree, folders.as_ref(), Kind::Sound)?;
        let faces = match faces.take(&entry.name) {
            Some(place) => face_videos(&mut tree, &place)?,
            None => BTreeMap::new(),
        };
        join(&mut tree, &id, &entry, voices, faces, &mut contents)?;
        contents.people.insert(id, entry.person);
    }
    for (id, folders) in voices {
        for (video, found) in voxceleb::utterances(&mut tree, Some(&folders), Kind::Sound)? {
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

/// The clips of one person, and what there is none of.
fn join(
    tree: &mut Tree,
    id: &str,
    entry: &Entry,
    voices: Utterances,
    mut faces: BTreeMap<String, Place>,
    contents: &mut Contents,
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
        // Without utterances the video counts as one of faces only.
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
                sound: Media { file, start_s: 0.0, end_s: None },
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
fn face_videos(tree: &mut Tree, person: &Place) -> Result<BTreeMap<String, Place>, CorpusError> {
    let scales = tree.list(person)?.folders;
    let Some((_, scale)) = scales.into_iter().find(|(name, _)| name == SCALE) else {
        return Ok(BTreeMap::new());
    };
    Ok(tree.list(&scale)?.folders.into_iter().collect())
}

fn pictures(tree: &mut Tree, video: &Place) -> Result<Arc<[PathBuf]>, CorpusError> {
    let files = tree.list(video)?.files.into_iter();
    Ok(files.filter(|(name, _)| names::kind(name) == Kind::Picture).map(|(_, path)| path).collect())
}

/// Folders of faces by name, however the disk spells it.
struct FaceFolders {
    left: BTreeMap<String, Place>,
    /// Names as they are on disk, by what all spellings have in common.
    spellings: HashMap<String, Vec<String>>,
}

impl FaceFolders {
    fn of(folders: Vec<(String, Place)>) -> Self {
        let mut spellings: HashMap<String, Vec<String>> = HashMap::new();
        for (name, _) in &folders {
            spellings.entry(common(name)).or_default().push(name.clone());
        }
        Self { left: folders.into_iter().collect(), spellings }
    }

    /// The folder of that very name, or the only one of a name that is spelt otherwise.
    fn take(&mut self, name: &str) -> Option<Place> {
        self.left.remove(name).or_else(|| match &self.spellings.get(&common(name))?[..] {
            [only] => self.left.remove(only),
            _ => None,
        })
    }
}

/// A name without the dots at its end and with `?` for each letter that is not ASCII, be it one
/// character or a letter and an accent.
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
    use super::super::testing::{absent, clip, example, ids, tree, write};
    use super::super::{Layout, plan};
    use super::*;
    use s2f_core::Sex;
    use s2f_pairs::Split;

    const HEADER: &str = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n";

    fn pictures(clip: &Clip) -> &[PathBuf] {
        match &clip.face {
            FaceSource::Pictures(pictures) => pictures,
            FaceSource::Video { .. } => panic!("{clip:?}"),
        }
    }

    #[test]
    fn the_example_is_joined_by_name() {
        let Some(root) = example("corpora/voxceleb1") else { return };
        let plan = plan(&root, None).unwrap();
        assert_eq!(plan.layout, Layout::VoxCeleb1);
        // Its README: 21 wav, 84 jpg, two utterances and 8 faces in vid1, one and 4 in vid2; the
        // eighth person of the table has neither; id90006 and id90007 are for tests.
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
        assert_eq!(plan.licence, LAYOUT.licence);
    }

    #[test]
    fn voices_may_lie_where_the_archives_are_unpacked() {
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
    fn names_are_found_however_the_disk_spells_them() {
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
    fn whatever_lacks_its_counterpart_is_named() {
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
    fn a_table_that_cannot_be_right_is_an_error() {
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
