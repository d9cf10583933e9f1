//! CREMA-D (Cao, Cooper, Keutmann, Gur, Nenkova, Verma, IEEE Transactions on Affective Computing
//! 2014): 91 actors who say twelve sentences with six emotions.
//!
//! ```text
//! VideoDemographics.csv                            ActorID, Age, Sex, and columns that are not read
//! VideoFlash/ACTOR_SENTENCE_EMOTION_LEVEL.flv      or .mp4, also in VideoMP4 or Video
//! AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav        optional: otherwise the sound of the video
//! ```
//!
//! The columns with race and ethnicity are not read.

use std::collections::{BTreeMap, BTreeSet};
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
        treatment: "each sentence becomes one voice, from AudioWAV, otherwise from the video; the \
                    face is the best one (large, sharp, frontal) among the frames of its video, \
                    with the expression that the actor plays",
        default_licence: "ODbL 1.0 (CREMA-D); contents DbCL 1.0",
        cuts_into_segments: false,
    },
    needs: "VideoFlash/ACTOR_SENTENCE_EMOTION_LEVEL.flv (or .mp4); optionally \
            VideoDemographics.csv and AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav",
    detected_by_table: true,
    detect: |root| Ok(tree::is_file(&root.join(PEOPLE))? || !videos(root)?.is_empty()),
    read,
};

const PEOPLE: &str = "VideoDemographics.csv";
const VIDEOS: [&str; 3] = ["VideoFlash", "VideoMP4", "Video"];
const SOUNDS: &str = "AudioWAV";

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let videos = videos(root)?;
    if videos.is_empty() {
        return Err(LAYOUT.not_in(root, "no video in VideoFlash"));
    }
    let mut tree = Tree::default();
    let mut sounds = by_clip(&mut tree, root, SOUNDS, FileKind::Sound)?;
    let mut contents = CorpusContents::default();
    let table = root.join(PEOPLE);
    let states_people = tree::is_file(&table)?;
    if states_people {
        contents.people = read_people(&table)?;
    }
    let mut seen = BTreeSet::new();
    for (name, video) in videos {
        let speaker = speaker_id(actor(&name).unwrap_or_default());
        let sound = sounds.remove(&name).unwrap_or_else(|| video.clone());
        contents.people.entry(speaker.clone()).or_default();
        contents.clips.push(Clip {
            pair_id: names::pair_id(&[&speaker, &name]),
            speaker_id: speaker.clone(),
            source: name,
            sound: Media::whole(sound),
            face: FaceSource::Video { media: Media::whole(video), at: None },
            split: None,
        });
        seen.insert(speaker);
    }
    for name in sounds.into_keys() {
        let speaker_id = speaker_id(actor(&name).unwrap_or_default());
        let pair_id = names::pair_id(&[&speaker_id, &name]);
        let missing = "no video".to_owned();
        seen.insert(speaker_id.clone());
        contents.absent.push(Absent { pair_id, speaker_id, source: name, missing });
    }
    let unseen = contents.people.keys().filter(|speaker| !seen.contains(*speaker));
    contents.absent.extend(unseen.map(|speaker| Absent {
        pair_id: names::pair_id(&[speaker]),
        speaker_id: speaker.clone(),
        source: String::new(),
        missing: "no video and no sound".to_owned(),
    }));
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Age and sex by speaker.
fn read_people(path: &Path) -> Result<BTreeMap<String, Person>, CorpusError> {
    let table = Table::read(path)?;
    let mut statements = Statements::default();
    let mut people = BTreeMap::new();
    for row in table.rows() {
        let age = row.number("Age")?;
        if age.is_some_and(|age| !(0.0..=130.0).contains(&age)) {
            return Err(row.bad("Age", "an age in years"));
        }
        let person = Person { sex: row.sex()?, age, language: Some("en".to_owned()) };
        statements.add(&row, "ActorID", person.clone())?;
        people.insert(speaker_id(row.filled("ActorID")?), person);
    }
    Ok(people)
}

/// The videos by clip; of a clip in two folders, the first one.
fn videos(root: &Path) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let mut videos = BTreeMap::new();
    for part in VIDEOS {
        for (name, path) in by_clip(&mut Tree::default(), root, part, FileKind::Video)? {
            videos.entry(name).or_insert(path);
        }
    }
    Ok(videos)
}

/// The files of one kind in a folder whose names are like `1001_DFA_ANG_XX`.
fn by_clip(
    tree: &mut Tree,
    root: &Path,
    part: &str,
    kind: FileKind,
) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let files = tree.list_under(root, part)?.files.into_iter();
    let files = files.filter(|(name, _)| names::file_kind(name) == kind);
    let files = files.map(|(name, path)| (names::split_extension(&name).0.to_owned(), path));
    Ok(files.filter(|(stem, _)| actor(stem).is_some()).collect())
}

/// The actor in the name of a clip: four digits before the first underscore.
fn actor(stem: &str) -> Option<&str> {
    let (actor, _) = stem.split_once('_')?;
    (actor.len() == 4 && actor.bytes().all(|byte| byte.is_ascii_digit())).then_some(actor)
}

fn speaker_id(actor: &str) -> String {
    format!("crema-d-{actor}")
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    const HEADER: &str = "ActorID,Age,Sex,Race,Ethnicity\n";

    #[test]
    fn videos_sounds_and_people_are_joined() {
        let root = tree(&[
            "VideoFlash/1001_DFA_ANG_XX.flv",
            "VideoFlash/1001_IEO_HAP_HI.flv",
            "VideoMP4/1002_DFA_ANG_XX.mp4",
            "VideoMP4/1001_DFA_ANG_XX.mp4",
            "VideoFlash/readme.flv",
            "AudioWAV/1001_DFA_ANG_XX.wav",
            "AudioWAV/1003_DFA_ANG_XX.wav",
        ]);
        let lines = "1001,51,Male,Asian,Hispanic\n1002,21,Female,,\n1003,30,Male,,\n\
                     1091,74,Female,,\n";
        write(root.path(), PEOPLE, &format!("{HEADER}{lines}"));
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(
            ids(&plan),
            [
                "crema-d-1001.1001_DFA_ANG_XX",
                "crema-d-1001.1001_IEO_HAP_HI",
                "crema-d-1002.1002_DFA_ANG_XX"
            ]
        );
        let first = clip(&plan, "crema-d-1001.1001_DFA_ANG_XX");
        let video = root.path().join("VideoFlash/1001_DFA_ANG_XX.flv");
        assert_eq!(first.sound, Media::whole(root.path().join("AudioWAV/1001_DFA_ANG_XX.wav")));
        assert_eq!(first.face, FaceSource::Video { media: Media::whole(video), at: None });
        let silent = clip(&plan, "crema-d-1001.1001_IEO_HAP_HI");
        assert_eq!(silent.sound.file, root.path().join("VideoFlash/1001_IEO_HAP_HI.flv"));
        let person = &plan.people["crema-d-1001"];
        assert_eq!((person.sex, person.age), (Some(Sex::Male), Some(51.0)));
        assert_eq!(plan.people["crema-d-1002"].sex, Some(Sex::Female));
        assert_eq!(
            absent(&plan),
            ["crema-d-1003.1003_DFA_ANG_XX: no video", "crema-d-1091: no video and no sound"]
        );
        // Nothing of race and ethnicity is anywhere in the plan.
        let text = format!("{plan:?}");
        assert!(!text.contains("Asian") && !text.contains("Hispanic"), "{text}");
    }

    #[test]
    fn without_the_table_nothing_is_known_about_the_actors() {
        let root = tree(&["VideoFlash/1001_DFA_ANG_XX.flv"]);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(plan.people["crema-d-1001"], Person::default());
        assert_eq!(plan.licence, LAYOUT.properties.default_licence);
    }

    #[test]
    fn an_invalid_table_is_an_error() {
        let check = |text: &str, words: &[&str]| {
            let root = tree(&["VideoFlash/1001_DFA_ANG_XX.flv"]);
            write(root.path(), PEOPLE, text);
            let message = plan(root.path(), None).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        check("ActorID,Age\n1001,51\n", &[PEOPLE, "no column sex"]);
        check(&format!("{HEADER}1001,old,Male,,\n"), &["line 2", "Age", "a number"]);
        check(&format!("{HEADER}1001,510,Male,,\n"), &["line 2", "Age", "an age in years"]);
        check(&format!("{HEADER}1001,20,Male,,\n1001,21,Male,,\n"), &["lines 2 and 3", "1001"]);
    }
}
