//! Configurations of training runs: one TOML file for each experiment, in `configs/`.

mod face_decoder;
mod face_distribution;
mod optimisation;
mod voice_encoder;
mod watch;

use std::path::Path;

pub use face_decoder::{
    AgeingData, FaceData, FaceDecoderTraining, FaceEncoderFile, FaceFolder, FaceLosses, Morphing,
};
pub use face_distribution::{
    FaceDistributionTraining, TraitFaces, TraitPrior, TraitRegression, VoiceFolder, VoiceTraitData,
};
pub use optimisation::{BatchStatistics, Optimisation, Optimizer, Schedule};
use s2f_core::{at_line, read_text};
use serde::de::DeserializeOwned;
use toml::{Table, Value};
pub use voice_encoder::{
    Augmentation, Clips, PairData, PairDistribution, Pairing, RecordingData, Start, VoiceData,
    VoiceEncoderTraining, VoiceLosses,
};
pub use watch::Watch;

use crate::TrainError;

/// Keys whose table has one of several kinds: another kind replaces the table, the same kind is
/// merged into it.
const ALTERNATIVES: [&str; 4] = ["data", "schedule", "optimizer", "texture"];
/// Keys that exclude others: the later one replaces them.
const EXCLUSIVE: [(&str, &[&str]); 4] = [
    ("steps", &["epochs"]),
    ("epochs", &["steps"]),
    ("speaker_encoder", &["input", "layers", "batch_norm"]),
    ("layers", &["speaker_encoder"]),
];
/// Maximum size of a configuration, bytes.
pub(crate) const MAX_BYTES: u64 = 1 << 20;
/// Maximum number of configurations that extend one another.
const MAX_BASES: usize = 8;

/// Reads a configuration and sets `overrides` of the form `a.b=value` in it. A value is TOML, or
/// else text. A configuration with `extends = "other.toml"` has only the keys that differ from that
/// file.
///
/// # Errors
/// [`TrainError::Config`] with the file's name for invalid TOML, a missing key or an unknown one.
pub fn read<T: DeserializeOwned>(path: &Path, overrides: &[String]) -> Result<T, TrainError> {
    let bad = |reason: String| TrainError::Config { path: path.to_owned(), reason };
    let mut table = read_table(path, MAX_BASES)?;
    for setting in overrides {
        set(&mut table, setting).map_err(bad)?;
    }
    T::deserialize(table).map_err(|error| bad(with_suggestion(error.to_string().trim_end())))
}

/// The table of a file, merged with those that it extends.
fn read_table(path: &Path, max_bases: usize) -> Result<Table, TrainError> {
    let bad = |reason: String| TrainError::Config { path: path.to_owned(), reason };
    let text = read_text(path, MAX_BYTES)?;
    let mut table = parsed(&text).map_err(bad)?;
    let Some(base) = table.remove("extends") else { return Ok(table) };
    let Value::String(base) = base else {
        return Err(bad("extends must be the name of a file".into()));
    };
    if max_bases == 0 {
        return Err(bad(format!("extends {base}: the files extend each other in a cycle")));
    }
    let base = read_table(&path.with_file_name(base), max_bases - 1)?;
    Ok(merged(base, table))
}

/// A table from its text; an error is one line.
pub(crate) fn parsed(text: &str) -> Result<Table, String> {
    let one_line = |e: toml::de::Error| at_line(text, e.span().map(|at| at.start), e.message());
    text.parse().map_err(one_line)
}

/// An error on an unknown name, with the known name that is most like it.
fn with_suggestion(message: &str) -> String {
    const ALIKE: f64 = 0.8;
    // The parser's message: "unknown field `sead`, expected one of `name`, `seed`".
    let mut names = message.split('`').skip(1).step_by(2);
    let suggestion = names.next().filter(|_| message.starts_with("unknown ")).and_then(|unknown| {
        let likeness = |name: &&str| strsim::jaro_winkler(unknown, name);
        names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|n| likeness(n) > ALIKE)
    });
    match suggestion {
        Some(name) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
    }
}

/// `base` with the keys of `changes` set.
fn merged(mut base: Table, changes: Table) -> Table {
    for (key, value) in changes {
        remove_exclusive(&mut base, &key);
        let old = base.remove(&key);
        let value = match (old, value) {
            (Some(Value::Table(old)), Value::Table(value))
                if !ALTERNATIVES.contains(&key.as_str())
                    || value.keys().all(|kind| old.contains_key(kind)) =>
            {
                Value::Table(merged(old, value))
            }
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}

fn set(table: &mut Table, setting: &str) -> Result<(), String> {
    let (key, value) =
        setting.split_once('=').ok_or_else(|| format!("--set {setting}: must be KEY=VALUE"))?;
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names: Vec<&str> = key.trim().split('.').collect();
    let last = names.pop().unwrap_or_default();
    let parent = names.into_iter().try_fold(table, |table, name| {
        let inner = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
        inner.as_table_mut().ok_or_else(|| format!("--set {setting}: {name} has no keys"))
    })?;
    remove_exclusive(parent, last);
    parent.insert(last.to_owned(), value);
    Ok(())
}

/// Removes the keys that cannot be given together with `key`.
fn remove_exclusive(table: &mut Table, key: &str) {
    let excluded = EXCLUSIVE.iter().filter(|(name, _)| *name == key);
    excluded.flat_map(|(_, others)| *others).for_each(|other| drop(table.remove(*other)));
}

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn a_configuration_extends_another() {
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
    fn the_later_of_steps_and_epochs_is_used() {
        let mut table: Table = "[o]\nsteps = 3\nbatch = 2".parse().unwrap();
        set(&mut table, "o.epochs=2").unwrap();
        assert_eq!(table, "[o]\nepochs = 2\nbatch = 2".parse().unwrap());
        let changes = "[o]\nsteps = 9".parse().unwrap();
        assert_eq!(merged(table, changes), "[o]\nsteps = 9\nbatch = 2".parse().unwrap());
    }

    #[test]
    fn another_kind_of_optimizer_replaces_the_one_of_the_base() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let base = table("[o.optimizer.adam]\nbeta = 0.5\nepsilon = 1.0\n[o.part]\na = 1\n");
        let changes = table("[o.optimizer.adam]\nbeta = 0.9\n[o.part]\nb = 2\n");
        let expected =
            table("[o.optimizer.adam]\nbeta = 0.9\nepsilon = 1.0\n[o.part]\na = 1\nb = 2\n");
        assert_eq!(merged(base.clone(), changes), expected);
        let changes = table("[o.optimizer.adam-w]\ndecay = 0.1\n");
        let expected = table("[o.optimizer.adam-w]\ndecay = 0.1\n[o.part]\na = 1\n");
        assert_eq!(merged(base, changes), expected);
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
