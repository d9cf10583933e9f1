//! CREMA-D (Cao et al., IEEE Transactions on Affective Computing 2014): actors who say sentences
//! with emotions.
//!
//! ```text
//! VideoDemographics.csv              ActorID, Age, Sex; other columns are not read
//! VideoFlash/ACTOR_SENTENCE_EMOTION_LEVEL.flv
//! AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav
//! ```
//!
//! `AudioWAV` may be missing: the videos have sound. The videos may have been converted to another
//! format under the same names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::{self, FileKind};
use super::tree::{self, Tree};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};
use crate::table::{Statements, Table};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "crema-d",
        title: "CREMA-D",
        treatment: "each clip becomes one voice, from AudioWAV, otherwise from the video; the face \
                    is the best one (large, sharp, frontal) among the frames of the clip's video",
        default_licence: "ODbL 1.0 (database); DbCL 1.0 (contents)",
        cuts_into_segments: false,
    },
    needs: "VideoDemographics.csv and VideoFlash/1001_DFA_ANG_XX.flv …; optionally \
            AudioWAV/1001_DFA_ANG_XX.wav …",
    detected_by_table: true,
    detect: |root| tree::is_file(&root.join(ACTORS)),
    read,
};

const ACTORS: &str = "VideoDemographics.csv";
const VIDEOS: &str = "VideoFlash";
const VOICES: &str = "AudioWAV";

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    if !(LAYOUT.detect)(root)? {
        return Err(LAYOUT.not_in(root, "no VideoDemographics.csv"));
    }
    let mut tree = Tree::default();
    let mut contents =
        CorpusContents { people: read_actors(&root.join(ACTORS))?, ..CorpusContents::default() };
    let mut voices = stems(&mut tree, root, VOICES, FileKind::Sound)?;
    for (stem, video) in stems(&mut tree, root, VIDEOS, FileKind::Video)? {
        let sound = voices.remove(&stem).unwrap_or_else(|| video.clone());
        let Some((speaker_id, source)) = speaker_and_sentence(&stem) else {
            let name = format!("{VIDEOS}/{stem}");
            contents.absent.push(without(&name, "", "name not like 1001_DFA_ANG_XX"));
            continue;
        };
        contents.people.entry(speaker_id.clone()).or_default();
        contents.clips.push(Clip {
            pair_id: names::pair_id(&[&speaker_id, &stem]),
            source: source.to_owned(),
            sound: Media::whole(sound),
            face: FaceSource::Video { media: Media::whole(video), at: None },
            split: None,
            speaker_id,
        });
    }
    for stem in voices.keys() {
        let speaker = speaker_and_sentence(stem).map_or(String::new(), |(id, _)| id);
        contents.absent.push(without(&format!("{VOICES}/{stem}"), &speaker, "no video"));
    }
    for actor in contents.people.keys() {
        if contents.clips.iter().all(|clip| clip.speaker_id != *actor) {
            contents.absent.push(without(actor, actor, "no video"));
        }
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Sex and age of the actors by their speaker ids.
fn read_actors(path: &Path) -> Result<BTreeMap<String, Person>, CorpusError> {
    let table = Table::read(path)?;
    let mut statements = Statements::default();
    let mut people = BTreeMap::new();
    for row in table.rows() {
        let age = row.age("Age")?;
        let person = Person { sex: row.sex()?, age, language: Some("en".to_owned()) };
        statements.add(&row, "ActorID", person.clone())?;
        people.insert(speaker(row.filled("ActorID")?), person);
    }
    Ok(people)
}

/// Files of one kind by their names without extension.
fn stems(
    tree: &mut Tree,
    root: &Path,
    folder: &str,
    kind: FileKind,
) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let files = tree.list_under(root, folder)?.files.into_iter();
    let files = files.filter(|(name, _)| names::file_kind(name) == kind);
    Ok(files.map(|(name, path)| (names::split_extension(&name).0.to_owned(), path)).collect())
}

/// The speaker id of an actor: different from the ids of other corpora.
fn speaker(actor: &str) -> String {
    format!("crema-d-{actor}")
}

/// The speaker id and the sentence in `ACTOR_SENTENCE_EMOTION_LEVEL`.
fn speaker_and_sentence(stem: &str) -> Option<(String, &str)> {
    let (actor, rest) = stem.split_once('_')?;
    let (sentence, _) = rest.split_once('_')?;
    let is_number = !actor.is_empty() && actor.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (speaker(actor), sentence))
}

fn without(name: &str, speaker_id: &str, missing: &str) -> Absent {
    Absent {
        pair_id: names::pair_id(&[name]),
        speaker_id: speaker_id.to_owned(),
        source: name.to_owned(),
        missing: missing.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, ids, tree, write};

    const TABLE: &str = "ActorID,Age,Sex,Race,Ethnicity\n\
                         1001,51,Male,a,b\n1002,21,Female,a,b\n1003,74,Female,a,b\n";

    #[test]
    fn videos_have_their_voices_and_actors_their_ages() {
        let root = tree(&[
            "VideoFlash/1001_DFA_ANG_XX.flv",
            "VideoFlash/1001_IEO_HAP_HI.flv",
            "VideoFlash/1002_DFA_NEU_XX.mp4",
            "VideoFlash/readme.flv",
            "AudioWAV/1001_DFA_ANG_XX.wav",
            "AudioWAV/1002_TIE_SAD_LO.wav",
            "AudioMP3/1001_DFA_ANG_XX.mp3",
        ]);
        write(root.path(), ACTORS, TABLE);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.layout.name, plan.licence.contains("ODbL")), ("crema-d", true));
        assert_eq!(
            ids(&plan),
            [
                "crema-d-1001.1001_DFA_ANG_XX",
                "crema-d-1001.1001_IEO_HAP_HI",
                "crema-d-1002.1002_DFA_NEU_XX"
            ]
        );
        let [first, second, _] = &plan.clips[..] else { panic!("three clips") };
        assert!(first.sound.file.ends_with("AudioWAV/1001_DFA_ANG_XX.wav"));
        assert!(second.sound.file.ends_with("VideoFlash/1001_IEO_HAP_HI.flv"));
        assert_eq!((first.source.as_str(), first.split), ("DFA", None));
        let person = &plan.people["crema-d-1002"];
        assert_eq!((person.sex, person.age), (Some(Sex::Female), Some(21.0)));
        // Nothing of the columns that are not read.
        assert!(!format!("{:?}", plan.people).contains("\"a\""));
        assert_eq!(
            absent(&plan),
            [
                format!("{}: no video", names::pair_id(&["AudioWAV/1002_TIE_SAD_LO"])),
                format!(
                    "{}: name not like 1001_DFA_ANG_XX",
                    names::pair_id(&["VideoFlash/readme"])
                ),
                "crema-d-1003: no video".to_owned(),
            ]
        );
    }

    #[test]
    fn an_impossible_age_is_named() {
        let root = tree(&["VideoFlash/1001_DFA_ANG_XX.flv"]);
        write(root.path(), ACTORS, "ActorID,Age,Sex\n1001,510,Male\n");
        let error = plan(root.path(), None).unwrap_err().to_string();
        assert!(error.contains("line 2, column Age") && error.contains("510"), "{error}");
    }
}
