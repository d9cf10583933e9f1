//! AVSpeech (Ephrat et al., SIGGRAPH 2018): a list of segments of public videos, and the videos
//! that were downloaded.
//!
//! ```text
//! avspeech_train.csv, avspeech_test.csv   no header: id, start, end, x, y; also train.csv, …
//! anywhere/ID.mp4                         a whole video, which is cut from start to end
//! anywhere/ID_START_END.mp4               one segment; also ID_START-END.mp4, .mkv, .webm
//! ```
//!
//! Times are seconds in the whole video; x and y are the centre of the speaker's face in the first
//! frame of the segment, as fractions of width and height. Ids may begin with `-` or `_` and
//! contain both. Times in a file's name may have fewer decimals than in the list, truncated or
//! rounded.
//!
//! The list does not say who speaks, so each video counts as one speaker: people who appear in the
//! same video are never in different splits, but one person in two videos may be.

mod list;
mod videos;

use std::path::Path;

use list::{Segment, begins_with_segment, read_list};
use s2f_pairs::Split;
use videos::Videos;

use super::tree::{self, Tree, TreeFolder};
use super::{CorpusContents, Layout, names};
use crate::CorpusError;
use crate::plan::{Absent, Clip, FaceSource, LayoutProperties, Media, Person};

pub static LAYOUT: Layout = Layout {
    properties: LayoutProperties {
        name: "avspeech",
        title: "AVSpeech",
        treatment: "each line of the list becomes one voice (of its first 10 s), cut from its \
                    video at the stated times; the face is the best one (large, sharp, frontal) of \
                    the person at the stated point",
        default_licence: "CC BY 4.0 (AVSpeech list of segments); the videos belong to their owners",
        cuts_into_segments: false,
    },
    needs: "avspeech_train.csv, avspeech_test.csv, train.csv, test.csv or avspeech.csv, and videos \
            in any folder: ID.mp4 or ID_START_END.mp4",
    detected_by_table: true,
    detect: fits,
    read,
};

/// The lists and the split that each prescribes.
const LISTS: [(&str, Option<Split>); 5] = [
    ("avspeech_test.csv", Some(Split::Test)),
    ("avspeech_train.csv", Some(Split::Train)),
    ("avspeech.csv", None),
    // Names that a browser may give them: only if the first line is one of a list.
    ("test.csv", Some(Split::Test)),
    ("train.csv", Some(Split::Train)),
];

fn fits(root: &Path) -> Result<bool, CorpusError> {
    for (name, _) in LISTS {
        if is_list(root, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_list(root: &Path, name: &str) -> Result<bool, CorpusError> {
    let path = root.join(name);
    Ok(tree::is_file(&path)? && (name.starts_with("avspeech") || begins_with_segment(&path)?))
}

fn read(root: &Path) -> Result<CorpusContents, CorpusError> {
    let mut tree = Tree::default();
    let mut contents = CorpusContents::default();
    let videos = Videos::find(&mut tree, TreeFolder::root(root))?;
    let mut segments = Vec::new();
    for (name, split) in LISTS {
        let path = root.join(name);
        if is_list(root, name)? {
            read_list(&path, split, &mut segments, &mut contents.absent)?;
        }
    }
    segments.sort_unstable();
    // Some lines appear twice in the list.
    segments.dedup_by(|later, first| {
        let same = later.key() == first.key();
        if same {
            first.split = first.split.max(later.split);
        }
        same
    });
    for group in segments.chunk_by(|a, b| a.id == b.id) {
        // A video in both lists is in the test split: `None < Train < Test`.
        let split = group.iter().filter_map(|segment| segment.split).max();
        let files = videos.of(group);
        for (segment, media) in group.iter().zip(files) {
            match media {
                Some(media) => contents.clips.push(clip(segment, media, split)),
                None => contents.absent.push(Absent {
                    pair_id: pair_id(segment),
                    speaker_id: segment.id.clone(),
                    source: segment.id.clone(),
                    missing: "no video".to_owned(),
                }),
            }
        }
        contents.people.insert(group[0].id.clone(), Person::default());
    }
    contents.absent.extend(tree.into_absent(root));
    Ok(contents)
}

fn clip(segment: &Segment, media: Media, split: Option<Split>) -> Clip {
    Clip {
        pair_id: pair_id(segment),
        speaker_id: segment.id.clone(),
        source: segment.id.clone(),
        sound: media.clone(),
        face: FaceSource::Video { media, at: Some(segment.at()) },
        split,
    }
}

/// Several people may speak in one segment, so the point is part of the name.
fn pair_id(segment: &Segment) -> String {
    names::pair_id(&[
        // Many ids begin with a hyphen.
        &format!("av-{}", segment.id),
        &format!("{}-{}", segment.start_us, segment.end_us),
        &format!("{}-{}", segment.x_millionth, segment.y_millionth),
    ])
}

#[cfg(test)]
mod tests {
    use s2f_testing::data;

    use super::*;
    use crate::layout::plan;
    use crate::tests::{absent, clip, ids, tree, write};

    #[test]
    fn other_tables_named_train_are_not_lists() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "train.csv", "v,1,4,0.5,0.5\n");
        assert!(fits(root.path()).unwrap());
        write(root.path(), "train.csv", "name,label\nv,1\n");
        assert!(!fits(root.path()).unwrap());
    }

    #[test]
    fn the_example_is_read_line_by_line() {
        let Some(root) = data("data/corpora/avspeech") else { return };
        let plan = plan(&root, None).unwrap();
        assert_eq!(plan.layout.name, "avspeech");
        // Its README: 15 lines, 14 videos of one segment each.
        assert_eq!((plan.clips.len(), plan.people.len()), (14, 15));
        assert_eq!(plan.absent.len(), 1);
        assert_eq!(
            (plan.absent[0].source.as_str(), plan.absent[0].missing.as_str()),
            ("GRIDs99gone", "no video")
        );
        let first = clip(&plan, "av-GRIDs01vidA.10000000-16000000.430339-578794");
        let file = root.join("videos/GRIDs01vidA_10.000000_16.000000.mp4");
        assert_eq!(first.sound, Media { file, start_s: 0.0, end_s: Some(6.0) });
        let FaceSource::Video { media, at } = &first.face else { panic!("{first:?}") };
        assert_eq!((media, *at), (&first.sound, Some([0.430339, 0.578794])));
        assert_eq!((first.speaker_id.as_str(), first.split), ("GRIDs01vidA", None));
    }

    /// The file, start and end of the first line, as found among these files.
    #[track_caller]
    fn check(list: &str, files: &[&str], expected: Option<(&str, f64, f64)>) {
        let root = tree(files);
        write(root.path(), "avspeech.csv", list);
        let plan = plan(root.path(), None).unwrap();
        let start = list.split(',').nth(1).unwrap().parse::<f64>().unwrap();
        let point = list.lines().next().unwrap().split(',').nth(3).unwrap().parse::<f64>().unwrap();
        let id = format!("{}-", (start * 1e6).round());
        let point = format!(".{}-", (point * 1e6).round());
        let found =
            plan.clips.iter().find(|it| it.pair_id.contains(&id) && it.pair_id.contains(&point));
        let found = found.map(|clip| {
            let file = clip.sound.file.strip_prefix(root.path()).unwrap().display().to_string();
            (file, clip.sound.start_s, clip.sound.end_s.unwrap())
        });
        let expected = expected.map(|(file, start, end)| (file.to_owned(), start, end));
        assert_eq!(found, expected, "{list:?} {files:?}");
    }

    #[test]
    fn files_are_found_by_all_usual_names() {
        let line = "-a_B-c_dEf1,36.169466,43.209833,0.5,0.5\n";
        let length = 7.040367;
        for name in [
            "-a_B-c_dEf1_36.169466_43.209833.mp4",
            "videos/deep/er/-a_B-c_dEf1_36.169466_43.209833.MP4",
            "-a_B-c_dEf1_36.169466-43.209833.mkv",
            "-a_B-c_dEf1_036.169466-043.209833.mp4",
            "-a_B-c_dEf1_36.169_43.210.webm",
            "-a_B-c_dEf1_36.16_43.20.mp4",
            "-a_B-c_dEf1_36.17_43.21.mp4",
            "-a_B-c_dEf1_36_43.mp4",
            "-a_B-c_dEf1_36.2_43.2.mp4",
        ] {
            check(line, &[name], Some((name, 0.0, length)));
        }
        let whole = "x/-a_B-c_dEf1.mp4";
        check(line, &[whole], Some((whole, 36.169466, 43.209833)));
        for name in [
            "-a_B-c_dEf1_36.169466_44.209833.mp4",
            "-a_B-c_dEf1_37.169466_43.209833.mp4",
            "-a_B-c_dEf1_36.18_43.21.mp4",
            "-a_B-c_dEf1_36.169466.mp4",
            "-a_b-c_dEf1_36.169466_43.209833.mp4",
            "a_B-c_dEf1.mp4",
            "-a_B-c_dEf1.mp4.part",
            "-a_B-c_dEf1.wav",
            "._-a_B-c_dEf1.mp4",
        ] {
            check(line, &[name], None);
        }
        // A segment before a whole video, an exact name before a rounded one, mp4 before webm.
        let segment = "z/-a_B-c_dEf1_36.169466_43.209833.mp4";
        check(line, &[whole, segment], Some((segment, 0.0, length)));
        check(line, &["-a_B-c_dEf1_36_43.mp4", segment], Some((segment, 0.0, length)));
        check(line, &["a/-a_B-c_dEf1.webm", whole], Some((whole, 36.169466, 43.209833)));
        check(
            line,
            &["x/-a_B-c_dEf1.mp4", "y/-a_B-c_dEf1.mp4"],
            Some((whole, 36.169466, 43.209833)),
        );
    }

    #[test]
    fn an_id_that_looks_like_times_is_an_id() {
        check("ab_1_2,3,6,0.5,0.5\n", &["ab_1_2.mp4"], Some(("ab_1_2.mp4", 3.0, 6.0)));
        check("ab_1_2,3,6,0.5,0.5\n", &["ab_1_2_3_6.mp4"], Some(("ab_1_2_3_6.mp4", 0.0, 3.0)));
        check("ab-1,3,6,0.5,0.5\n", &["ab-1_3-6.mp4"], Some(("ab-1_3-6.mp4", 0.0, 3.0)));
        check(
            "____-------,3,6,0.5,0.5\n",
            &["____-------_3_6.mp4"],
            Some(("____-------_3_6.mp4", 0.0, 3.0)),
        );
    }

    #[test]
    fn a_rounded_name_is_matched_with_the_nearest_segment() {
        let list = "v,36.9,43.1,0.5,0.5\nv,36.1,43.2,0.5,0.5\n";
        check(list, &["v_36_43.mp4"], None);
        let list = "v,36.1,43.2,0.5,0.5\nv,36.9,43.1,0.5,0.5\n";
        check(list, &["v_36_43.mp4"], Some(("v_36_43.mp4", 0.0, 7.1)));
    }

    #[test]
    fn several_segments_and_people_of_a_video_stay_distinct() {
        let root = tree(&["v.mp4", "v_20_23.mp4"]);
        let list = "v,10,16,0.2,0.5\nv,10,16,0.8,0.5\nv,20,23,0.5,0.5\nv,10,16,0.2,0.5\n\
                    v,10.0,16.000,0.200000,0.5\n";
        write(root.path(), "avspeech_train.csv", list);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(
            ids(&plan),
            [
                "av-v.10000000-16000000.200000-500000",
                "av-v.10000000-16000000.800000-500000",
                "av-v.20000000-23000000.500000-500000"
            ]
        );
        assert!(plan.clips.iter().all(|clip| clip.speaker_id == "v"));
        assert_eq!(plan.clips[2].sound.file, root.path().join("v_20_23.mp4"));
        assert!(plan.absent.is_empty());
    }

    #[test]
    fn a_video_with_one_test_segment_is_in_the_test_split() {
        let root = tree(&["v.mp4", "w.mp4"]);
        write(root.path(), "avspeech_train.csv", "v,1,4,0.5,0.5\nv,5,8,0.5,0.5\nw,1,4,0.5,0.5\n");
        write(root.path(), "avspeech_test.csv", "v,1,4,0.5,0.5\n");
        let plan = plan(root.path(), None).unwrap();
        let splits: Vec<_> =
            plan.clips.iter().map(|clip| (clip.speaker_id.as_str(), clip.split)).collect();
        assert_eq!(
            splits,
            [("v", Some(Split::Test)), ("v", Some(Split::Test)), ("w", Some(Split::Train))]
        );
    }

    #[test]
    fn bad_lines_are_named_with_their_number() {
        let root = tree(&["v.mp4"]);
        let list = "id,start,end,x,y\nv,1,4,0.5,0.5\n\nv,1,4,0.5\nv,one,4,0.5,0.5\nv,4,1,0.5,0.5\n\
                    v,-1,4,0.5,0.5\nv,1,inf,0.5,0.5\nv,1,4,1.5,0.5\nv,1,4,0.5,NaN\n,1,4,0.5,0.5\n \
                    v , 5.0 , 8.0 , 0.5 , 0.5 \n";
        write(root.path(), "avspeech.csv", list);
        let plan = plan(root.path(), None).unwrap();
        assert_eq!(plan.clips.len(), 2);
        let found: Vec<_> = plan.absent.iter().map(|it| it.missing.as_str()).collect();
        assert_eq!(
            found,
            [
                "line cannot be read: avspeech.csv, line 10: y is \"NaN\"",
                "line cannot be read: avspeech.csv, line 11: no id",
                "line cannot be read: avspeech.csv, line 4: 4 cells",
                "line cannot be read: avspeech.csv, line 5: start is \"one\"",
                "line cannot be read: avspeech.csv, line 6: end is not after start",
                "line cannot be read: avspeech.csv, line 7: start is \"-1\"",
                "line cannot be read: avspeech.csv, line 8: end is \"inf\"",
                "line cannot be read: avspeech.csv, line 9: x is \"1.5\"",
            ]
        );
        assert!(absent(&plan)[0].starts_with("avspeech_csv~"), "{:?}", absent(&plan));
    }

    #[test]
    fn a_list_without_a_good_line_is_an_error() {
        let root = tree(&[]);
        write(root.path(), "avspeech.csv", "<html>\n<body>\n");
        let message = plan(root.path(), None).unwrap_err().to_string();
        for word in ["avspeech.csv", "the first is 1", "1 cell"] {
            assert!(message.contains(word), "{message}");
        }
        write(root.path(), "avspeech.csv", "");
        assert!(plan(root.path(), None).unwrap().clips.is_empty());
    }
}
