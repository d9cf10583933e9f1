//! One pair: a voice, the face that belongs to it, and what the corpus states about both.

use s2f_core::Sex;

use crate::Split;

/// A voice and the face of its speaker.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Everything but the voice, the face and the feature.
    pub info: PairInfo,
    /// The voice: FLAC, 16 kHz, mono, 16 bit.
    pub audio: Vec<u8>,
    /// The aligned face: JPEG, 224 pixels square.
    pub face: Vec<u8>,
    /// Eyes, nose and corners of the mouth in that picture, pixels.
    pub face_points: [[f32; 2]; 5],
    /// The face encoder's feature of that picture.
    pub feature: Vec<f32>,
    /// Name of the face space of `feature`; the same for all pairs of a file.
    pub face_space: String,
}

/// What is known about a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct PairInfo {
    /// Name of the pair, unique in the corpus.
    pub pair_id: String,
    /// Name of the speaker.
    pub speaker_id: String,
    /// The video or session.
    pub source: String,
    /// Whether the pair is for training, validation or the test.
    pub split: Split,
    /// Length of the voice, s.
    pub seconds: f32,
    /// Sex of the speaker, if the corpus states it. The column is called `gender`.
    pub sex: Option<Sex>,
    /// Age in years, if the corpus states it.
    pub age: Option<f32>,
    /// Language spoken, if the corpus states it.
    pub language: Option<String>,
    /// Licence of voice and face, as the corpus states it.
    pub licence: String,
    /// SHA-256 of the bytes of the voice, hexadecimal. Empty before a pair is written:
    /// [`PairWriter`](crate::PairWriter) computes it.
    pub audio_sha256: String,
    /// SHA-256 of the bytes of the face, likewise.
    pub face_sha256: String,
}
