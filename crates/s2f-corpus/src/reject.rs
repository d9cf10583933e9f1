//! Why a clip gave no pair.

use serde::{Deserialize, Serialize};

/// A clip, or a piece of one, that gave no pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejected {
    /// As in [`crate::plan::Clip::pair_id`], with the piece's number where the clip was cut.
    pub pair_id: String,
    /// Who speaks.
    pub speaker_id: String,
    /// The video or session.
    pub source: String,
    /// The file at fault, relative to the corpus.
    pub file: String,
    /// The reason, one of a fixed list.
    pub reason: Reason,
    /// What exactly was seen, for a reader.
    pub detail: String,
}

/// The reasons, in the order in which a clip is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A table names it and there is no file.
    MissingFile,
    /// Not sound or video, or damaged.
    UnreadableFile,
    /// There is no sound track.
    NoSound,
    /// Digital silence.
    Silent,
    /// Less sound than is asked for.
    TooShort,
    /// Sound, but nobody speaks long enough.
    NoSpeech,
    /// There is no picture track, or no picture can be read.
    NoPicture,
    /// No frame shows a face.
    NoFace,
    /// Several faces, and nothing says which one speaks.
    SeveralFaces,
    /// Faces, but none where the corpus says that the speaker is.
    NoFaceAtPoint,
    /// The face is too small to be described.
    FaceTooSmall,
    /// The face is turned away in every frame.
    TurnedAway,
    /// The face is blurred in every frame.
    Blurred,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::MissingFile,
        Self::UnreadableFile,
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
    ];

    /// Its name in tables, as it is serialised.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingFile => "missing-file",
            Self::UnreadableFile => "unreadable-file",
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
        }
    }

    /// The reason of that [`Reason::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether all pieces of a file have this in common, so that one need not look further.
    pub fn is_of_the_file(self) -> bool {
        matches!(self, Self::MissingFile | Self::UnreadableFile | Self::NoSound | Self::NoPicture)
    }

    /// What it means, for a reader.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MissingFile => "a table names it and there is no file",
            Self::UnreadableFile => "not sound or video, or damaged",
            Self::NoSound => "no sound track",
            Self::Silent => "digital silence",
            Self::TooShort => "less sound than is asked for",
            Self::NoSpeech => "sound, but nobody speaks long enough",
            Self::NoPicture => "no picture track, or no picture can be read",
            Self::NoFace => "no frame shows a face",
            Self::SeveralFaces => "several faces, and nothing says which one speaks",
            Self::NoFaceAtPoint => "no face where the corpus says that the speaker is",
            Self::FaceTooSmall => "the face is too small",
            Self::TurnedAway => "the face is turned away in every frame",
            Self::Blurred => "the face is blurred in every frame",
        }
    }
}

/// What stops the work on a clip.
#[derive(Debug)]
pub enum Trouble {
    /// The clip itself: it is rejected and the work goes on.
    Reject {
        /// The reason.
        reason: Reason,
        /// What exactly was seen.
        detail: String,
    },
    /// The world around it (no space, no permission, a vanished folder): the work stops.
    Stop(crate::CorpusError),
}

impl Trouble {
    /// A clip that is rejected.
    pub fn reject(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Reject { reason, detail: detail.into() }
    }
}

impl From<s2f_core::FileError> for Trouble {
    fn from(error: s2f_core::FileError) -> Self {
        Self::Stop(error.into())
    }
}

impl From<crate::CorpusError> for Trouble {
    fn from(error: crate::CorpusError) -> Self {
        Self::Stop(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_called_as_they_are_serialised() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(Reason::from_name("no such reason"), None);
    }
}
