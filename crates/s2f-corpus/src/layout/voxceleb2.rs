//! VoxCeleb2 (Chung, Nagrani, Zisserman, Interspeech 2018): voices and videos by id.
//!
//! ```text
//! vox2_meta.csv                      VoxCeleb2 ID, VGGFace2 ID, Gender, Set; trailing blanks
//! dev/aac/ID/VIDEO/UTTERANCE.m4a     also below test, vox2_dev_aac, vox2_test_aac, or just aac
//! dev/mp4/ID/VIDEO/UTTERANCE.mp4     likewise
//! ```
//!
//! The videos are cropped around the face and have a sound track, so `aac` may be missing. The
//! table may be missing too: then the sex is unknown, and people below `test` are the test set.

use std::collections::BTreeSet;
use std::path::Path;

use s2f_pairs::Split;

use super::names::{self, FileKind};
use super::tree::{self, Tree};
use super::voxceleb::{self, Utterances};
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "voxceleb2",
        title: "VoxCeleb2",
        treatment: "each utterance becomes one voice (of its first 10 s), from aac, otherwise from \
                    the video; the face is the best one (large, sharp, frontal) among the frames \
                    of the utterance's video, which must not show two people",
        default_licence: "CC BY 4.0 (VoxCeleb2 metadata); the copyright remains with the owners of \
                          the videos",
        cuts_into_segments: false,
    },
    needs: "{dev,test}/mp4/ID/VIDEO/UTTERANCE.mp4; optionally vox2_meta.csv and \
            {dev,test}/aac/ID/VIDEO/UTTERANCE.m4a",
    detected_by_table: true,
    detect: fits,
    read,
};

const META: &str = "vox2_meta.csv";
const VOICES: [&str; 7] = [
    "dev/aac",
    "test/aac",
    "aac",
    "vox2_dev_aac/dev/aac",
    "vox2_test_aac/test/aac",
    "vox2_dev_aac/aac",
    "vox2_test_aac/aac",
];
const VIDEOS: [&str; 7] = [
    "dev/mp4",
    "test/mp4",
    "mp4",
    "vox2_dev_mp4/dev/mp4",
    "vox2_test_mp4/test/mp4",
    "vox2_dev_mp4/mp4",
    "vox2_test_mp4/mp4",
];

fn fits(root: &Path) -> Result<bool, CorpusError> {
    if tree::is_file(&root.join(META))? {
        return Ok(true);
    }
    let mut tree = Tree::default();
    for part in VIDEOS {
        let folders = tree.list_under(root, part)?.folders;
        if folders.iter().any(|(name, _)| voxceleb::is_id(name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let meta = root.join(META);
    let mut people = if tree::is_file(&meta)? {
        voxceleb::read_people(&meta, "VoxCeleb2 ID", "VGGFace2 ID")?
    } else {
        Default::default()
    };
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let voices = voxceleb::by_id(&mut tree, root, &VOICES, &mut contents.absent)?;
    let videos = voxceleb::by_id(&mut tree, root, &VIDEOS, &mut contents.absent)?;
    let ids: BTreeSet<String> =
        people.keys().chain(voices.keys()).chain(videos.keys()).cloned().collect();
    for id in ids {
        let (voices, videos) = (voices.get(&id), videos.get(&id));
        let in_test_folder = voices.is_some_and(|it| it.test) || videos.is_some_and(|it| it.test);
        let (person, split) = match people.remove(&id) {
            Some(entry) => (entry.person, entry.split),
            None => {
                (Person::default(), Some(if in_test_folder { Split::Test } else { Split::Train }))
            }
        };
        let voices = voxceleb::utterances(&mut tree, voices, FileKind::Sound)?;
        let videos = voxceleb::utterances(&mut tree, videos, FileKind::Video)?;
        if voices.values().chain(videos.values()).all(|found| found.is_empty()) {
            contents.absent.push(Absent {
                pair_id: names::pair_id(&[&id]),
                speaker_id: id.clone(),
                source: String::new(),
                missing: "no sound and no video".to_owned(),
            });
        }
        join(&id, split, voices, videos, &mut contents);
        contents.people.insert(id, person);
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// Adds the clips of one person, and the voices without a video.
fn join(
    id: &str,
    split: Option<Split>,
    mut voices: Utterances,
    videos: Utterances,
    contents: &mut CorpusContents,
) {
    for (source, utterances) in videos {
        let mut sounds = voices.remove(&source).unwrap_or_default();
        for (utterance, video) in utterances {
            let sound = sounds.remove(&utterance).unwrap_or_else(|| video.clone());
            contents.clips.push(Clip {
                pair_id: names::pair_id(&[id, &source, &utterance]),
                speaker_id: id.to_owned(),
                source: source.clone(),
                sound: Media::whole(sound),
                face: FaceSource::Video { media: Media::whole(video), at: None },
                split,
            });
        }
        voices.insert(source, sounds);
    }
    for (source, without_video) in voices {
        contents.absent.extend(without_video.into_keys().map(|utterance| Absent {
            pair_id: names::pair_id(&[id, &source, &utterance]),
            speaker_id: id.to_owned(),
            source: source.clone(),
            missing: "no video".to_owned(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::Sex;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    const FILES: [&str; 8] = [
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
        "dev/aac/id00012/-_x/00001.m4a",
        "dev/mp4/id00012/21Uxsk56VDQ/00002.mp4",
        "test/mp4/id00017/5MkXgwdrmJw/00077.mp4",
        "test/aac/id00017/5MkXgwdrmJw/00077.m4a",
        "test/aac/id00017/5MkXgwdrmJw/00078.m4a",
        "dev/mp4/id00030/a/00001.mp4",
    ];

    #[test]
    fn sound_and_video_are_matched_by_their_path() {
        let root = tree(&FILES);
        let header = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n";
        let lines = "id00012 ,n000012 ,m ,dev \nid00017 ,n000017 ,f ,test \nid00099 ,n1 ,f ,dev \n";
        for text in
            [format!("{header}{lines}"), format!("\u{feff}{header}{lines}").replace(" ,", "\t")]
        {
            write(root.path(), META, &text);
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(
                ids(&plan),
                [
                    "id00012.21Uxsk56VDQ.00001",
                    "id00012.21Uxsk56VDQ.00002",
                    "id00017.5MkXgwdrmJw.00077",
                    "id00030.a.00001"
                ]
            );
            let first = &plan.clips[0];
            assert_eq!(first.sound.file, root.path().join(FILES[0]));
            let video = Media { file: root.path().join(FILES[1]), start_s: 0.0, end_s: None };
            assert_eq!(first.face, FaceSource::Video { media: video, at: None });
            assert_eq!(first.split, Some(Split::Train));
            // No aac: the video's own sound.
            assert_eq!(plan.clips[1].sound.file, root.path().join(FILES[3]));
            assert_eq!(clip(&plan, "id00017.5MkXgwdrmJw.00077").split, Some(Split::Test));
            assert_eq!(plan.people["id00017"].sex, Some(Sex::Female));
            assert_eq!(plan.people["id00030"].sex, None);
            assert_eq!(
                absent(&plan),
                [
                    "id00012.-_x.00001: no video",
                    "id00017.5MkXgwdrmJw.00078: no video",
                    "id00099: no sound and no video"
                ]
            );
        }
    }

    #[test]
    fn without_a_table_the_split_is_that_of_the_folder() {
        let root = tree(&FILES);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!((plan.layout.name, plan.clips.len()), ("voxceleb2", 4));
        for clip in &plan.clips {
            let test = clip.speaker_id == "id00017";
            let expected = if test { Split::Test } else { Split::Train };
            assert_eq!(clip.split, Some(expected), "{}", clip.pair_id);
        }
    }

    #[test]
    fn archives_are_found_in_all_usual_places() {
        for (voices, videos) in VOICES.iter().zip(VIDEOS) {
            let root = tree(&[
                &format!("{voices}/id00012/v/00001.M4A"),
                &format!("{videos}/id00012/v/00001.MP4"),
                &format!("{videos}/readme/v/00001.mp4"),
            ]);
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(ids(&plan), ["id00012.v.00001"], "{voices}");
            assert!(plan.clips[0].sound.file.starts_with(root.path().join(voices)), "{voices}");
            assert_eq!(plan.absent.len(), 1, "{:?}", plan.absent);
            assert_eq!(plan.absent[0].missing, "name not like id10001");
        }
    }
}
