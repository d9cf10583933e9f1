//! What a corpus contains and lacks, and how much disk its pairs will take: computed from its
//! [`Plan`] alone, before any recording is opened.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use s2f_core::Sex;
use s2f_pairs::Split;
use serde::Serialize;

use crate::plan::{Media, Plan, UnpairedCounts};

/// Maximum length of the voice of a pair, s: the default of `prepare`.
pub const PAIR_S: f64 = 10.0;
/// Bytes per second of voice: FLAC of 16 bit at 16 kHz, about half of the 32 kB of the samples.
pub const VOICE_BYTES_PER_S: f64 = 17_000.0;
/// Bytes of a face: JPEG of 224 × 224 pixels.
pub const FACE_BYTES: f64 = 19_000.0;
/// Bytes of a feature: 256 dimensions of 4 bytes, as of the default encoder.
pub const FEATURE_BYTES: f64 = 1024.0;

/// Number of examples of each kind of missing thing.
const EXAMPLES: usize = 3;

/// What a corpus contains and lacks; displays as a table, and serialises for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorpusCheck {
    /// Name of its layout, for example `voxceleb1`.
    pub layout: &'static str,
    /// Name of its layout in text, for example `VoxCeleb1`.
    #[serde(skip)]
    pub layout_title: &'static str,
    /// Its folder.
    pub root: PathBuf,
    /// The people.
    pub people: PeopleCounts,
    /// Number of clips that can be prepared.
    pub clips: usize,
    /// Number of videos or sessions that they come from.
    pub videos: usize,
    /// Number of clips in the test set that the corpus prescribes.
    pub test_clips: usize,
    /// How many voices and faces there are, if they belong to different people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaired: Option<UnpairedCounts>,
    /// What is named but missing, the most frequent kind first.
    pub absent: Vec<AbsentKind>,
    /// The licence that the corpus states.
    pub licence: String,
    /// What `prepare` does with it.
    pub treatment: &'static str,
    /// Upper bounds of the result.
    pub estimate: Estimate,
}

/// Numbers of people in a corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PeopleCounts {
    /// In tables and folders.
    pub named: usize,
    /// With a clip or, if voices and faces belong to different people, with a portrait or a
    /// recording. All counts below are of these people only.
    pub present: usize,
    /// Stated to be female.
    pub female: usize,
    /// Stated to be male.
    pub male: usize,
    /// Sex not stated.
    pub sex_not_stated: usize,
    /// Age stated.
    pub with_age: usize,
    /// Language stated.
    pub with_language: usize,
}

/// One kind of missing thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AbsentKind {
    /// What is missing.
    pub missing: String,
    /// How often.
    pub count: usize,
    /// The first few names.
    pub examples: Vec<String>,
}

/// Size of the pairs. Nothing was opened, so these are upper bounds: clips without speech or a face
/// give no pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Maximum number of pairs; `None` if a clip may give several and its length is unknown.
    pub pairs_at_most: Option<usize>,
    /// Seconds of sound in the clips, if tables state them.
    pub clip_seconds: Option<f64>,
    /// Bytes of the pairs, with a voice of [`PAIR_S`] if its length is not stated.
    pub bytes_at_most: Option<u64>,
    /// Bytes of the pairs from an hour of speech, in segments of [`PAIR_S`].
    pub bytes_per_hour: u64,
}

/// Summarises a plan.
pub fn check(plan: &Plan) -> CorpusCheck {
    let videos: BTreeSet<_> =
        plan.clips.iter().map(|clip| (&clip.speaker_id, &clip.source)).collect();
    CorpusCheck {
        layout: plan.layout.name,
        layout_title: plan.layout.title,
        root: plan.root.clone(),
        people: people(plan),
        clips: plan.clips.len(),
        videos: videos.len(),
        test_clips: plan.clips.iter().filter(|clip| clip.split == Some(Split::Test)).count(),
        unpaired: plan.unpaired,
        absent: absent(plan),
        licence: plan.licence.clone(),
        treatment: plan.layout.treatment,
        estimate: estimate(plan),
    }
}

fn people(plan: &Plan) -> PeopleCounts {
    let present: BTreeSet<&str> = match plan.unpaired {
        Some(_) => plan.people.keys().map(String::as_str).collect(),
        None => plan.clips.iter().map(|clip| clip.speaker_id.as_str()).collect(),
    };
    let mut people = PeopleCounts {
        named: plan.people.len(),
        present: present.len(),
        ..PeopleCounts::default()
    };
    for person in present.iter().filter_map(|&speaker| plan.people.get(speaker)) {
        match person.sex {
            Some(Sex::Female) => people.female += 1,
            Some(Sex::Male) => people.male += 1,
            None => people.sex_not_stated += 1,
        }
        people.with_age += usize::from(person.age.is_some());
        people.with_language += usize::from(person.language.is_some());
    }
    people
}

fn absent(plan: &Plan) -> Vec<AbsentKind> {
    let mut kinds: BTreeMap<&str, AbsentKind> = BTreeMap::new();
    for absent in &plan.absent {
        let (kind, detail) = absent.missing.split_once(": ").unwrap_or((&absent.missing, ""));
        let entry = kinds.entry(kind).or_insert_with(|| AbsentKind {
            missing: kind.to_owned(),
            count: 0,
            examples: Vec::new(),
        });
        entry.count += 1;
        if entry.examples.len() < EXAMPLES {
            entry.examples.push(match detail {
                "" => absent.pair_id.clone(),
                _ => format!("{} ({detail})", absent.pair_id),
            });
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    kinds
}

fn estimate(plan: &Plan) -> Estimate {
    let bytes = |seconds: f64| seconds * VOICE_BYTES_PER_S + FACE_BYTES + FEATURE_BYTES;
    let seconds = |media: &Media| Some(media.end_s? - media.start_s);
    let lengths = || plan.clips.iter().map(|clip| seconds(&clip.sound));
    // A clip that is cut into segments gives as many pairs as its length allows.
    let counted = !plan.layout.cuts_into_segments;
    let total: f64 = lengths().map(|length| bytes(length.unwrap_or(PAIR_S).min(PAIR_S))).sum();
    Estimate {
        pairs_at_most: counted.then_some(plan.clips.len()),
        clip_seconds: lengths().sum::<Option<f64>>().filter(|_| !plan.clips.is_empty()),
        bytes_at_most: counted.then_some(total as u64),
        bytes_per_hour: (3600.0 / PAIR_S * bytes(PAIR_S)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use s2f_testing::data;

    use super::*;
    use crate::layout::{LAYOUTS, plan};
    use crate::plan::{Absent, Clip, FaceSource, Person};
    use crate::tests::unpaired_example;

    pub(super) fn media(start_s: f64, end_s: Option<f64>) -> Media {
        Media { file: "a.mp4".into(), start_s, end_s }
    }

    pub(super) fn corpus(
        layout: &str,
        clips: &[(&str, &str, Media)],
        absent: &[(&str, &str)],
    ) -> Plan {
        let clips: Vec<_> = clips
            .iter()
            .enumerate()
            .map(|(i, (speaker, source, sound))| Clip {
                pair_id: format!("{i:02}"),
                speaker_id: (*speaker).to_owned(),
                source: (*source).to_owned(),
                sound: sound.clone(),
                face: FaceSource::Video { media: sound.clone(), at: None },
                split: None,
            })
            .collect();
        let absent = absent
            .iter()
            .map(|(pair_id, missing)| Absent {
                pair_id: (*pair_id).to_owned(),
                speaker_id: String::new(),
                source: String::new(),
                missing: (*missing).to_owned(),
            })
            .collect();
        let person = |sex| Person { sex, ..Person::default() };
        let people =
            [("a", person(Some(Sex::Female))), ("b", person(None)), ("c", person(Some(Sex::Male)))];
        let people = people.map(|(name, person)| (name.to_owned(), person)).into();
        let layout = LAYOUTS.into_iter().find(|it| it.name() == layout).unwrap().properties;
        let (root, licence) = ("corpus".into(), "CC0".to_owned());
        Plan { layout, root, clips, absent, people, unpaired: None, licence }
    }

    #[test]
    fn people_clips_and_absences_are_counted() {
        let clip = |speaker, source| (speaker, source, media(0.0, None));
        let clips = [clip("a", "v"), clip("a", "v"), clip("a", "w"), clip("b", "v")];
        let absent = [
            ("1", "no sound"),
            ("2", "no video: x"),
            ("3", "no video: y"),
            ("4", "no video"),
            ("5", "no video"),
        ];
        let check = check(&corpus("voxceleb2", &clips, &absent));
        assert_eq!((check.clips, check.videos, check.test_clips), (4, 3, 0));
        let people = PeopleCounts {
            named: 3,
            present: 2,
            female: 1,
            sex_not_stated: 1,
            ..Default::default()
        };
        assert_eq!(check.people, people);
        assert_eq!(check.absent.len(), 2);
        let first = AbsentKind {
            missing: "no video".to_owned(),
            count: 4,
            examples: ["2 (x)", "3 (y)", "4"].map(str::to_owned).to_vec(),
        };
        assert_eq!(check.absent[0], first);
        assert_eq!(check.absent[1].count, 1);
    }

    #[test]
    fn the_estimate_is_the_size_of_the_pairs() {
        let pair = |seconds: f64| seconds * 17_000.0 + 20_024.0;
        let clips = [("a", "v", media(3.0, Some(9.0))), ("a", "w", media(0.0, Some(25.0)))];
        let known = check(&corpus("avspeech", &clips, &[])).estimate;
        assert_eq!((known.pairs_at_most, known.clip_seconds), (Some(2), Some(31.0)));
        assert_eq!(known.bytes_at_most, Some((pair(6.0) + pair(10.0)) as u64));
        let clips = [("a", "v", media(0.0, None)), ("a", "w", media(0.0, Some(1.0)))];
        let unknown = check(&corpus("voxceleb1", &clips, &[])).estimate;
        assert_eq!((unknown.pairs_at_most, unknown.clip_seconds), (Some(2), None));
        assert_eq!(unknown.bytes_at_most, Some((pair(10.0) + pair(1.0)) as u64));
        let videos = check(&corpus("folder", &clips, &[])).estimate;
        assert_eq!((videos.pairs_at_most, videos.bytes_at_most), (None, None));
        assert_eq!(videos.bytes_per_hour, (360.0 * pair(10.0)) as u64);
        let empty = check(&corpus("avspeech", &[], &[])).estimate;
        assert_eq!((empty.pairs_at_most, empty.clip_seconds), (Some(0), None));
    }

    #[test]
    fn the_examples_are_summarised() {
        let Some(root) = data("data/corpora/voxceleb1") else { return };
        let found = check(&plan(&root, None).unwrap());
        assert_eq!((found.people.named, found.people.present, found.people.female), (8, 7, 2));
        // Two of seven people, three clips each.
        assert_eq!((found.clips, found.videos, found.test_clips), (21, 14, 6));
        assert_eq!(found.absent[0].missing, "no sound and no faces");
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["layout"], "voxceleb1");
        assert_eq!(json["absent"][0]["examples"][0], "id90099 (Grid_Absent)");
        let Some(root) = data("data/corpora/avspeech") else { return };
        let found = check(&plan(&root, None).unwrap());
        // Its README: vidA is 6 s, vidB 3 s, for seven people.
        assert_eq!(found.estimate.clip_seconds, Some(63.0));
    }

    #[cfg(unix)]
    #[test]
    fn unpaired_tables_are_counted() {
        let Some(root) = unpaired_example() else { return };
        let found = check(&plan(root.path(), None).unwrap());
        let holds = UnpairedCounts { portraits: 139, recordings: 336 };
        assert_eq!(found.unpaired, Some(holds));
        assert!(found.to_string().contains("139 portraits, 336 recordings"));
    }
}
