//! GRID (Cooke, Barker, Cunningham, Shao, Journal of the Acoustical Society of America 2006): 34
//! talkers, 1,000 sentences each.
//!
//! ```text
//! sN/SENTENCE.mpg            as s1.zip and s1.mpg_vcd.zip unpack; also below video, and in
//!                            sN/video, sN/video/mpg_vcd and sN/video/mpg_6000
//! audio_25k/sN/SENTENCE.wav  optional, also in audio/sN and sN/audio: otherwise the video's sound
//! alignments/sN              what marks a folder as GRID, beside audio_25k; not read
//! ```
//!
//! Talkers are numbered; sex and age of each are not part of the archives, so none are stated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::{self, FileKind};
use super::tree::Tree;
use super::{CorpusContents, Layout};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "grid",
        title: "GRID",
        treatment: "each sentence becomes one voice, from the wav file, otherwise from the video; \
                    the face is the best one (large, sharp, frontal) among the frames of its video",
        default_licence: "CC BY 4.0 (GRID, Cooke et al. 2006)",
        cuts_into_segments: false,
    },
    needs: "sN/SENTENCE.mpg, for example s1/bbaf2n.mpg, and audio_25k/sN or alignments beside them",
    detected_by_table: false,
    detect: fits,
    read,
};

/// Folders that contain those of the talkers, and within one, folders that contain the videos.
const PARTS: [&str; 3] = ["", "video", "videos"];
const WITHIN: [&str; 4] = ["", "video", "video/mpg_vcd", "video/mpg_6000"];
/// Folders of sounds; `{}` is the talker.
const SOUNDS: [&str; 4] = ["audio_25k/{}", "audio_50k/{}", "audio/{}", "{}/audio"];
/// Folders that only this corpus has. Without one, a folder per talker could be anybody's.
const MARKS: [&str; 4] = ["audio_25k", "audio_50k", "alignments", "align"];

type Files = BTreeMap<String, PathBuf>;

fn fits(root: &Path) -> Result<bool, CorpusError> {
    let mut tree = Tree::default();
    let mut marked = false;
    for mark in MARKS {
        let listing = tree.list_under(root, mark)?;
        marked |= !listing.folders.is_empty() || !listing.files.is_empty();
    }
    let talkers = talkers(&mut tree, root)?;
    for talker in talkers.keys() {
        for within in &WITHIN[1..] {
            marked |= !sentences(&mut tree, root, &format!("{talker}/{within}"), FileKind::Video)?
                .is_empty();
        }
    }
    Ok(marked && !talkers.is_empty())
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut tree = Tree::default();
    let talkers = talkers(&mut tree, root)?;
    if talkers.is_empty() {
        return Err(LAYOUT.not_in(root, "no folder like s1 with videos like bbaf2n.mpg"));
    }
    let mut contents = CorpusContents::default();
    for (talker, videos) in talkers {
        let speaker = format!("grid-{talker}");
        let mut sounds = Files::new();
        for place in SOUNDS {
            let place = place.replace("{}", &talker);
            for (name, path) in sentences(&mut tree, root, &place, FileKind::Sound)? {
                sounds.entry(name).or_insert(path);
            }
        }
        for (name, video) in videos {
            let sound = sounds.remove(&name).unwrap_or_else(|| video.clone());
            contents.clips.push(Clip {
                pair_id: names::pair_id(&[&speaker, &name]),
                speaker_id: speaker.clone(),
                source: format!("{talker}/{name}"),
                sound: Media::whole(sound),
                face: FaceSource::Video { media: Media::whole(video), at: None },
                split: None,
            });
        }
        contents.absent.extend(sounds.into_keys().map(|name| Absent {
            pair_id: names::pair_id(&[&speaker, &name]),
            speaker_id: speaker.clone(),
            source: format!("{talker}/{name}"),
            missing: "no video".to_owned(),
        }));
        let person = Person { language: Some("en".to_owned()), ..Person::default() };
        contents.people.insert(speaker, person);
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

/// The videos of every talker; of one in two places, the first.
fn talkers(tree: &mut Tree, root: &Path) -> Result<BTreeMap<String, Files>, CorpusError> {
    let mut talkers: BTreeMap<String, Files> = BTreeMap::new();
    for part in PARTS {
        for (talker, _) in tree.list_under(root, part)?.folders {
            if !is_talker(&talker) {
                continue;
            }
            for within in WITHIN {
                let place = format!("{part}/{talker}/{within}");
                let place = place.trim_matches('/');
                for (name, path) in sentences(tree, root, place, FileKind::Video)? {
                    talkers.entry(talker.clone()).or_default().entry(name).or_insert(path);
                }
            }
        }
    }
    Ok(talkers)
}

/// Files of one kind, by sentence; others are not part of the corpus.
fn sentences(
    tree: &mut Tree,
    root: &Path,
    place: &str,
    kind: FileKind,
) -> Result<Files, CorpusError> {
    let files = tree.list_under(root, place)?.files.into_iter();
    let files = files.filter(|(name, _)| names::file_kind(name) == kind);
    let files = files.map(|(name, path)| (names::split_extension(&name).0.to_owned(), path));
    Ok(files.filter(|(name, _)| is_sentence(name)).collect())
}

/// Whether a name is `s` and a number.
fn is_talker(name: &str) -> bool {
    name.strip_prefix('s')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name has the six letters of a sentence: command, colour, preposition, letter, digit
/// and adverb, for example `bbaf2n` for `bin blue at f two now`.
fn is_sentence(name: &str) -> bool {
    const WORDS: [&[u8]; 6] =
        [b"blps", b"bgrw", b"abiw", b"abcdefghijklmnopqrstuvwxyz", b"0123456789z", b"anps"];
    name.len() == WORDS.len() && name.bytes().zip(WORDS).all(|(byte, word)| word.contains(&byte))
}

#[cfg(test)]
mod tests {
    use s2f_testing::data;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree};

    #[test]
    fn videos_and_sounds_are_found_where_the_archives_are_unpacked() {
        for (video, sound) in [
            ("s1", "audio_25k/s1"),
            ("video/s1", "audio_25k/s1"),
            ("s1/video/mpg_vcd", "s1/audio"),
            ("s1/video/mpg_6000", "audio/s1"),
        ] {
            let root = tree(&[
                &format!("{video}/bbaf2n.mpg"),
                &format!("{video}/bbaf4p.mpg"),
                &format!("{video}/notes.mpg"),
                &format!("{sound}/bbaf2n.wav"),
                &format!("{sound}/lgbs6a.wav"),
                "alignments/s1/bbaf2n.align",
            ]);
            let plan = plan(root.path(), None).unwrap();
            assert_eq!(plan.layout.name, "grid", "{video}");
            assert_eq!(ids(&plan), ["grid-s1.bbaf2n", "grid-s1.bbaf4p"], "{video}");
            let first = clip(&plan, "grid-s1.bbaf2n");
            assert_eq!(first.sound, Media::whole(root.path().join(sound).join("bbaf2n.wav")));
            let file = root.path().join(video).join("bbaf2n.mpg");
            assert_eq!(first.face, FaceSource::Video { media: Media::whole(file), at: None });
            let other = root.path().join(video).join("bbaf4p.mpg");
            assert_eq!(clip(&plan, "grid-s1.bbaf4p").sound, Media::whole(other));
            assert_eq!(absent(&plan), ["grid-s1.lgbs6a: no video"], "{video}");
            assert_eq!(plan.people["grid-s1"].sex, None);
        }
    }

    #[test]
    fn every_published_clip_of_the_example_is_a_sentence() {
        let Some(grid) = data("data/videos/grid") else { return };
        let mut clips = 0;
        for entry in std::fs::read_dir(&grid).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some((talker, clip)) = name.split_once('_') {
                let (stem, extension) = names::split_extension(clip);
                assert!(is_talker(talker) && is_sentence(stem) && extension == "mpg", "{name}");
                clips += 1;
            }
        }
        assert_eq!(clips, 83);
    }
}
