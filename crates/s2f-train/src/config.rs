//! What a training run is told: one TOML file per experiment, in `configs/`.

use std::fs;
use std::path::{Path, PathBuf};

use s2f_nn::{FaceDecoderConfig, VoiceEncoderConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{TrainError, Watch};

/// `speech2face train face-decoder`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDecoderTraining {
    /// Seed of weights, morphs and batches.
    pub seed: u64,
    /// What it learns from.
    pub data: FaceData,
    /// How faces are mixed into training pairs.
    pub morphing: Morphing,
    /// The network.
    pub network: FaceDecoderConfig,
    /// Weights of the losses.
    pub losses: FaceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
    /// How often the run looks at itself.
    #[serde(default)]
    pub watch: Watch,
}

/// Photographs with landmarks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceData {
    /// Where the folders are.
    pub root: PathBuf,
    /// Where the published networks are.
    pub models: PathBuf,
    /// Sets of portraits.
    pub folders: Vec<FaceFolder>,
    /// Parameters of MobileFace V2, the face space, under `models`.
    pub face_encoder: PathBuf,
    /// How many people are held out for the scores.
    pub held_out: usize,
}

/// One set of portraits, taken in one light.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceFolder {
    /// Folder under the root, with `people.csv`, `landmarks.csv` and the pictures that they name.
    pub path: PathBuf,
    /// Factors of linear red, green and blue that bring the set to the look of the others.
    pub gain: [f32; 3],
    /// Factor of the distance of a colour from grey.
    pub saturation: f32,
}

/// How faces are mixed into training pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Morphing {
    /// How many different morphs are drawn before training.
    pub pool: usize,
    /// Nearest neighbours that a face is mixed with.
    pub neighbours: usize,
    /// The most faces in one morph; the fewest are two, so that no target is a single person.
    pub most_faces: usize,
    /// Standard deviation of the noise added to the input features, which have length 1.
    pub feature_noise: f64,
}

/// Weights of the face decoder's losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceLosses {
    /// Mean absolute error of the texture, colours from 0 to 1.
    pub texture: f64,
    /// Mean squared error of the landmarks, in pixels squared.
    pub landmarks: f64,
    /// Negative cosine between the input feature and that of the picture.
    pub identity: f64,
    /// How many faces of a batch the identity loss renders and looks at.
    pub identity_batch: usize,
}

/// `speech2face train voice-encoder`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceEncoderTraining {
    /// Name of the model that the run makes.
    pub name: String,
    /// Seed of weights, augmentation and batches.
    pub seed: u64,
    /// Run folder of the face decoder, which is frozen; its faces are what voices are paired with.
    pub face_decoder: PathBuf,
    /// What it learns from.
    pub data: VoiceData,
    /// Which faces a voice meets.
    pub pairing: Pairing,
    /// What is done to a recording before the network hears it.
    pub augmentation: Augmentation,
    /// The network.
    pub network: VoiceEncoderConfig,
    /// Weights of the losses.
    pub losses: VoiceLosses,
    /// Steps and optimizer.
    pub optimisation: Optimisation,
}

/// Recordings with the speaker's sex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceData {
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
    /// Manifest under `models` of the age and gender network of face-api.js, which reads the generated faces; it takes no
    /// part in training.
    pub sex_reader: PathBuf,
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

/// What is done to a recording before the network hears it. Ranges are uniform unless said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Length of a training clip, s.
    pub clip_s: f64,
    /// Standard deviation of the logarithm of the speed, which moves pitch and formants together.
    pub speed: f64,
    /// Standard deviation of a microphone's response, dB, at nine points of the spectrum.
    pub microphone_db: f64,
    /// Probability of a low-pass (2.5 to 8 kHz), and of a high-pass (50 to 350 Hz).
    pub band_limit: f64,
    /// Probability of a room (reverberation time 0.1 to 0.7 s).
    pub reverberation: f64,
    /// Probability of noise, and its signal-to-noise ratio in dB, from and to.
    pub noise: f64,
    /// Signal-to-noise ratio of that noise, dB, from and to.
    pub noise_db: [f64; 2],
    /// Probability of telephone coding (8-bit µ-law), and of overdriving.
    pub coding: f64,
}

/// Weights of the voice encoder's losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceLosses {
    /// Mean absolute difference of the decoder's first layer.
    pub decoder: f64,
    /// Squared distance of the two features at unit length.
    pub direction: f64,
}

/// Steps and optimizer (AdamW, learning rate up in the first tenth and down along a cosine).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimisation {
    /// Number of steps.
    pub steps: usize,
    /// Examples in a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

impl FaceData {
    /// The face encoder's file.
    pub fn face_encoder_file(&self) -> PathBuf {
        self.models.join(&self.face_encoder)
    }
}

impl Optimisation {
    /// Learning rate of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        const WARM_UP: f64 = 0.1;
        let done = (step as f64 + 0.5) / self.steps as f64;
        let share = if done < WARM_UP {
            done / WARM_UP
        } else {
            0.5 + 0.5 * (std::f64::consts::PI * (done - WARM_UP) / (1.0 - WARM_UP)).cos()
        };
        self.learning_rate * share
    }
}

/// Reads a configuration and sets `overrides` of the form `a.b=value` in it. A value is TOML, or
/// else text.
///
/// # Errors
/// [`TrainError::Config`] with the file's name for bad TOML, a missing key or an unknown one.
pub fn read<T: DeserializeOwned>(path: &Path, overrides: &[String]) -> Result<T, TrainError> {
    let bad = |reason: String| TrainError::Config { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(TrainError::io("read", path))?;
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| bad(e.to_string()))?;
    for setting in overrides {
        set(&mut table, setting).map_err(bad)?;
    }
    T::deserialize(table).map_err(|e| bad(e.to_string()))
}

fn set(table: &mut Table, setting: &str) -> Result<(), String> {
    let (key, value) =
        setting.split_once('=').ok_or_else(|| format!("--set {setting}: KEY=VALUE is needed"))?;
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names: Vec<&str> = key.trim().split('.').collect();
    let last = names.pop().unwrap_or_default();
    let place = names.into_iter().try_fold(table, |table, name| {
        let inner = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
        inner.as_table_mut().ok_or_else(|| format!("--set {setting}: {name} holds no keys"))
    })?;
    place.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        steps: usize,
        part: Part,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        name: String,
    }

    fn read_with(overrides: &[&str]) -> Result<Small, TrainError> {
        let path = std::env::temp_dir().join(format!("s2f-config-{}.toml", std::process::id()));
        fs::write(&path, "steps = 3\n[part]\nname = \"a\"\n").unwrap();
        read(&path, &overrides.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn settings_override_the_file() {
        assert_eq!(read_with(&[]).unwrap().steps, 3);
        let changed = read_with(&["steps=5", "part.name=/data/x y"]).unwrap();
        assert_eq!(changed, Small { steps: 5, part: Part { name: "/data/x y".into() } });
    }

    #[test]
    fn unknown_keys_and_malformed_settings_are_refused() {
        for (setting, word) in [
            ("stepz=5", "stepz"),
            ("part.size=1", "size"),
            ("steps", "KEY=VALUE"),
            ("steps.x=1", "steps"),
        ] {
            let message = read_with(&[setting]).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let plan = Optimisation { steps: 100, batch: 1, learning_rate: 1.0, weight_decay: 0.0 };
        let rates: Vec<f64> = (0..100).map(|step| plan.rate(step)).collect();
        assert!(rates[0] < 0.06 && rates[99] < 0.001);
        assert!((rates[10] - 1.0).abs() < 0.001);
    }
}
