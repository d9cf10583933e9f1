//! One pair: a voice, the face that belongs to it, and what the corpus states.

use s2f_core::Sex;

use crate::Split;

/// A voice and the face to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Unique in the corpus.
    pub pair_id: String,
    /// Who speaks.
    pub speaker_id: String,
    /// The video or session.
    pub source: String,
    /// What the pair is for.
    pub split: Split,
    /// The voice: FLAC, 16 kHz, mono, 16 bit.
    pub audio: Vec<u8>,
    /// Its length, s.
    pub seconds: f32,
    /// The aligned face: JPEG, 224 pixels square.
    pub face: Vec<u8>,
    /// The five points of the face in that picture, pixels.
    pub face_points: [[f32; 2]; 5],
    /// The face encoder's feature of that picture.
    pub feature: Vec<f32>,
    /// Name of the face space of `feature`; one a file.
    pub face_space: String,
    /// Sex, where the corpus states it.
    pub gender: Option<Sex>,
    /// Age in years, where the corpus states it.
    pub age: Option<f32>,
    /// Language spoken, where the corpus states it.
    pub language: Option<String>,
    /// Licence of voice and face, as the corpus states it.
    pub licence: String,
    /// SHA-256 of the bytes in `audio`, hexadecimal.
    pub audio_sha256: String,
    /// SHA-256 of the bytes in `face`, hexadecimal.
    pub face_sha256: String,
}

/// What is said of a pair, without the voice, the face and the feature themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct PairInfo {
    /// As in [`Pair::pair_id`].
    pub pair_id: String,
    /// As in [`Pair::speaker_id`].
    pub speaker_id: String,
    /// As in [`Pair::source`].
    pub source: String,
    /// As in [`Pair::split`].
    pub split: Split,
    /// As in [`Pair::seconds`].
    pub seconds: f32,
    /// As in [`Pair::gender`].
    pub gender: Option<Sex>,
    /// As in [`Pair::age`].
    pub age: Option<f32>,
    /// As in [`Pair::language`].
    pub language: Option<String>,
    /// As in [`Pair::licence`].
    pub licence: String,
    /// As in [`Pair::audio_sha256`].
    pub audio_sha256: String,
    /// As in [`Pair::face_sha256`].
    pub face_sha256: String,
}
