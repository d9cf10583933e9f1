//! What a corpus contains according to its file names and tables; no recording has been opened yet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use s2f_core::Sex;
use s2f_pairs::{Shares, Split, SplitTable};
use serde::Serialize;

/// A corpus as described by its file names and tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The properties of its layout.
    pub layout: LayoutProperties,
    /// Its folder.
    pub root: PathBuf,
    /// Every clip with a file for its sound and files for its face, sorted by `pair_id`, which is
    /// unique.
    pub clips: Vec<Clip>,
    /// What tables or folders name without the files for it, sorted by `pair_id`.
    pub absent: Vec<Absent>,
    /// The people by `speaker_id`; includes the speaker of every clip.
    pub people: BTreeMap<String, Person>,
    /// If voices and faces belong to different people, so that there are no pairs: how many there
    /// are of each.
    pub unpaired: Option<UnpairedCounts>,
    /// The licence of the data as stated in the corpus, otherwise the default of its layout.
    pub licence: String,
}

impl Plan {
    /// Assigns every speaker to a split, see [`SplitTable::assign`].
    pub fn assign_splits(&self, shares: &Shares, seed: u64) -> SplitTable {
        let speakers = self.clips.iter().map(|clip| (clip.speaker_id.clone(), clip.split));
        SplitTable::assign(speakers, shares, seed)
    }
}

/// The properties of a layout that checking and preparing a corpus depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutProperties {
    /// Its name on the command line and in files, for example `voxceleb1`.
    pub name: &'static str,
    /// Its name in text, for example `VoxCeleb1`.
    pub title: &'static str,
    /// What `prepare` does with a corpus: what becomes a voice, where its face comes from, and
    /// which face is chosen.
    pub treatment: &'static str,
    /// The licence of a corpus that does not state one in a file.
    pub default_licence: &'static str,
    /// Whether a clip is a whole recording of any length, which `prepare` cuts into segments;
    /// otherwise every clip gives at most one pair.
    pub cuts_into_segments: bool,
}

/// A segment of one person's speech and where the matching face is.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Unique in the corpus and the same in every run; contains speaker, video and time.
    pub pair_id: String,
    /// The speaker; all clips of a speaker are in one split.
    pub speaker_id: String,
    /// The video or session that the clip comes from.
    pub source: String,
    /// The sound.
    pub sound: Media,
    /// Where to find the face.
    pub face: FaceSource,
    /// The split that the corpus prescribes.
    pub split: Option<Split>,
}

/// A file, or a segment of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// The file.
    pub file: PathBuf,
    /// Start of the segment, s.
    pub start_s: f64,
    /// End of the segment, s; `None` for the end of the file.
    pub end_s: Option<f64>,
}

impl Media {
    /// A whole file.
    pub fn whole(file: PathBuf) -> Self {
        Self { file, start_s: 0.0, end_s: None }
    }
}

/// Where to find the face that belongs to a voice.
#[derive(Debug, Clone, PartialEq)]
pub enum FaceSource {
    /// In the frames of a video.
    Video {
        /// The video, at the time of the sound.
        media: Media,
        /// Centre of the speaker's face in the first frame, as fractions of width and height, if
        /// the corpus states it; otherwise the video must show only one person.
        at: Option<[f32; 2]>,
    },
    /// In at least one picture of this person alone.
    /// Clips of a video share the list: with one list each, VoxCeleb1 would not fit in memory.
    Pictures(Arc<[PathBuf]>),
}

/// What the corpus states about a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Person {
    /// Sex.
    pub sex: Option<Sex>,
    /// Age in years.
    pub age: Option<f32>,
    /// Language spoken.
    pub language: Option<String>,
}

/// Something that a table or a folder names and that cannot be used because a file is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Absent {
    /// As [`Clip::pair_id`].
    pub pair_id: String,
    /// As [`Clip::speaker_id`].
    pub speaker_id: String,
    /// As [`Clip::source`].
    pub source: String,
    /// What is missing, for example `no video` or `no faces: Grid_Absent`: the kind, and after a
    /// colon what it refers to.
    pub missing: String,
}

/// Sizes of a corpus in which voices and faces belong to different people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnpairedCounts {
    /// Photographs with landmarks.
    pub portraits: usize,
    /// Recordings of voices.
    pub recordings: usize,
}
