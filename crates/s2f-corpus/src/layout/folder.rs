//! A folder per person, for your own recordings.
//!
//! ```text
//! PERSON/…/clip.mp4                   videos that show this person alone
//! PERSON/…/a.wav, PERSON/…/b.jpg      or sounds and pictures side by side
//! people.csv                          optional: person_id, sex, age, language
//! licence.txt                         optional: the licence, in its first line
//! ```
//!
//! The folder's name is the person's id. Every sound is matched with all pictures in the same
//! folder. A sound file beside a video of the same name is the sound of that video and is ignored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{self, FileKind};
use super::tree::{self, Listing, Tree, TreeFolder};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};
use crate::table::{Statements, Table};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "folder",
        title: "a folder per person",
        treatment: "each video or sound is cut into segments of 10 s, each of which becomes one \
                    voice; the face is the best one (large, sharp, frontal) among the frames of \
                    the segment, which must not show two people, or among the pictures beside the \
                    sound",
        default_licence: "not stated",
        cuts_into_segments: true,
    },
    needs: "PERSON/*.mp4 (or mkv, webm, mov, avi, mpg, …), or sounds beside pictures in PERSON/; \
            optionally people.csv and licence.txt",
    detected_by_table: false,
    detect: fits,
    read,
};

const PEOPLE: &str = "people.csv";

/// Searches only one level below each person, so that a folder given by mistake does not take
/// forever.
fn fits(root: &Path) -> Result<bool, CorpusError> {
    let mut tree = Tree::default();
    for (_, person) in tree.list(&TreeFolder::root(root))?.folders {
        let listing = tree.list(&person)?;
        if FolderFiles::of(&listing).have_clips() {
            return Ok(true);
        }
        for (_, session) in listing.folders {
            if FolderFiles::of(&tree.list(&session)?).have_clips() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let table = root.join(PEOPLE);
    if tree::is_file(&table)? {
        read_people(&table, &mut contents)?;
    }
    let mut seen = Vec::new();
    for (person, place) in tree.list(&TreeFolder::root(root))?.folders {
        read_person(&mut tree, &person, place, &mut contents)?;
        contents.people.entry(person.clone()).or_default();
        seen.push(person);
    }
    for person in contents.people.keys() {
        if seen.binary_search(person).is_err() {
            contents.absent.push(nothing(person, "no folder".to_owned()));
        }
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Reads what a table states about people into `contents`.
pub(super) fn read_people(path: &Path, contents: &mut CorpusContents) -> Result<(), CorpusError> {
    let table = Table::read(path)?;
    let mut statements = Statements::default();
    for row in table.rows() {
        let sex = if table.has_sex() { row.sex()? } else { None };
        let age = row.age("age")?;
        let language = if table.has("language") { row.text("language")? } else { "" };
        let language = (!language.is_empty()).then(|| language.to_owned());
        let person = Person { sex, age, language };
        statements.add(&row, "person_id", person.clone())?;
        contents.people.insert(row.filled("person_id")?.to_owned(), person);
    }
    Ok(())
}

fn read_person(
    tree: &mut Tree,
    person: &str,
    place: TreeFolder,
    contents: &mut CorpusContents,
) -> Result<(), CorpusError> {
    let before = (contents.clips.len(), contents.absent.len());
    let mut places = vec![(vec![person.to_owned()], place)];
    while let Some((parts, place)) = places.pop() {
        let listing = tree.list(&place)?;
        read_folder(person, &parts, &listing, contents);
        for (name, place) in listing.folders {
            places.push((parts.iter().cloned().chain([name]).collect(), place));
        }
    }
    if (contents.clips.len(), contents.absent.len()) == before {
        contents.absent.push(nothing(person, "no video, no sound".to_owned()));
    }
    Ok(())
}

fn nothing(person: &str, missing: String) -> Absent {
    Absent {
        pair_id: names::pair_id(&[person]),
        speaker_id: person.to_owned(),
        source: String::new(),
        missing,
    }
}

/// The files of a folder by kind, without hidden files.
struct FolderFiles<'a> {
    videos: Vec<(&'a str, &'a Path)>,
    sounds: Vec<(&'a str, &'a Path)>,
    pictures: Vec<&'a Path>,
}

impl<'a> FolderFiles<'a> {
    fn of(listing: &'a Listing) -> Self {
        let mut found = Self { videos: Vec::new(), sounds: Vec::new(), pictures: Vec::new() };
        for (name, path) in &listing.files {
            match names::file_kind(name) {
                FileKind::Video => found.videos.push((name, path)),
                FileKind::Sound => found.sounds.push((name, path)),
                FileKind::Picture => found.pictures.push(path),
                FileKind::Other => {}
            }
        }
        let stem = |name: &'a str| names::split_extension(name).0;
        let of_videos: HashSet<&str> = found.videos.iter().map(|(name, _)| stem(name)).collect();
        found.sounds.retain(|(name, _)| !of_videos.contains(stem(name)));
        found
    }

    fn have_clips(&self) -> bool {
        !self.videos.is_empty() || !self.sounds.is_empty() && !self.pictures.is_empty()
    }
}

/// Adds the clips of one folder; `parts` is its path, starting with the person's folder.
fn read_folder(person: &str, parts: &[String], listing: &Listing, contents: &mut CorpusContents) {
    let found = FolderFiles::of(listing);
    let pictures: Arc<[PathBuf]> = found.pictures.iter().map(|path| path.to_path_buf()).collect();
    let place = parts.join("/");
    // The extension is part of the name: day.mp4 and day.mkv are two clips.
    let pair_id = |name: &str| {
        let last = match name.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}-{extension}"),
            None => name.to_owned(),
        };
        let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        parts.push(&last);
        names::pair_id(&parts)
    };
    let clip = |name: &str, path: &Path, face: FaceSource| Clip {
        pair_id: pair_id(name),
        speaker_id: person.to_owned(),
        source: format!("{place}/{name}"),
        sound: Media::whole(path.to_owned()),
        face,
        split: None,
    };
    let absent = |pair_id: String, source: String, missing: &str| Absent {
        pair_id,
        speaker_id: person.to_owned(),
        source,
        missing: missing.to_owned(),
    };
    for &(name, path) in &found.videos {
        let face = FaceSource::Video { media: Media::whole(path.to_owned()), at: None };
        contents.clips.push(clip(name, path, face));
    }
    for &(name, path) in &found.sounds {
        if pictures.is_empty() {
            let source = format!("{place}/{name}");
            contents.absent.push(absent(pair_id(name), source, "no picture beside the sound"));
        } else {
            contents.clips.push(clip(name, path, FaceSource::Pictures(Arc::clone(&pictures))));
        }
    }
    if found.videos.is_empty() && found.sounds.is_empty() && !pictures.is_empty() {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let missing = "no sound beside the pictures";
        contents.absent.push(absent(names::pair_id(&parts), place, missing));
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;
    use s2f_testing::data;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    #[test]
    fn each_video_is_a_clip_of_the_person_in_whose_folder_it_is() {
        let Some(grid) = data("data/videos/grid") else { return };
        let root = tempfile::tempdir().unwrap();
        let mut clips = 0;
        for entry in std::fs::read_dir(&grid).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some((person, clip)) = name.split_once('_') {
                write(root.path(), &format!("{person}/{clip}"), "");
                clips += 1;
            }
        }
        // Seven people, 83 clips: README of the example.
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.clips.len(), plan.people.len(), clips), (83, 7, 83));
        let first = clip(&plan, "s1.bbaf2n-mpg");
        assert_eq!((first.speaker_id.as_str(), first.source.as_str()), ("s1", "s1/bbaf2n.mpg"));
        assert_eq!(first.sound, Media::whole(root.path().join("s1/bbaf2n.mpg")));
        assert_eq!(first.face, FaceSource::Video { media: first.sound.clone(), at: None });
        assert_eq!(plan.licence, "not stated");
    }

    #[test]
    fn sounds_are_matched_with_all_pictures_of_their_folder() {
        let root = tree(&[
            "anna/1/a.wav",
            "anna/1/b.FLAC",
            "anna/1/x.jpg",
            "anna/1/y.png",
            "anna/1/clip.mkv",
            "anna/1/clip.wav",
            "anna/2/c.wav",
            "anna/3/z.jpeg",
            "anna/notes.txt",
            "berta/notes.txt",
        ]);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(ids(&plan), ["anna.1.a-wav", "anna.1.b-FLAC", "anna.1.clip-mkv"]);
        let pictures = ["x.jpg", "y.png"].map(|name| root.path().join("anna/1").join(name));
        assert_eq!(plan.clips[1].face, FaceSource::Pictures(pictures.to_vec().into()));
        assert_eq!(
            absent(&plan),
            [
                "anna.2.c-wav: no picture beside the sound",
                "anna.3: no sound beside the pictures",
                "berta: no video, no sound"
            ]
        );
    }

    #[test]
    fn equal_stems_and_similar_names_stay_distinct() {
        let root = tree(&[
            "anna/a.mp4",
            "anna/a.mkv",
            "anna/a.MP4",
            "anna/a mp4.mp4",
            "anna/b/a.mp4",
            "anna.b/a.mp4",
            "anna b/a.mp4",
            "-anna/a.mp4",
            "Анна/a.mp4",
        ]);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.clips.len(), plan.absent.len()), (9, 0));
        assert_eq!(plan.people.len(), 5);
        let again = LAYOUT.plan(root.path()).unwrap();
        assert_eq!(plan, again);
    }

    #[test]
    fn people_are_described_by_a_table() {
        let root = tree(&["anna/a.mp4", "berta/a.mp4"]);
        let table = "person_id, age ,gender,language,shoe size\nanna,31.5,f,de,38\ncarla,,,,\n";
        write(root.path(), PEOPLE, table);
        let plan = plan(root.path(), None).unwrap();
        let anna =
            Person { sex: Some(Sex::Female), age: Some(31.5), language: Some("de".to_owned()) };
        assert_eq!(plan.people["anna"], anna);
        assert_eq!(plan.people["berta"], Person::default());
        assert_eq!(absent(&plan), ["carla: no folder"]);
    }

    #[test]
    fn a_table_may_lack_columns_but_must_have_valid_values() {
        let check = |table: &str, words: &[&str]| {
            let root = tree(&["anna/a.mp4"]);
            write(root.path(), PEOPLE, table);
            match plan(root.path(), None) {
                Ok(plan) => assert!(words.is_empty() && plan.people.len() == 1, "{table:?}"),
                Err(error) => {
                    let message = error.to_string();
                    let named = words.iter().all(|word| message.contains(word));
                    assert!(!words.is_empty() && named, "{table:?}: {message}");
                }
            }
        };
        check("person_id\nanna\n", &[]);
        check("person_id\tgender\nanna\tmale\n", &[]);
        check("name,gender\nanna,f\n", &["people.csv", "person_id"]);
        check("person_id,gender\nanna,f\nanna,f\n", &[]);
        check("person_id,gender\nanna,f\nanna,m\n", &["people.csv", "lines 2 and 3", "anna"]);
        check("person_id,age\nanna,30\nanna,31\n", &["lines 2 and 3"]);
        check("person_id,age\nanna,old\n", &["people.csv", "line 2", "age", "old"]);
        check("person_id,age\nanna,1980\n", &["line 2", "an age in years"]);
        check("person_id,gender\nanna,woman\n", &["line 2", "gender", "woman"]);
    }
}
