//! What a training run is told: one TOML file per experiment, in `configs/`.

mod face_decoder;
mod optimisation;
mod voice_encoder;

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use face_decoder::{
    FaceData, FaceDecoderTraining, FaceEncoderFile, FaceFolder, FaceLosses, Morphing,
};
pub use optimisation::{Optimisation, Optimizer, Schedule};
pub use voice_encoder::{
    Augmentation, Clips, PairData, Pairing, RecordingData, Start, VoiceData, VoiceEncoderTraining,
    VoiceLosses,
};

use crate::TrainError;

/// Keys that hold one of several kinds of table: another kind replaces what is there, the same kind
/// is merged into it.
const CHOICES: [&str; 4] = ["data", "schedule", "optimizer", "texture"];
/// Of these two keys one is given: the one that is said later holds.
const EITHER: [&str; 2] = ["steps", "epochs"];
/// Configurations that stand on one another.
const MOST_BASES: usize = 8;

/// Reads a configuration and sets `overrides` of the form `a.b=value` in it. A value is TOML, or
/// else text. A configuration with `extends = "other.toml"` holds only what is different there.
///
/// # Errors
/// [`TrainError::Config`] with the file's name for bad TOML, a missing key or an unknown one.
pub fn read<T: DeserializeOwned>(path: &Path, overrides: &[String]) -> Result<T, TrainError> {
    let bad = |reason: String| TrainError::Config { path: path.to_owned(), reason };
    let mut table = read_table(path, MOST_BASES)?;
    for setting in overrides {
        set(&mut table, setting).map_err(bad)?;
    }
    T::deserialize(table).map_err(|e| bad(e.to_string().trim_end().to_owned()))
}

/// The table of a file, upon those that it extends.
fn read_table(path: &Path, most_bases: usize) -> Result<Table, TrainError> {
    let bad = |reason: String| TrainError::Config { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(TrainError::io("read", path))?;
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| bad(e.to_string()))?;
    let Some(base) = table.remove("extends") else { return Ok(table) };
    let Value::String(base) = base else {
        return Err(bad("extends: the name of a file is needed".into()));
    };
    if most_bases == 0 {
        return Err(bad(format!("extends {base}: the files extend each other in a circle")));
    }
    let beneath = read_table(&path.with_file_name(base), most_bases - 1)?;
    Ok(merged(beneath, table))
}

/// `beneath`, with what `above` says differently.
fn merged(mut beneath: Table, above: Table) -> Table {
    for (key, value) in above {
        remove_other(&mut beneath, &key);
        let below = beneath.remove(&key);
        let value = match (below, value) {
            (Some(Value::Table(below)), Value::Table(value))
                if !CHOICES.contains(&key.as_str())
                    || value.keys().all(|kind| below.contains_key(kind)) =>
            {
                Value::Table(merged(below, value))
            }
            (_, value) => value,
        };
        beneath.insert(key, value);
    }
    beneath
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
    remove_other(place, last);
    place.insert(last.to_owned(), value);
    Ok(())
}

/// Takes out what cannot stand beside `key`.
fn remove_other(table: &mut Table, key: &str) {
    if EITHER.contains(&key) {
        EITHER.iter().filter(|&&other| other != key).for_each(|other| drop(table.remove(*other)));
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

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
    fn a_configuration_holds_what_differs_from_another() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        write("base.toml", "steps = 3\n[part]\nname = \"a\"\n");
        write("middle.toml", "extends = \"base.toml\"\nsteps = 4\n");
        let path = write("top.toml", "extends = \"middle.toml\"\n[part]\nname = \"b\"\n");
        let found: Small = read(&path, &[]).unwrap();
        assert_eq!(found, Small { steps: 4, part: Part { name: "b".into() } });

        let path = write("circle.toml", "extends = \"circle.toml\"");
        let message = read::<Small>(&path, &[]).unwrap_err().to_string();
        assert!(message.contains("circle.toml") && message.contains("each other"), "{message}");
    }

    #[test]
    fn of_steps_and_epochs_the_later_holds() {
        let mut table: Table = "[o]\nsteps = 3\nbatch = 2".parse().unwrap();
        set(&mut table, "o.epochs=2").unwrap();
        assert_eq!(table, "[o]\nepochs = 2\nbatch = 2".parse().unwrap());
        let above = "[o]\nsteps = 9".parse().unwrap();
        assert_eq!(merged(table, above), "[o]\nsteps = 9\nbatch = 2".parse().unwrap());
    }

    #[test]
    fn another_kind_of_optimizer_replaces_the_one_beneath() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let beneath = table("[o.optimizer.adam]\nbeta = 0.5\nepsilon = 1.0\n[o.part]\na = 1\n");
        let above = table("[o.optimizer.adam]\nbeta = 0.9\n[o.part]\nb = 2\n");
        let expected =
            table("[o.optimizer.adam]\nbeta = 0.9\nepsilon = 1.0\n[o.part]\na = 1\nb = 2\n");
        assert_eq!(merged(beneath.clone(), above), expected);
        let above = table("[o.optimizer.adam-w]\ndecay = 0.1\n");
        let expected = table("[o.optimizer.adam-w]\ndecay = 0.1\n[o.part]\na = 1\n");
        assert_eq!(merged(beneath, above), expected);
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
