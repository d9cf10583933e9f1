//! Voices and faces of different people, each with what is known about the person: what the shipped
//! model was trained on. The tables are those of [`crate::unpaired`].
//!
//! ```text
//! …/people.csv and landmarks.csv   a folder of portraits
//! …/speakers.csv                   a folder of recordings
//! ```

use std::path::Path;

use super::tree::{self, Tree, TreeFolder};
use super::{CorpusContents, Layout, names};
use crate::CorpusError;
use crate::plan::{Absent, LayoutProperties, Person, UnpairedCounts};
use crate::unpaired::{portraits, recordings};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "unpaired",
        title: "unpaired voices and faces",
        treatment: "nothing: voices and faces belong to different people, so there are no pairs \
                    to prepare; train reads these tables directly",
        default_licence: "not stated",
        cuts_into_segments: false,
    },
    needs: "a folder with people.csv and landmarks.csv and another with speakers.csv, at most two \
            levels deep",
    detected_by_table: false,
    detect: |root| {
        let folders = find(&mut Tree::default(), root)?;
        Ok(!folders.faces.is_empty() && !folders.voices.is_empty())
    },
    read,
};

/// Levels of folders below the root that are searched.
const DEPTH: usize = 2;

/// Folders by their contents, with their names below the root.
#[derive(Default)]
struct Folders {
    faces: Vec<(String, TreeFolder)>,
    voices: Vec<(String, TreeFolder)>,
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut tree = Tree::default();
    let folders = find(&mut tree, root)?;
    let mut contents = CorpusContents::default();
    let mut counts = UnpairedCounts { portraits: 0, recordings: 0 };
    for (folder, place) in folders.faces {
        for it in portraits(&place.path)? {
            counts.portraits += 1;
            let person = Person { sex: it.sex, age: it.age, language: None };
            let name = [folder.as_str(), &it.person_id];
            add(&mut contents, name, person, &it.picture, "no picture")?;
        }
    }
    for (folder, place) in folders.voices {
        for it in recordings(&place.path)? {
            counts.recordings += 1;
            let person = Person { sex: it.sex, age: it.age, language: None };
            let name = [folder.as_str(), &it.speaker_id];
            add(&mut contents, name, person, &it.file, "no sound")?;
        }
    }
    contents.unpaired = Some(counts);
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Adds a person and names their file if it is missing. The same id in two folders stands for two
/// people.
fn add(
    contents: &mut CorpusContents,
    [folder, id]: [&str; 2],
    person: Person,
    file: &Path,
    missing: &str,
) -> Result<(), CorpusError> {
    let name = if folder.is_empty() { id.to_owned() } else { format!("{folder}/{id}") };
    if !tree::is_file(file)? {
        let source = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        contents.absent.push(Absent {
            pair_id: names::pair_id(&[&name, &source]),
            speaker_id: name.clone(),
            source,
            missing: missing.to_owned(),
        });
    }
    contents.people.insert(name, person);
    Ok(())
}

fn find(tree: &mut Tree, root: &Path) -> Result<Folders, CorpusError> {
    let mut folders = Folders::default();
    let mut places = vec![(String::new(), TreeFolder::root(root), 0)];
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
    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, tree, unpaired_example, write};

    #[test]
    fn people_of_every_table_are_counted_and_there_are_no_clips() {
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
        assert_eq!((plan.layout.name, plan.clips.len()), ("unpaired", 0));
        let people: Vec<_> = plan.people.keys().map(String::as_str).collect();
        assert_eq!(people, ["faces/a/1", "faces/a/2", "voices/1", "voices/3"]);
        assert_eq!(plan.absent.len(), 2, "{:?}", absent(&plan));
        assert_eq!(
            (plan.absent[0].source.as_str(), plan.absent[0].missing.as_str()),
            ("2.jpg", "no picture")
        );
        assert_eq!(plan.unpaired, Some(UnpairedCounts { portraits: 2, recordings: 3 }));
    }

    #[cfg(unix)]
    #[test]
    fn the_tables_of_the_shipped_model_are_detected() {
        let Some(links) = unpaired_example() else { return };
        let plan = plan(links.path(), None).unwrap();
        // 102 and 37 faces, 200 and 50 voices: README of the data.
        assert_eq!((plan.layout.name, plan.people.len()), ("unpaired", 389));
        assert!(plan.absent.is_empty());
    }
}
