//! What VoxCeleb1 and VoxCeleb2 have in common: a table of people, and folders
//! `ID/VIDEO/UTTERANCE`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use s2f_pairs::Split;

use super::names::{self, FileKind};
use super::tree::{Tree, TreeFolder};
use crate::CorpusError;
use crate::plan::{Absent, Person};
use crate::table::{Row, Statements, Table};

/// A line of `vox1_meta.csv` or `vox2_meta.csv`.
pub(super) struct Entry {
    /// Name in VGGFace or VGGFace2.
    pub(super) name: String,
    pub(super) person: Person,
    pub(super) split: Option<Split>,
}

/// The folders of one person.
#[derive(Default)]
pub(super) struct Folders {
    folders: Vec<TreeFolder>,
    /// Whether one of them is in the test set.
    pub(super) test: bool,
}

/// Files by video and utterance.
pub(super) type Utterances = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Reads a table of people from the columns `id`, `name`, `Gender` and `Set`; others are ignored.
pub(super) fn read_people(
    path: &Path,
    id: &str,
    name: &str,
) -> Result<BTreeMap<String, Entry>, CorpusError> {
    let table = Table::read(path)?;
    let mut statements = Statements::default();
    let mut entry = |row: Row<'_>| {
        let person = Person { sex: row.sex()?, ..Person::default() };
        let split = match row.text("Set")? {
            "test" => Some(Split::Test),
            "dev" => Some(Split::Train),
            "" => None,
            _ => return Err(row.bad("Set", "dev or test")),
        };
        let entry = Entry { name: row.filled(name)?.to_owned(), person, split };
        let statement = (entry.name.clone(), entry.person.clone(), entry.split);
        statements.add(&row, id, statement)?;
        Ok((row.filled(id)?.to_owned(), entry))
    };
    table.rows().map(&mut entry).collect()
}

/// The folders of each person below `parts` of `root`. Folders with other names are added to
/// `absent`.
pub(super) fn by_id(
    tree: &mut Tree,
    root: &Path,
    parts: &[&str],
    absent: &mut Vec<Absent>,
) -> Result<BTreeMap<String, Folders>, CorpusError> {
    let mut ids: BTreeMap<String, Folders> = BTreeMap::new();
    for part in parts {
        for (name, place) in tree.list_under(root, part)?.folders {
            if is_id(&name) {
                let folders = ids.entry(name).or_default();
                folders.folders.push(place);
                folders.test |= part.contains("test");
            } else if ["wav", "aac", "mp4"].iter().any(|last| part.rsplit('/').next() == Some(last))
            {
                absent.push(Absent {
                    pair_id: names::pair_id(&[part, &name]),
                    speaker_id: name.clone(),
                    source: String::new(),
                    missing: "name not like id10001".to_owned(),
                });
            }
        }
    }
    Ok(ids)
}

/// Whether a name is `id` followed by digits.
pub(super) fn is_id(name: &str) -> bool {
    name.strip_prefix("id")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The utterances in the folders of a person. If the same utterance is in two of them, the first
/// one is used.
pub(super) fn utterances(
    tree: &mut Tree,
    folders: Option<&Folders>,
    kind: FileKind,
) -> Result<Utterances, CorpusError> {
    let mut videos = Utterances::new();
    for place in folders.iter().flat_map(|folders| &folders.folders) {
        for (video, place) in tree.list(place)?.folders {
            let found = videos.entry(video).or_default();
            for (name, path) in tree.list(&place)?.files {
                if names::file_kind(&name) == kind {
                    let (stem, _) = names::split_extension(&name);
                    found.entry(stem.to_owned()).or_insert(path);
                }
            }
        }
    }
    Ok(videos)
}
