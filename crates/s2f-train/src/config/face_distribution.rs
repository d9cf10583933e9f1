//! The configuration of `speech2face train face-distribution`.

use std::path::PathBuf;

use s2f_nn::FaceDistributionConfig;
use serde::{Deserialize, Serialize};

use super::Augmentation;

/// The configuration of a face distribution's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDistributionTraining {
    /// Name of the trained model.
    pub name: String,
    /// Random seed of faces and augmentation.
    pub seed: u64,
    /// The run folder of `train face-decoder`, on averages of portraits by age.
    pub face_decoder: String,
    /// Voices with the speaker's sex, and for some of them the age.
    pub data: VoiceTraitData,
    /// Augmentation of the second copy of each recording.
    pub augmentation: Augmentation,
    /// The regressions on the voice embedding.
    pub regression: TraitRegression,
    /// The faces that go with sex, age and hair.
    pub faces: TraitFaces,
    /// Faces without any voice.
    pub prior: TraitPrior,
    /// The head: two components, women and men.
    pub network: FaceDistributionConfig,
}

/// Recordings, and the network that embeds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceTraitData {
    /// Folder that contains `folders`.
    pub root: PathBuf,
    /// Folder of published networks, as `speech2face model pull` fills it; the user's folder of
    /// networks if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// The published speaker encoder, under `models`.
    pub speaker_encoder: PathBuf,
    /// YuNet, under `models`: detects the drawn faces for `age_sex_reader`.
    pub face_detector: PathBuf,
    /// Manifest of the age and gender network of face-api.js, under `models`: estimates sex and age
    /// of the drawn faces for the scores; it is not used in training.
    pub age_sex_reader: PathBuf,
    /// Folders with `speakers.csv` and the recordings that it names.
    pub folders: Vec<VoiceFolder>,
    /// Groups that the languages of a folder are put into; each is left out in turn for the scores.
    pub language_groups: usize,
}

/// A folder of recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceFolder {
    /// Folder under the root.
    pub path: PathBuf,
    /// Whether age is learned from it.
    #[serde(default)]
    pub age: bool,
    /// Language of its recordings, if `speakers.csv` does not state it: a language that is also in
    /// another folder is left out of both at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The release whose ages are taken as they are: in all others, only differences of age count,
    /// since their recordings were coded in other ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_release: Option<String>,
}

/// The regressions of sex and age on the standardised embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitRegression {
    /// Penalty of the logistic regression for sex.
    pub sex_penalty: f64,
    /// Penalty of the ridge regression for age.
    pub age_penalty: f64,
}

/// The faces of a sex, from which the distribution of faces given sex, age and hair is computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitFaces {
    /// Number of mixtures of faces that are drawn for each sex, `network.rank` + 4 to 100000.
    pub draws: usize,
    /// Faces in a mixture. Only moments of all mixtures of a sex are kept, so it may be 1.
    pub members: usize,
}

/// The distribution of people whose voice is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitPrior {
    /// Share of women, above 0 and below 1.
    pub women: f64,
    /// Median of the age, years.
    pub age_median: f64,
    /// Standard deviation of the logarithm of the years above 15.
    pub age_log_deviation: f64,
}
