//! Voices and faces of different people, each with what is known of the person: what the shipped
//! model was trained on. The tables are those of [`crate::unpaired`].
//!
//! ```text
//! …/people.csv and landmarks.csv   a folder of portraits
//! …/speakers.csv                   a folder of recordings
//! ```

use std::path::Path;

use crate::CorpusError;
use crate::plan::{Absent, Person};
use crate::unpaired::{Portrait, Recording, portraits, recordings};

use super::tree::{self, Place, Tree};
use super::{Contents, Description, names};

pub(super) const LAYOUT: Description = Description {
    name: "unpaired",
    title: "unpaired voices and faces",
    needs: "a folder with people.csv and landmarks.csv and one with speakers.csv, at most two \
            folders deep",
    licence: "not stated",
    treatment: "nothing: no voice goes with a face here, so that there are no pairs to prepare; \
                train reads these tables as they are",
    by_table: false,
    fits: |root| {
        let folders = find(&mut Tree::default(), root)?;
        Ok(!folders.faces.is_empty() && !folders.voices.is_empty())
    },
    read,
};

/// Folders below the root that are searched.
const DEPTH: usize = 2;

/// Folders by what they hold, with their names below the root.
#[derive(Default)]
struct Folders {
    faces: Vec<(String, Place)>,
    voices: Vec<(String, Place)>,
}

/// All portraits and recordings below a folder.
///
/// # Errors
/// [`CorpusError`] for a folder or a table that cannot be read.
pub(crate) fn tables(root: &Path) -> Result<(Vec<Portrait>, Vec<Recording>), CorpusError> {
    let folders = find(&mut Tree::default(), root)?;
    let (mut faces, mut voices) = (Vec::new(), Vec::new());
    for (_, place) in folders.faces {
        faces.extend(portraits(&place.path)?);
    }
    for (_, place) in folders.voices {
        voices.extend(recordings(&place.path)?);
    }
    Ok((faces, voices))
}

fn read(root: &Path) -> Result<Contents, CorpusError> {
    let mut tree = Tree::default();
    let folders = find(&mut tree, root)?;
    let mut contents = Contents::default();
    for (folder, place) in folders.faces {
        for it in portraits(&place.path)? {
            let person = Person { sex: it.sex, age: it.age, language: None };
            contents.add(&folder, &it.person_id, person, &it.picture, "no picture")?;
        }
    }
    for (folder, place) in folders.voices {
        for it in recordings(&place.path)? {
            let person = Person { sex: it.sex, age: it.age, language: None };
            contents.add(&folder, &it.speaker_id, person, &it.file, "no sound")?;
        }
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

impl Contents {
    /// People of one id in two folders are two people.
    fn add(
        &mut self,
        folder: &str,
        id: &str,
        person: Person,
        file: &Path,
        missing: &str,
    ) -> Result<(), CorpusError> {
        let name = if folder.is_empty() { id.to_owned() } else { format!("{folder}/{id}") };
        if !tree::is_file(file)? {
            let source = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.absent.push(Absent {
                pair_id: names::pair_id(&[&name, &source]),
                speaker_id: name.clone(),
                source,
                missing: missing.to_owned(),
            });
        }
        self.people.insert(name, person);
        Ok(())
    }
}

fn find(tree: &mut Tree, root: &Path) -> Result<Folders, CorpusError> {
    let mut folders = Folders::default();
    let mut places = vec![(String::new(), Place::root(root), 0)];
    while let Some((folder, place, depth)) = places.pop() {
        let listing = tree.list(&place)?;
        let has = |name: &str| listing.files.iter().any(|(file, _)| file == name);
        if has("people.csv") && has("landmarks.csv") {
            folders.faces.push((folder.clone(), place.clone()));
        }
        if has("speakers.csv") {
            folders.voices.push((folder.clone(), place));
        }
        if depth < DEPTH {
            places.extend(listing.folders.into_iter().map(|(name, place)| {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                (name, place, depth + 1)
            }));
        }
    }
    folders.faces.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    folders.voices.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, tree, unpaired_example, write};
    use super::super::{Layout, plan};
    use super::*;

    #[test]
    fn people_of_every_table_are_counted_and_nothing_is_to_be_prepared() {
        let points: String = (0..189).map(|i| format!(",x{i},y{i}")).collect();
        let root = tree(&["faces/a/1.jpg", "voices/1.flac", "voices/2.flac"]);
        let people = "person_id,gender,age,neutral_file\n1,female,20,1.jpg\n2,male,,2.jpg\n";
        write(root.path(), "faces/a/people.csv", people);
        let numbers = ",1,2".repeat(189);
        let landmarks = format!("file{points}\n1.jpg{numbers}\n2.jpg{numbers}\n");
        write(root.path(), "faces/a/landmarks.csv", &landmarks);
        let speakers = "speaker_id,gender,file\n1,male,1.flac\n1,male,2.flac\n3,female,3.flac\n";
        write(root.path(), "voices/speakers.csv", speakers);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.layout, plan.clips.len()), (Layout::Unpaired, 0));
        let people: Vec<_> = plan.people.keys().map(String::as_str).collect();
        assert_eq!(people, ["faces/a/1", "faces/a/2", "voices/1", "voices/3"]);
        assert_eq!(plan.absent.len(), 2, "{:?}", absent(&plan));
        assert_eq!(
            (plan.absent[0].source.as_str(), plan.absent[0].missing.as_str()),
            ("2.jpg", "no picture")
        );
        let (faces, voices) = tables(root.path()).unwrap();
        assert_eq!((faces.len(), voices.len()), (2, 3));
    }

    #[cfg(unix)]
    #[test]
    fn the_tables_of_the_shipped_model_are_recognised() {
        let Some(links) = unpaired_example() else { return };
        let plan = plan(links.path(), None).unwrap();
        // 102 and 37 faces, 200 and 50 voices: README of the data.
        assert_eq!((plan.layout, plan.people.len()), (Layout::Unpaired, 389));
        assert!(plan.absent.is_empty());
    }
}
