//! The configuration of `speech2face train voice-encoder`.

use std::path::PathBuf;

use s2f_nn::VoiceEncoderConfig;
use s2f_registry::NetworkSource;
use serde::{Deserialize, Serialize};

use super::{Optimisation, Watch};

/// The configuration of a voice encoder's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceEncoderTraining {
    /// Name of the trained model.
    pub name: String,
    /// Random seed of weights, augmentation and batches.
    pub seed: u64,
    /// The frozen face decoder: a model folder, the name of the shipped model, or the run folder
    /// of `train face-decoder`.
    pub face_decoder: String,
    /// Initial weights; random if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Training data.
    pub data: VoiceData,
    /// The clips that are cut from a voice.
    pub clips: Clips,
    /// Augmentation of the clips; none if omitted.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// The network.
    pub network: VoiceEncoderConfig,
    /// A distribution of faces for each voice, trained by `losses.likelihood`; a single feature if
    /// omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<PairDistribution>,
    /// Weights of the losses.
    pub losses: VoiceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
    /// How often the run validates and saves.
    #[serde(default)]
    pub watch: Watch,
}

/// Initial weights: of a whole voice encoder, or of its speaker encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A model folder or the name of the shipped model, whose voice encoder has the shape of
    /// `network`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The published network `ge2e`, or a file like Resemblyzer's `pretrained.pt`: the weights of
    /// `network.speaker_encoder`. The head starts with random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker_encoder: Option<NetworkSource>,
    /// Freeze the trunk (the convolutions and their normalisations, or the speaker encoder), and
    /// train only the fully connected layers: for a few dozen speakers.
    #[serde(default, alias = "freeze_convolutions")]
    pub freeze_trunk: bool,
}

/// A [distribution of faces](s2f_nn::face_distribution) that reads the trunk of `network`, which
/// has no layers of its own after it. The predicted feature is the mean of the distribution.
///
/// It needs pairs. At the end, its width is calibrated on their validation split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairDistribution {
    /// Number of components of the mixture, 1 to 64.
    pub components: usize,
    /// Number of factors of each component, 1 to 64: directions in which faces vary together.
    pub rank: usize,
}

/// The training data of a voice encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VoiceData {
    /// Voices with their own faces.
    Pairs(PairData),
    /// Voices of people whose faces are unknown, paired with average faces of their sex.
    Recordings(RecordingData),
}

/// Voices with their own faces, as `corpus prepare` writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairData {
    /// A folder of `pairs-*.parquet`, or one such file.
    pub path: PathBuf,
    /// Voices are kept in memory up to about this size, MiB; a larger corpus is streamed, and
    /// shuffled within this size.
    #[serde(default = "memory_mib")]
    pub memory_mib: usize,
    /// Maximum number of pairs that validation and final scores are computed on; 2 or more.
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
    /// Folder that contains `folders` and `test_folders`.
    pub root: PathBuf,
    /// Folder of published networks, as `speech2face model pull` fills it; the user's folder of
    /// networks if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// Folders with `speakers.csv` and the recordings that it names, to train on.
    pub folders: Vec<PathBuf>,
    /// Folders of the same form, only to test on.
    pub test_folders: Vec<PathBuf>,
    /// Share of the speakers of `folders` that is held out for testing, 0 to 1.
    pub held_out: f64,
    /// YuNet, under `models`: detects the generated faces for `sex_reader`.
    pub face_detector: PathBuf,
    /// Manifest of the age and gender network of face-api.js, under `models`: estimates the sex of
    /// the generated faces for the scores; it is not used in training.
    pub sex_reader: PathBuf,
    /// Which faces a voice is paired with.
    pub pairing: Pairing,
}

/// Which faces a voice is paired with, if no recording of a face's own voice exists: an assumption,
/// not a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairing {
    /// How much a voice's position among voices of its sex (pitch and vocal-tract length)
    /// determines the position of its faces among faces of that sex (male–female axis), 0 to
    /// 1.
    pub strength: f64,
    /// Standard deviation of the average around that position, as a share of all faces of the sex.
    pub width: f64,
    /// Upper ends of the age bands, years; a voice of known age is paired with faces of its band.
    pub age_bands: Vec<f32>,
}

/// The clips that are cut from a voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clips {
    /// Length of a clip, seconds, 1 to 60; shorter voices are repeated.
    pub seconds: f64,
    /// Whether a clip starts at a random position, or at the start of the voice as in the paper.
    pub anywhere: bool,
    /// Number of clips of a voice, whose features are pooled as `network.pooling` says.
    #[serde(default = "one")]
    pub segments: usize,
}

fn one() -> usize {
    1
}

/// Augmentation of the clips. Values are drawn uniformly from their ranges, unless stated
/// otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Standard deviation of the logarithm of the speed, which scales pitch and formants together.
    /// It must be 0 for pairs of a voice and its own face: another pitch is another person's.
    pub speed: f64,
    /// Standard deviation of a change of the pitch, semitones, 0 to 6; the formants and the length
    /// stay. It must be 0 for pairs of a voice and its own face, for the same reason.
    pub pitch: f64,
    /// Standard deviation of a microphone's response, dB, at nine points of the spectrum.
    pub microphone_db: f64,
    /// Probability of a low-pass (2.5 to 8 kHz), and of a high-pass (50 to 350 Hz).
    pub band_limit: f64,
    /// Probability of a room (reverberation time 0.1 to 0.7 s).
    pub reverberation: f64,
    /// Probability of noise.
    pub noise: f64,
    /// Range of the signal-to-noise ratio, dB.
    pub noise_db: [f64; 2],
    /// Probability of telephone coding (8-bit µ-law), and of clipping.
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
    /// Cross-entropy of the outputs of VGG-Face's last layer for both features, temperature 2.
    pub distillation: f64,
    /// InfoNCE between voices and faces over the batch, with a learned temperature.
    pub contrastive: f64,
    /// Negative log likelihood of the face in nats per dimension, given the voice and without it;
    /// for `distribution`.
    pub likelihood: f64,
    /// Mean absolute difference of the features: an ablation.
    pub feature: f64,
    /// Mean absolute difference of the decoded pictures: an ablation.
    pub pixel: f64,
    /// Number of pictures of a batch that are rendered for the pixel loss, spread evenly over the
    /// batch; 0 means all.
    pub pixel_batch: usize,
    /// Weights of VGG-Face, for `distillation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vgg_face: Option<PathBuf>,
    /// The step after which all weights are set so that the gradient of each loss with respect to
    /// the voice's feature is as large as that of the first loss with a weight, as in the
    /// paper (there 1000). 0 keeps the weights; it is 0 with `distribution`.
    pub balance_losses_at: usize,
}
