//! What a corpus holds, as its names and tables say: nothing of it was opened yet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::layout::Layout;
use s2f_core::Sex;
use s2f_pairs::{Shares, Split, SplitTable};

/// A corpus as names and tables alone tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its layout.
    pub layout: Layout,
    /// Its folder.
    pub root: PathBuf,
    /// Every clip with a file for its sound and files for its face, by `pair_id`, which is unique.
    pub clips: Vec<Clip>,
    /// What the tables or the folders name and lack files for, by `pair_id`.
    pub absent: Vec<Absent>,
    /// The people by `speaker_id`; every clip's speaker is here.
    pub people: BTreeMap<String, Person>,
    /// The licence of the data, as the corpus states it; the default of its layout otherwise.
    pub licence: String,
}

impl Plan {
    /// Assigns every speaker to a split, see [`SplitTable::assign`].
    pub fn assign_splits(&self, shares: &Shares, seed: u64) -> SplitTable {
        let speakers = self.clips.iter().map(|clip| (clip.speaker_id.clone(), clip.split));
        SplitTable::assign(speakers, shares, seed)
    }
}

/// A stretch of one person's speech and where the face to it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Unique in the corpus, stable between runs; speaker, video and time are part of it.
    pub pair_id: String,
    /// Who speaks; clips of one speaker never lie in two splits.
    pub speaker_id: String,
    /// The video or session that it was cut from.
    pub source: String,
    /// The sound.
    pub sound: Media,
    /// Where the face is to be found.
    pub face: FaceSource,
    /// The split that the corpus itself prescribes.
    pub split: Option<Split>,
}

/// A file, or a stretch of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// The file.
    pub file: PathBuf,
    /// Where the stretch begins, s.
    pub start_s: f64,
    /// Where it ends, s; none for the end of the file, however far that is.
    pub end_s: Option<f64>,
}

/// Where the face that belongs to a voice is found.
#[derive(Debug, Clone, PartialEq)]
pub enum FaceSource {
    /// In the frames of a video.
    Video {
        /// The video, at the time of the sound.
        media: Media,
        /// Middle of the speaker's face in the first frame as a share of width and height, where
        /// the corpus states it; without it there must be one face only.
        at: Option<[f32; 2]>,
    },
    /// In pictures, at least one, of this person alone.
    /// Shared between the clips of a video: with a list each, VoxCeleb1 would not fit in memory.
    Pictures(Arc<[PathBuf]>),
}

/// What the corpus states of a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Person {
    /// Sex.
    pub sex: Option<Sex>,
    /// Age in years.
    pub age: Option<f32>,
    /// Language spoken.
    pub language: Option<String>,
}

/// A clip that a table or a folder promises and that cannot be used for want of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Absent {
    /// As in [`Clip::pair_id`].
    pub pair_id: String,
    /// As in [`Clip::speaker_id`].
    pub speaker_id: String,
    /// As in [`Clip::source`].
    pub source: String,
    /// What is missing, for example `no video` or `no faces: Grid_Absent`: the kind, and after a
    /// colon what it is about.
    pub missing: String,
}
