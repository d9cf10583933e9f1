//! What VoxCeleb1 and VoxCeleb2 have in common: a table of people, and folders
//! `ID/VIDEO/UTTERANCE`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::CorpusError;
use crate::plan::{Absent, Person};
use crate::table::{Row, Table};
use s2f_pairs::Split;

use super::names::{self, Kind};
use super::tree::{Place, Tree};

/// A line of `vox1_meta.csv` or `vox2_meta.csv`.
pub(super) struct Entry {
    /// Name in VGGFace or VGGFace2.
    pub(super) name: String,
    pub(super) person: Person,
    pub(super) split: Option<Split>,
}

/// The folders of one id.
#[derive(Default)]
pub(super) struct Folders {
    places: Vec<Place>,
    /// One of them lies in the part for tests.
    pub(super) test: bool,
}

/// Utterances by video and by name.
pub(super) type Utterances = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Reads a table of people. Columns besides `id`, `name`, `Gender` and `Set` do not matter.
pub(super) fn read_people(
    path: &Path,
    id: &str,
    name: &str,
) -> Result<BTreeMap<String, Entry>, CorpusError> {
    let table = Table::read(path)?;
    let entry = |row: Row<'_>| {
        let person = Person { sex: row.sex()?, ..Person::default() };
        let split = match row.text("Set")? {
            "test" => Some(Split::Test),
            "dev" => Some(Split::Train),
            "" => None,
            _ => return Err(row.bad("Set", "dev or test")),
        };
        let entry = Entry { name: row.filled(name)?.to_owned(), person, split };
        Ok((row.filled(id)?.to_owned(), entry))
    };
    table.rows().map(entry).collect()
}

/// The folders of each id in those of `parts` that are there; others in them are `absent`.
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
                folders.places.push(place);
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

/// `id` and digits.
pub(super) fn is_id(name: &str) -> bool {
    name.strip_prefix("id")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What lies in the folders of an id. Where the same utterance lies in two of them, the first
/// counts.
pub(super) fn utterances(
    tree: &mut Tree,
    folders: Option<&Folders>,
    kind: Kind,
) -> Result<Utterances, CorpusError> {
    let mut videos = Utterances::new();
    for place in folders.iter().flat_map(|folders| &folders.places) {
        for (video, place) in tree.list(place)?.folders {
            let found = videos.entry(video).or_default();
            for (name, path) in tree.list(&place)?.files {
                if names::kind(&name) == kind {
                    let (stem, _) = names::split_extension(&name);
                    found.entry(stem.to_owned()).or_insert(path);
                }
            }
        }
    }
    Ok(videos)
}
