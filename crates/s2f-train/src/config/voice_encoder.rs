//! `speech2face train voice-encoder`.

use std::path::PathBuf;

use s2f_nn::VoiceEncoderConfig;
use serde::{Deserialize, Serialize};

use super::Optimisation;
use crate::Watch;

/// An experiment with a voice encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceEncoderTraining {
    /// Name of the model that the run makes.
    pub name: String,
    /// Seed of weights, augmentation and batches.
    pub seed: u64,
    /// The frozen face decoder: a model folder, the name of the shipped model, or the run folder
    /// of `train face-decoder`.
    pub face_decoder: String,
    /// Weights to begin with; fresh ones without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// What it learns from.
    pub data: VoiceData,
    /// Which piece of a voice the network hears.
    pub clips: Clips,
    /// What is done to a recording before the network hears it.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// The network.
    pub network: VoiceEncoderConfig,
    /// Weights of the losses.
    pub losses: VoiceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
    /// How often the run looks at itself.
    #[serde(default)]
    pub watch: Watch,
}

/// Weights to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A model folder or the name of the shipped model, whose voice encoder has the shape of
    /// `network`.
    pub model: String,
    /// Leave the convolutions as they are, their normalisations included, and train the fully
    /// connected layers only: for some dozens of speakers.
    #[serde(default)]
    pub freeze_convolutions: bool,
}

/// What a voice encoder learns from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VoiceData {
    /// Voices with their own faces.
    Pairs(PairData),
    /// Voices of people whose faces are not known, which meet average faces of their sex.
    Recordings(RecordingData),
}

/// Voices with their own faces, as `corpus prepare` leaves them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairData {
    /// A folder of `pairs-*.parquet`, or one such file.
    pub path: PathBuf,
    /// Voices are kept in memory up to about this much, MiB; a larger corpus streams, and is
    /// shuffled within so much.
    #[serde(default = "memory_mib")]
    pub memory_mib: usize,
    /// Most pairs of the validation split that the scores are computed on.
    #[serde(default = "validation_pairs")]
    pub validation_pairs: usize,
}

fn memory_mib() -> usize {
    2048
}

fn validation_pairs() -> usize {
    1000
}

/// Recordings with the speaker's sex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingData {
    /// Where the folders are.
    pub root: PathBuf,
    /// Where the published networks are.
    pub models: PathBuf,
    /// Folders under the root with `speakers.csv` and the recordings that it names, to train on.
    pub folders: Vec<PathBuf>,
    /// The same, only to be tested on.
    pub test_folders: Vec<PathBuf>,
    /// Share of the speakers of `folders` that is held out for testing, 0 to 1.
    pub held_out: f64,
    /// YuNet, under `models`, which finds the generated faces for the next.
    pub face_detector: PathBuf,
    /// Manifest under `models` of the age and gender network of face-api.js, which reads the
    /// generated faces; it takes no part in training.
    pub sex_reader: PathBuf,
    /// Which faces a voice meets.
    pub pairing: Pairing,
}

/// Which faces a voice meets, where no recording of a face's own voice exists: an assumption, not
/// a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairing {
    /// How much a voice's place among voices of its sex (pitch and vocal-tract length) decides the
    /// place of the faces it meets among faces of that sex (male–female axis): 0 not at all, 1 all.
    pub strength: f64,
    /// How widely around that place faces are averaged, as a share of all faces of the sex.
    pub width: f64,
    /// Upper ends of the age bands, years; a voice of known age meets faces of its band.
    pub age_bands: Vec<f32>,
}

/// Which piece of a voice the network hears.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clips {
    /// Length, s; shorter voices are repeated.
    pub seconds: f64,
    /// Whether it begins anywhere in the voice, or at its start as in the paper.
    pub anywhere: bool,
    /// Pieces of a voice whose features are joined, as `network.pooling` says.
    #[serde(default = "one")]
    pub segments: usize,
}

fn one() -> usize {
    1
}

/// What is done to a recording before the network hears it. Ranges are uniform unless said. Without
/// it nothing is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Standard deviation of the logarithm of the speed, which moves pitch and formants together.
    /// Where a voice meets its own face, it has to stay 0: another pitch is another person.
    pub speed: f64,
    /// Standard deviation of a microphone's response, dB, at nine points of the spectrum.
    pub microphone_db: f64,
    /// Probability of a low-pass (2.5 to 8 kHz), and of a high-pass (50 to 350 Hz).
    pub band_limit: f64,
    /// Probability of a room (reverberation time 0.1 to 0.7 s).
    pub reverberation: f64,
    /// Probability of noise.
    pub noise: f64,
    /// Signal-to-noise ratio of that noise, dB, from and to.
    pub noise_db: [f64; 2],
    /// Probability of telephone coding (8-bit µ-law), and of overdriving.
    pub coding: f64,
}

/// Weights of the voice encoder's losses; a loss of weight 0 is not computed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoiceLosses {
    /// Mean absolute difference of the decoder's first layer.
    pub decoder: f64,
    /// Squared distance of the two features at unit length.
    pub direction: f64,
    /// Cross-entropy of what VGG-Face's last layer makes of both features, temperature 2.
    pub distillation: f64,
    /// InfoNCE between voices and faces over the batch, with a learned temperature.
    pub contrastive: f64,
    /// Mean absolute difference of the features: an ablation.
    pub feature: f64,
    /// Mean absolute difference of the decoded pictures: an ablation.
    pub pixel: f64,
    /// Pictures of a batch that the pixel loss draws; 0 is all.
    pub pixel_batch: usize,
    /// Weights of VGG-Face, which the distillation needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vgg_face: Option<PathBuf>,
    /// The step after which all weights are set so that each loss has as large a gradient with
    /// respect to the voice's feature as the first of them that has a weight: how the paper chose
    /// its own, at 1000. 0 leaves them as they are.
    pub balance_losses_at: usize,
}
