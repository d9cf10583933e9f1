//! What a training run is told: one TOML file per experiment, in `configs/`.

mod face_decoder;
mod optimisation;
mod voice_encoder;

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use face_decoder::{FaceData, FaceDecoderTraining, FaceFolder, FaceLosses, Morphing};
pub use optimisation::{Optimisation, Optimizer, Schedule, Watch};
pub use voice_encoder::{
    Augmentation, Clips, PairData, Pairing, RecordingData, Start, VoiceData, VoiceEncoderTraining,
    VoiceLosses,
};

use crate::TrainError;

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
}
