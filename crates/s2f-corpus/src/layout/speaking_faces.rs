//! SpeakingFaces (Abdrakhmanova et al., Sensors 2021): 142 volunteers who read commands before a
//! camera, in two trials from nine positions.
//!
//! ```text
//! subjects.csv                             Sub_ID, Split, Age, Gender; also in metadata; optional
//! sub_N/trial_T/mic1_audio_cmd_trim/N_T_2_POSITION_COMMAND_1.wav
//! sub_N/trial_T/rgb_image_cmd/N_T_2_POSITION_COMMAND_FRAME_2.png   or rgb_image_cmd_aligned
//! ```
//!
//! The folders of people are `sub_N` or, as in the archives of images and audio, `sub_N_ia`, in the
//! root or in `train_data`, `valid_data` and `test_data`. Thermal pictures (`thr_image_cmd`) and
//! the column with ethnicity are not read; nor is the first session, which is silent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use s2f_pairs::Split;

use super::names::{self, FileKind};
use super::tree::{self, Tree, TreeFolder};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};
use crate::table::{Statements, Table};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "speaking-faces",
        title: "SpeakingFaces",
        treatment: "each command becomes one voice, of the first microphone; the face is the best \
                    one (large, sharp, frontal) among the pictures of the same command",
        default_licence: "not stated in the archives; see the terms of SpeakingFaces (ISSAI)",
        cuts_into_segments: false,
    },
    needs: "sub_N/trial_T/mic1_audio_cmd_trim/*.wav beside sub_N/trial_T/rgb_image_cmd/*.png; \
            optionally subjects.csv",
    detected_by_table: false,
    detect: fits,
    read,
};

const PEOPLE: [&str; 2] = ["subjects.csv", "metadata/subjects.csv"];
const PARTS: [(&str, Option<Split>); 4] = [
    ("", None),
    ("train_data", Some(Split::Train)),
    ("valid_data", Some(Split::Validation)),
    ("test_data", Some(Split::Test)),
];
const SOUNDS: &str = "mic1_audio_cmd_trim";
const PICTURES: [&str; 2] = ["rgb_image_cmd", "rgb_image_cmd_aligned"];

/// What `subjects.csv` says about a person.
type Subjects = BTreeMap<String, (Person, Option<Split>)>;

fn fits(root: &Path) -> Result<bool, CorpusError> {
    let mut tree = Tree::default();
    for (part, _) in PARTS {
        for (name, place) in tree.list_under(root, part)?.folders {
            let trials = || -> Result<bool, CorpusError> {
                let folders = Tree::default().list(&place)?.folders;
                Ok(folders.iter().any(|(name, _)| name.starts_with("trial_")))
            };
            if subject(&name).is_some() && trials()? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    if !fits(root)? {
        return Err(LAYOUT.not_in(root, "no folder like sub_1/trial_1"));
    }
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let mut subjects = Subjects::new();
    for table in PEOPLE {
        let path = root.join(table);
        if tree::is_file(&path)? {
            subjects = read_subjects(&path)?;
            break;
        }
    }
    let mut seen = BTreeSet::new();
    for (part, part_split) in PARTS {
        for (name, place) in tree.list_under(root, part)?.folders {
            let Some(number) = subject(&name) else { continue };
            let stated = subjects.get(number).and_then(|(_, split)| *split);
            let person = Subject { number, split: stated.or(part_split) };
            for (trial, place) in tree.list(&place)?.folders {
                if trial.starts_with("trial_") {
                    person.read_trial(&mut tree, &place, &mut contents)?;
                }
            }
            seen.insert(number.to_owned());
            let stated = subjects.get(number).map(|(person, _)| person.clone());
            contents.people.insert(speaker_id(number), stated.unwrap_or_default());
        }
    }
    for (number, (person, _)) in subjects {
        if !seen.contains(&number) {
            let speaker_id = speaker_id(&number);
            contents.absent.push(Absent {
                pair_id: names::pair_id(&[&speaker_id]),
                speaker_id: speaker_id.clone(),
                source: String::new(),
                missing: "no folder".to_owned(),
            });
            contents.people.insert(speaker_id, person);
        }
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

fn read_subjects(path: &Path) -> Result<Subjects, CorpusError> {
    let table = Table::read(path)?;
    let mut statements = Statements::default();
    let mut subjects = Subjects::new();
    for row in table.rows() {
        let age = row.age("Age")?;
        let split = match row.optional("Split").unwrap_or_default() {
            "Train" => Some(Split::Train),
            "Valid" => Some(Split::Validation),
            "Test" => Some(Split::Test),
            "" => None,
            _ => return Err(row.bad("Split", "Train, Valid or Test")),
        };
        let person = Person { sex: row.sex()?, age, language: Some("en".to_owned()) };
        statements.add(&row, "Sub_ID", (person.clone(), split))?;
        subjects.insert(row.filled("Sub_ID")?.to_owned(), (person, split));
    }
    Ok(subjects)
}

/// The person whose folders are read.
struct Subject<'a> {
    number: &'a str,
    split: Option<Split>,
}

impl Subject<'_> {
    /// Adds the commands of one trial.
    fn read_trial(
        &self,
        tree: &mut Tree,
        trial: &TreeFolder,
        contents: &mut CorpusContents,
    ) -> Result<(), CorpusError> {
        let speaker = speaker_id(self.number);
        let mut pictures = pictures(tree, trial)?;
        let sounds = tree.list_under(&trial.path, SOUNDS)?.files;
        for (name, path) in sounds {
            if names::file_kind(&name) != FileKind::Sound {
                continue;
            }
            // The last number of a sound is that of the microphone.
            let (stem, _) = names::split_extension(&name);
            let command = stem.rsplit_once('_').map_or(stem, |(command, _)| command).to_owned();
            let pair_id = names::pair_id(&[&speaker, &command]);
            match pictures.remove(&command) {
                Some(pictures) => contents.clips.push(Clip {
                    pair_id,
                    speaker_id: speaker.clone(),
                    source: command,
                    sound: Media::whole(path),
                    face: FaceSource::Pictures(Arc::from(pictures)),
                    split: self.split,
                }),
                None => contents.absent.push(Absent {
                    pair_id,
                    speaker_id: speaker.clone(),
                    source: command,
                    missing: "no picture of the command".to_owned(),
                }),
            }
        }
        contents.absent.extend(pictures.into_keys().map(|command| Absent {
            pair_id: names::pair_id(&[&speaker, &command]),
            speaker_id: speaker.clone(),
            source: command,
            missing: "no sound".to_owned(),
        }));
        Ok(())
    }
}

/// The pictures of a trial by command, in the order of their frames.
fn pictures(
    tree: &mut Tree,
    trial: &TreeFolder,
) -> Result<HashMap<String, Vec<PathBuf>>, CorpusError> {
    for part in PICTURES {
        let mut commands: HashMap<String, Vec<(u32, PathBuf)>> = HashMap::new();
        for (name, path) in tree.list_under(&trial.path, part)?.files {
            // The last two numbers are the frame and the camera.
            let (stem, _) = names::split_extension(&name);
            let mut parts = stem.rsplitn(3, '_').skip(1);
            let (frame, command) = (parts.next().and_then(|it| it.parse().ok()), parts.next());
            if let (Some(frame), Some(command), FileKind::Picture) =
                (frame, command, names::file_kind(&name))
            {
                commands.entry(command.to_owned()).or_default().push((frame, path));
            }
        }
        if !commands.is_empty() {
            let in_order = |mut frames: Vec<(u32, PathBuf)>| -> Vec<PathBuf> {
                frames.sort_unstable();
                frames.into_iter().map(|(_, path)| path).collect()
            };
            return Ok(commands.into_iter().map(|(it, frames)| (it, in_order(frames))).collect());
        }
    }
    Ok(HashMap::new())
}

/// The number in `sub_12` or `sub_12_ia`.
fn subject(folder: &str) -> Option<&str> {
    let number = folder.strip_prefix("sub_")?;
    let number = number.strip_suffix("_ia").unwrap_or(number);
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

fn speaker_id(number: &str) -> String {
    format!("speaking-faces-{number}")
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    const SUBJECTS: &str = "Sub_ID,Split,Age,Gender,Ethnicity,Acc_Trial_1,Acc_Trial_2\n\
                            1,Train,32,Male,Asian,Glasses,Glasses\n\
                            101,Valid,23,Female,Asian,None,None\n\
                            121,Test,47,Female,Asian,None,None\n\
                            142,Test,21,Female,Asian,None,None\n";

    const FILES: [&str; 10] = [
        "sub_1_ia/trial_1/mic1_audio_cmd_trim/1_1_2_7_611_1.wav",
        "sub_1_ia/trial_1/mic2_audio_cmd_trim/1_1_2_7_611_2.wav",
        "sub_1_ia/trial_1/rgb_image_cmd/1_1_2_7_611_10_2.png",
        "sub_1_ia/trial_1/rgb_image_cmd/1_1_2_7_611_2_2.png",
        "sub_1_ia/trial_1/thr_image_cmd/1_1_2_7_611_2_1.png",
        "sub_1_ia/trial_1/mic1_audio_cmd_trim/1_1_2_7_612_1.wav",
        "sub_1_ia/trial_1/rgb_image_cmd/1_1_2_8_700_1_2.png",
        "valid_data/sub_101/trial_2/mic1_audio_cmd_trim/101_2_2_1_5_1.wav",
        "valid_data/sub_101/trial_2/rgb_image_cmd_aligned/101_2_2_1_5_1_2.png",
        "test_data/sub_121/trial_1/mic1_audio_cmd_trim/121_1_2_1_5_1.wav",
    ];

    #[test]
    fn voices_and_pictures_are_joined_by_command() {
        let picture = "test_data/sub_121/trial_1/rgb_image_cmd/121_1_2_1_5_1_2.png";
        let root = tree(&FILES);
        write(root.path(), picture, "");
        for table in PEOPLE {
            write(root.path(), table, SUBJECTS);
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(
                ids(&plan),
                [
                    "speaking-faces-1.1_1_2_7_611",
                    "speaking-faces-101.101_2_2_1_5",
                    "speaking-faces-121.121_1_2_1_5"
                ]
            );
            let first = clip(&plan, "speaking-faces-1.1_1_2_7_611");
            assert_eq!(first.sound, Media::whole(root.path().join(FILES[0])));
            let frames: Vec<PathBuf> = [FILES[3], FILES[2]].map(|it| root.path().join(it)).into();
            assert_eq!(first.face, FaceSource::Pictures(frames.into()));
            let split = |id: &str| clip(&plan, id).split;
            assert_eq!(first.split, Some(Split::Train));
            assert_eq!(split("speaking-faces-101.101_2_2_1_5"), Some(Split::Validation));
            assert_eq!(split("speaking-faces-121.121_1_2_1_5"), Some(Split::Test));
            let person = &plan.people["speaking-faces-121"];
            assert_eq!((person.sex, person.age), (Some(Sex::Female), Some(47.0)));
            assert_eq!(
                absent(&plan),
                [
                    "speaking-faces-1.1_1_2_7_612: no picture of the command",
                    "speaking-faces-1.1_1_2_8_700: no sound",
                    "speaking-faces-142: no folder"
                ]
            );
            assert!(!format!("{plan:?}").contains("Asian"));
            std::fs::remove_file(root.path().join(table)).unwrap();
        }
    }

    #[test]
    fn without_the_table_the_split_is_that_of_the_folder() {
        let root = tree(&FILES);
        write(root.path(), "test_data/sub_121/trial_1/rgb_image_cmd/121_1_2_1_5_1_2.png", "");
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(clip(&plan, "speaking-faces-101.101_2_2_1_5").split, Some(Split::Validation));
        assert_eq!(clip(&plan, "speaking-faces-1.1_1_2_7_611").split, None);
        assert_eq!(plan.people["speaking-faces-1"], Person::default());
    }

    #[test]
    fn an_invalid_table_is_an_error() {
        let root = tree(&FILES);
        write(root.path(), PEOPLE[0], "Sub_ID,Split,Age,Gender\n1,Dev,32,Male\n");
        let message = plan(root.path(), None).unwrap_err().to_string();
        assert!(message.contains("line 2, column Split"), "{message}");
    }
}
