//! The Swedish parliament: speech of RixVox (KBLab 2023) and official portraits, by the id that the
//! Riksdag gives each person.
//!
//! ```text
//! train_metadata.csv      filename, intressent_id, gender, birth_year, debatedate; also dev, test
//! DEBATE/NAME.wav         the unpacked archives, named as in `filename`; also below data/train,
//!                         data/dev, data/test, train, dev, test or audio
//! portraits/ID.jpg        also ID_max.jpg and the like; several of a person may be there
//! ```
//!
//! RixVox has these tables as Parquet; the guide has the command that writes them as text. Rows
//! without an id, whose speaker is known only by name, give no pair.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use s2f_pairs::Split;

use super::names::{self, FileKind};
use super::tree::{self, Tree};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};
use crate::table::{Row, Table};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "riksdag",
        title: "Riksdag (RixVox and portraits)",
        treatment: "each recording becomes one voice (of its first 10 s); the face is the best one \
                    (large, sharp, frontal) among the portraits of the speaker",
        default_licence: "CC BY 4.0 (RixVox, speech of the Riksdag); portraits: as the Riksdag \
                          states",
        cuts_into_segments: false,
    },
    needs: "train_metadata.csv (or dev_, test_), the folders of sound that it names, and \
            portraits/ID.jpg",
    detected_by_table: true,
    detect: |root| Ok(!tables(root)?.is_empty()),
    read,
};

const TABLES: [(&str, Split); 4] = [
    ("train_metadata.csv", Split::Train),
    ("dev_metadata.csv", Split::Validation),
    ("validation_metadata.csv", Split::Validation),
    ("test_metadata.csv", Split::Test),
];
const SOUNDS: [&str; 8] =
    ["", "data/train", "data/dev", "data/test", "train", "dev", "test", "audio"];
const PORTRAITS: &str = "portraits";
/// A portrait shows one age; people who were recorded over more years than this are given none.
const MAX_YEARS: f32 = 10.0;

type Portraits = BTreeMap<String, Arc<[PathBuf]>>;

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let tables = tables(root)?;
    if tables.is_empty() {
        return Err(
            LAYOUT.not_in(root, "no train_metadata.csv, dev_metadata.csv or test_metadata.csv")
        );
    }
    let mut tree = Tree::default();
    let mut debates = Vec::new();
    for part in SOUNDS {
        let folders = tree.list_under(root, part)?.folders.into_iter();
        debates.push((root.join(part), folders.map(|(name, _)| name).collect()));
    }
    let mut reader =
        Reader { portraits: portraits(&mut tree, root)?, debates, people: BTreeMap::new() };
    let mut contents = CorpusContents::default();
    for (path, split) in tables {
        for row in Table::read(&path)?.rows() {
            reader.add(&row, split, &mut contents)?;
        }
    }
    contents.people.extend(reader.people.into_iter().map(|(id, it)| (id, it.person())));
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// The tables that are there, with the split that each describes.
fn tables(root: &Path) -> Result<Vec<(PathBuf, Split)>, CorpusError> {
    let mut found = Vec::new();
    for (name, split) in TABLES {
        for path in [root.join(name), root.join("data").join(name)] {
            if tree::is_file(&path)? {
                found.push((path, split));
                break;
            }
        }
    }
    Ok(found)
}

/// The portraits by person; `0584659199514_max.jpg` is of `0584659199514`.
fn portraits(tree: &mut Tree, root: &Path) -> Result<Portraits, CorpusError> {
    let mut portraits: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (name, path) in tree.list_under(root, PORTRAITS)?.files {
        if names::file_kind(&name) == FileKind::Picture {
            let (stem, _) = names::split_extension(&name);
            let id = stem.split_once('_').map_or(stem, |(id, _)| id).to_owned();
            portraits.entry(id).or_default().push(path);
        }
    }
    Ok(portraits.into_iter().map(|(id, paths)| (id, Arc::from(paths))).collect())
}

/// What the rows say about a person.
struct Speaker {
    stated: Person,
    /// Ages at the first and the last speech, years.
    ages: Option<[f32; 2]>,
}

impl Speaker {
    fn person(self) -> Person {
        let ages = self.ages.filter(|[first, last]| last - first <= MAX_YEARS);
        Person { age: ages.map(|[first, last]| (first + last) / 2.0), ..self.stated }
    }
}

struct Reader {
    portraits: Portraits,
    /// Folders that contain debates, and their names.
    debates: Vec<(PathBuf, BTreeSet<String>)>,
    people: BTreeMap<String, Speaker>,
}

impl Reader {
    /// Adds one recording.
    fn add(
        &mut self,
        row: &Row<'_>,
        split: Split,
        contents: &mut CorpusContents,
    ) -> Result<(), CorpusError> {
        let filename = row.filled("filename")?;
        let id = row.text("intressent_id")?;
        // A name must not lead out of the corpus.
        let (debate, file) = match filename.split_once('/') {
            Some((debate, file)) if is_name(debate) && is_name(file) => (debate, file),
            _ => return Err(row.bad("filename", "a name like DEBATE/NAME.wav")),
        };
        let (stem, _) = names::split_extension(file);
        let absent = |speaker_id: &str, missing: String| Absent {
            pair_id: names::pair_id(&[speaker_id, debate, stem]),
            speaker_id: speaker_id.to_owned(),
            source: filename.to_owned(),
            missing,
        };
        if id.is_empty() {
            contents.absent.push(absent("riksdag", "no intressent_id".to_owned()));
            return Ok(());
        }
        let speaker_id = format!("riksdag-{id}");
        self.state(row, &speaker_id)?;
        let Some(portraits) = self.portraits.get(id) else {
            contents.absent.push(absent(&speaker_id, format!("no portrait: {id}")));
            return Ok(());
        };
        let Some(sound) = self.sound(debate, file)? else {
            contents.absent.push(absent(&speaker_id, "no sound".to_owned()));
            return Ok(());
        };
        contents.clips.push(Clip {
            pair_id: names::pair_id(&[&speaker_id, debate, stem]),
            speaker_id,
            source: filename.to_owned(),
            sound: Media::whole(sound),
            face: FaceSource::Pictures(Arc::clone(portraits)),
            split: Some(split),
        });
        Ok(())
    }

    /// Records sex and age; the sex of two rows that differ is not known.
    fn state(&mut self, row: &Row<'_>, speaker_id: &str) -> Result<(), CorpusError> {
        let sex = row.sex()?;
        let age = age(row)?;
        let language = Some("sv".to_owned());
        let new = || Speaker { stated: Person { sex, age: None, language }, ages: None };
        let speaker = self.people.entry(speaker_id.to_owned()).or_insert_with(new);
        if speaker.stated.sex != sex {
            speaker.stated.sex = None;
        }
        if let Some(age) = age {
            let [first, last] = speaker.ages.unwrap_or([age; 2]);
            speaker.ages = Some([first.min(age), last.max(age)]);
        }
        Ok(())
    }

    /// The file of a recording, in the first folder that has it.
    fn sound(&self, debate: &str, file: &str) -> Result<Option<PathBuf>, CorpusError> {
        for (folder, debates) in &self.debates {
            if debates.contains(debate) {
                let path = folder.join(debate).join(file);
                if tree::is_file(&path)? {
                    return Ok(Some(path));
                }
            }
        }
        Ok(None)
    }
}

/// The age in the year of the debate, `None` if either year is not stated.
fn age(row: &Row<'_>) -> Result<Option<f32>, CorpusError> {
    let Some(born) = row.number("birth_year")? else { return Ok(None) };
    let date = row.optional("debatedate").unwrap_or_default();
    if date.is_empty() {
        return Ok(None);
    }
    let year: f32 = match date.get(..4).and_then(|year| year.parse().ok()) {
        Some(year) => year,
        None => return Err(row.bad("debatedate", "a date like 2003-12-04")),
    };
    match year - born {
        age if (0.0..=130.0).contains(&age) => Ok(Some(age)),
        _ => Err(row.bad("birth_year", "a year before the debate")),
    }
}

/// Whether a part of a path names a file or a folder within another.
fn is_name(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', ':'])
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    const HEADER: &str = "filename,intressent_id,gender,birth_year,debatedate\n";

    #[test]
    fn speech_and_portraits_are_joined_by_id() {
        let root = tree(&[
            "data/train/GR01BOU3/244_anf191_1_25.wav",
            "data/train/GR01BOU3/244_anf191_26_50.wav",
            "data/test/H9C120/900_anf3_1_9.wav",
            "dev/H9C120/901_anf3_1_9.wav",
            "portraits/0584659199514_max.jpg",
            "portraits/0584659199514.jpg",
            "portraits/0222222222222_320.jpg",
            "portraits/0333333333333.jpg",
        ]);
        let train = "GR01BOU3/244_anf191_1_25.wav,0584659199514,male,1959.0,2003-12-04 00:00:00\n\
                     GR01BOU3/244_anf191_26_50.wav,0584659199514,male,1959.0,2007-01-01\n\
                     GR01BOU3/gone.wav,0584659199514,male,1959,2003-12-04\n\
                     GR01BOU3/x.wav,,male,,2003-12-04\n\
                     GR01BOU3/y.wav,0444444444444,female,1970,2003-12-04\n";
        write(root.path(), "train_metadata.csv", &format!("{HEADER}{train}"));
        let dev = "H9C120/901_anf3_1_9.wav,0333333333333,,,\n";
        write(root.path(), "dev_metadata.csv", &format!("{HEADER}{dev}"));
        let test = "H9C120/900_anf3_1_9.wav,0222222222222,female,1950,2004-01-01\n\
                    H9C120/z.wav,0222222222222,female,1950,2021-01-01\n";
        write(root.path(), "data/test_metadata.csv", &format!("{HEADER}{test}"));
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(plan.layout.name, "riksdag");
        assert_eq!(
            ids(&plan),
            [
                "riksdag-0222222222222.H9C120.900_anf3_1_9",
                "riksdag-0333333333333.H9C120.901_anf3_1_9",
                "riksdag-0584659199514.GR01BOU3.244_anf191_1_25",
                "riksdag-0584659199514.GR01BOU3.244_anf191_26_50"
            ]
        );
        let first = clip(&plan, "riksdag-0584659199514.GR01BOU3.244_anf191_1_25");
        let sound = root.path().join("data/train/GR01BOU3/244_anf191_1_25.wav");
        assert_eq!((first.sound.clone(), first.split), (Media::whole(sound), Some(Split::Train)));
        let portraits = ["0584659199514.jpg", "0584659199514_max.jpg"]
            .map(|name| root.path().join("portraits").join(name));
        assert_eq!(first.face, FaceSource::Pictures(portraits.to_vec().into()));
        assert_eq!(plan.clips[0].split, Some(Split::Test));
        assert_eq!(plan.clips[1].split, Some(Split::Validation));
        // 44 in 2003 and 48 in 2007; 54 in 2004 and 71 in 2021 are too far apart for one age.
        let person = &plan.people["riksdag-0584659199514"];
        assert_eq!((person.sex, person.age), (Some(Sex::Male), Some(46.0)));
        let other = &plan.people["riksdag-0222222222222"];
        assert_eq!((other.sex, other.age), (Some(Sex::Female), None));
        assert_eq!(
            absent(&plan),
            [
                "riksdag-0222222222222.H9C120.z: no sound",
                "riksdag-0444444444444.GR01BOU3.y: no portrait: 0444444444444",
                "riksdag-0584659199514.GR01BOU3.gone: no sound",
                "riksdag.GR01BOU3.x: no intressent_id"
            ]
        );
    }

    #[test]
    fn an_invalid_table_is_an_error() {
        let check = |text: &str, words: &[&str]| {
            let root = tree(&[]);
            write(root.path(), "train_metadata.csv", text);
            let message = plan(root.path(), None).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        check("filename,gender\na/b.wav,male\n", &["no column intressent_id"]);
        for name in ["b.wav", "../b.wav", "a/../b.wav", "/etc/b.wav", "a/b/c.wav"] {
            check(&format!("{HEADER}{name},1,male,1959,2003\n"), &["line 2", "filename"]);
        }
        check(&format!("{HEADER}a/b.wav,1,male,2010,2003-01-01\n"), &["line 2", "birth_year"]);
        check(&format!("{HEADER}a/b.wav,1,male,1959,long ago\n"), &["line 2", "debatedate"]);
    }
}
