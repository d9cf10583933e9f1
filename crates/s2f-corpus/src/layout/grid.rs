//! GRID (Cooke, Barker, Cunningham, Shao, JASA 2006): talkers who say sentences of six words.
//!
//! ```text
//! s1/bbaf2n.mpg                      also s1/video/…, s1/video/mpg_6000/…
//! audio_25k/s1/bbaf2n.wav            optional, also audio/s1/…
//! people.csv                         optional: person_id (s1, …), sex, age, language
//! ```
//!
//! A name has a letter for each word: `bbaf2n` is "bin blue at F two now". The corpus has no table
//! of its talkers; their sexes are published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use s2f_core::Sex;

use super::folder::read_people;
use super::names::{self, FileKind};
use super::tree::{self, Tree, TreeFolder};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "grid",
        title: "GRID",
        treatment: "each sentence becomes one voice, from audio_25k, otherwise from the video; the \
                    face is the best one (large, sharp, frontal) among the frames of its video",
        default_licence: "CC BY 4.0",
        cuts_into_segments: false,
    },
    needs: "s1/bbaf2n.mpg … for each talker, with audio_25k or alignments beside them; optionally \
            people.csv",
    detected_by_table: false,
    detect: fits,
    read,
};

const PEOPLE: &str = "people.csv";
const VOICES: [&str; 2] = ["audio_25k", "audio"];
/// Folders beside those of the talkers.
const MARKS: [&str; 2] = ["audio_25k", "alignments"];
/// The women among the 34 talkers.
const WOMEN: [u8; 16] = [4, 7, 11, 15, 16, 18, 20, 21, 22, 23, 24, 25, 29, 31, 33, 34];
/// Below a talker's folder.
const VIDEO_DEPTH: usize = 3;
/// The letters of each word: command, colour, preposition, letter, digit, adverb.
const WORDS: [&str; 6] =
    ["blps", "bgrw", "abiw", "abcdefghijklmnopqrstuvxyz", "0123456789z", "anps"];

/// Whether there are videos whose names are sentences, and something else that only this corpus
/// has: without it, a folder per talker may be a selection of somebody's own.
fn fits(root: &Path) -> Result<bool, CorpusError> {
    let mut tree = Tree::default();
    let folders = tree.list(&TreeFolder::root(root))?.folders;
    let mut is_marked = folders.iter().any(|(name, _)| MARKS.contains(&name.as_str()));
    let mut has_videos = false;
    for (_, place) in folders.into_iter().filter(|(name, _)| is_talker(name)) {
        is_marked |= tree.list(&place)?.folders.iter().any(|(name, _)| name == "video");
        has_videos = has_videos || !videos(&mut tree, place)?.is_empty();
    }
    Ok(is_marked && has_videos)
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let table = root.join(PEOPLE);
    if tree::is_file(&table)? {
        read_people(&table, &mut contents)?;
        let people = std::mem::take(&mut contents.people).into_iter();
        contents.people = people.map(|(id, person)| (speaker(&id), person)).collect();
    }
    for (talker, place) in tree.list(&TreeFolder::root(root))?.folders {
        if !is_talker(&talker) {
            continue;
        }
        let speaker_id = speaker(&talker);
        let mut voices = BTreeMap::new();
        for folder in VOICES {
            let files = tree.list_under(root, &format!("{folder}/{talker}"))?.files.into_iter();
            let sounds = files.filter(|(name, _)| names::file_kind(name) == FileKind::Sound);
            for (name, path) in sounds {
                voices.entry(stem(&name)).or_insert(path);
            }
        }
        let videos = videos(&mut tree, place)?;
        if videos.is_empty() {
            contents.absent.push(without(&speaker_id, &talker, "no video"));
        }
        contents.people.entry(speaker_id.clone()).or_insert_with(|| published(&talker));
        for (sentence, video) in videos {
            contents.clips.push(Clip {
                pair_id: names::pair_id(&[&speaker_id, &sentence]),
                speaker_id: speaker_id.clone(),
                source: sentence.clone(),
                sound: Media::whole(voices.remove(&sentence).unwrap_or_else(|| video.clone())),
                face: FaceSource::Video { media: Media::whole(video), at: None },
                split: None,
            });
        }
    }
    if contents.clips.is_empty() {
        return Err(LAYOUT.not_in(root, "no folder like s1 with videos like bbaf2n.mpg"));
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// The sentences of a talker. If there are several videos of one, in two resolutions, it is the one
/// that is found first.
fn videos(tree: &mut Tree, talker: TreeFolder) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let mut found = BTreeMap::new();
    let mut open = vec![(talker, 0)];
    while let Some((place, depth)) = open.pop() {
        let listing = tree.list(&place)?;
        for (name, path) in listing.files {
            if names::file_kind(&name) == FileKind::Video && is_sentence(&stem(&name)) {
                found.entry(stem(&name)).or_insert(path);
            }
        }
        if depth < VIDEO_DEPTH {
            open.extend(listing.folders.into_iter().rev().map(|(_, place)| (place, depth + 1)));
        }
    }
    Ok(found)
}

/// The name without its extension.
fn stem(name: &str) -> String {
    names::split_extension(name).0.to_owned()
}

/// Whether a name is that of one of the 34 talkers.
fn is_talker(name: &str) -> bool {
    number(name).is_some()
}

fn number(talker: &str) -> Option<u8> {
    let number = talker.strip_prefix('s')?.parse().ok()?;
    ((1..=34).contains(&number) && talker == format!("s{number}")).then_some(number)
}

/// What is published about a talker: neither age nor anything else.
fn published(talker: &str) -> Person {
    let sex =
        number(talker).map(|number| if WOMEN.contains(&number) { Sex::Female } else { Sex::Male });
    Person { sex, ..Person::default() }
}

fn is_sentence(stem: &str) -> bool {
    stem.len() == WORDS.len()
        && stem.chars().zip(WORDS).all(|(letter, letters)| letters.contains(letter))
}

/// The speaker id of a talker: different from the ids of other corpora.
fn speaker(talker: &str) -> String {
    format!("grid-{talker}")
}

fn without(speaker_id: &str, source: &str, missing: &str) -> Absent {
    Absent {
        pair_id: names::pair_id(&[speaker_id]),
        speaker_id: speaker_id.to_owned(),
        source: source.to_owned(),
        missing: missing.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use s2f_testing::data;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, ids, tree, write};

    #[test]
    fn sentences_of_all_talkers_with_their_sounds() {
        let root = tree(&[
            "s1/bbaf2n.mpg",
            "s1/swwp2s.mpg",
            "s1/notes.mpg",
            "s2/video/mpg_6000/lbax4n.mpg",
            "s21/readme.txt",
            "audio_25k/s1/bbaf2n.wav",
            "alignments/s1/bbaf2n.align",
            "s35/bbaf2n.mpg",
        ]);
        write(root.path(), PEOPLE, "person_id,sex\ns1,female\n");
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.layout.name, plan.licence.as_str()), ("grid", "CC BY 4.0"));
        assert_eq!(ids(&plan), ["grid-s1.bbaf2n", "grid-s1.swwp2s", "grid-s2.lbax4n"]);
        assert!(plan.clips[0].sound.file.ends_with("audio_25k/s1/bbaf2n.wav"));
        assert!(plan.clips[1].sound.file.ends_with("s1/swwp2s.mpg"));
        assert_eq!(plan.people["grid-s1"].sex, Some(Sex::Female));
        assert_eq!(plan.people["grid-s2"].sex, Some(Sex::Male));
        assert_eq!(absent(&plan), ["grid-s21: no video"]);
    }

    /// The numbers are those of the paper; seven talkers are in the list of the test data.
    #[test]
    fn sexes_are_those_that_are_published() {
        let people: Vec<_> = (1..=34).map(|talker| published(&format!("s{talker}"))).collect();
        let count = |sex| people.iter().filter(|person| person.sex == Some(sex)).count();
        assert_eq!((count(Sex::Male), count(Sex::Female)), (18, 16));
        let Some(list) = data("data/videos/grid/speakers.csv") else { return };
        for line in std::fs::read_to_string(list).unwrap().lines().skip(1) {
            let cells: Vec<_> = line.split(',').collect();
            let expected = if cells[1] == "female" { Sex::Female } else { Sex::Male };
            assert_eq!(published(cells[0]).sex, Some(expected), "{line}");
        }
    }

    /// 83 videos of seven talkers, as their list has them.
    #[test]
    fn published_names_are_sentences() {
        let Some(list) = data("data/videos/grid/speakers.csv") else { return };
        let list = std::fs::read_to_string(list).unwrap();
        let rows = list.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let names = rows.map(|row| format!("{}/{}.mpg", row[0], row[2]));
        let names: Vec<String> = names.chain(["alignments/s1/a.align".to_owned()]).collect();
        let root = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.layout.name, plan.clips.len(), plan.people.len()), ("grid", 83, 7));
    }

    #[test]
    fn other_folders_are_not_mistaken_for_it() {
        for file in ["s1/clip01.mp4", "anna/bbaf2n.mpg", "s01/bbaf2n.mpg", "s1/bbaf2n.mpg"] {
            let marks: &[&str] = if file == "s1/bbaf2n.mpg" { &[] } else { &["alignments/s1/a"] };
            let files = [&[file], marks].concat();
            let root = tree(&files);
            assert_eq!(plan(root.path(), None).unwrap().layout.name, "folder", "{files:?}");
        }
    }
}
