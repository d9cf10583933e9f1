//! Why a clip gave no pair.

use s2f_core::FileError;
use serde::{Deserialize, Serialize};

use crate::CorpusError;

/// A clip, or a segment of one, that gave no pair: a row of `rejected.csv`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejected {
    /// As [`crate::plan::Clip::pair_id`], with the number of the segment if the clip was cut.
    pub pair_id: String,
    /// The speaker.
    pub speaker_id: String,
    /// The video or session.
    pub source: String,
    /// The file of the sound, relative to the corpus.
    pub file: String,
    /// The reason.
    pub reason: Reason,
    /// What was measured or found, for people.
    pub detail: String,
}

/// The reasons, in the order in which a clip is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A file is missing (see the layout, or `media`).
    MissingFile,
    /// The file is not sound or video, or it is damaged (see `media`).
    UnreadableFile,
    /// Too much of the sound or of the video cannot be decoded (see `media`).
    Damaged,
    /// The file has no sound track (see `media`).
    NoSound,
    /// The sound is silent (see `media`).
    Silent,
    /// The sound is shorter than required (see `media` and `prepare`).
    TooShort,
    /// The sound has less speech than required (see `prepare`).
    NoSpeech,
    /// The file has no video track, or no picture can be read (see `media` and `prepare`).
    NoPicture,
    /// No frame shows a face (see `choose`).
    NoFace,
    /// Several faces of similar size, and it is unknown who speaks (see `choose`).
    SeveralFaces,
    /// No face where the corpus says that the speaker is (see `choose`).
    NoFaceAtPoint,
    /// The face is too small in every frame (see [`crate::choose::FaceRules::min_side_px`]).
    FaceTooSmall,
    /// The face is turned away in every frame (see [`crate::choose::FaceRules::max_turn_deg`]).
    TurnedAway,
    /// The face is blurred in every frame (see [`crate::choose::FaceRules::min_sharpness`]).
    Blurred,
    /// The face encoder gives no usable feature for the face (see `prepare`).
    BadFeature,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::MissingFile,
        Self::UnreadableFile,
        Self::Damaged,
        Self::NoSound,
        Self::Silent,
        Self::TooShort,
        Self::NoSpeech,
        Self::NoPicture,
        Self::NoFace,
        Self::SeveralFaces,
        Self::NoFaceAtPoint,
        Self::FaceTooSmall,
        Self::TurnedAway,
        Self::Blurred,
        Self::BadFeature,
    ];

    /// Its name in tables, as it is serialised.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingFile => "missing-file",
            Self::UnreadableFile => "unreadable-file",
            Self::Damaged => "damaged",
            Self::NoSound => "no-sound",
            Self::Silent => "silent",
            Self::TooShort => "too-short",
            Self::NoSpeech => "no-speech",
            Self::NoPicture => "no-picture",
            Self::NoFace => "no-face",
            Self::SeveralFaces => "several-faces",
            Self::NoFaceAtPoint => "no-face-at-point",
            Self::FaceTooSmall => "face-too-small",
            Self::TurnedAway => "turned-away",
            Self::Blurred => "blurred",
            Self::BadFeature => "bad-feature",
        }
    }

    /// The reason with that [`Reason::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether it holds for all segments of a file, so that the rest of them can be skipped.
    pub fn applies_to_whole_file(self) -> bool {
        matches!(self, Self::MissingFile | Self::UnreadableFile | Self::NoSound | Self::NoPicture)
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MissingFile => "a file is missing",
            Self::UnreadableFile => "not sound or video, or damaged",
            Self::Damaged => "too much of the sound or of the video is damaged",
            Self::NoSound => "no sound track",
            Self::Silent => "silent",
            Self::TooShort => "the sound is too short",
            Self::NoSpeech => "too little speech",
            Self::NoPicture => "no video track, or no picture can be read",
            Self::NoFace => "no frame shows a face",
            Self::SeveralFaces => "several faces, and it is unknown who speaks",
            Self::NoFaceAtPoint => "no face where the corpus says that the speaker is",
            Self::FaceTooSmall => "the face is too small in every frame",
            Self::TurnedAway => "the face is turned away in every frame",
            Self::Blurred => "the face is blurred in every frame",
            Self::BadFeature => "the face encoder gives no usable feature",
        }
    }
}

/// Why a clip gives no pair.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClipError {
    /// The clip itself is the cause: it is rejected and the run continues.
    Rejected {
        /// The reason.
        reason: Reason,
        /// What was measured or found.
        detail: String,
    },
    /// Something else is the cause (no space, no permission, a missing folder): the run stops.
    Stop(CorpusError),
}

impl ClipError {
    /// The rejection of a clip.
    pub fn reject(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Rejected { reason, detail: detail.into() }
    }
}

impl From<FileError> for ClipError {
    fn from(error: FileError) -> Self {
        Self::Stop(error.into())
    }
}

impl From<CorpusError> for ClipError {
    fn from(error: CorpusError) -> Self {
        Self::Stop(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reasons_are_those_in_files() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(Reason::from_name("no such reason"), None);
    }
}
