//! `train` with odd configurations by the hundred: each is refused with a message and a hint, none
//! makes the program panic or abort, none makes a run folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use toml::{Table, Value};

use crate::support::{Folder, Run};

/// Values that each key is set to: too small, too large, not finite, of another type, empty.
const ODD: [&str; 10] =
    ["0", "-1", "1", "60000", "9000000000000000000", "1e300", "nan", "true", "\"\"", "{}"];

/// Layers of a network that cannot be built, or not from a clip of 3 s.
const LAYERS: [&str; 6] = [
    "[]",
    "[{ channels = 0, stride = [1, 1], pool = false }]",
    "[{ channels = 60000, stride = [1, 1], pool = false }]",
    "[{ channels = 8, stride = [0, 1], pool = false }]",
    "[{ channels = 8, stride = [9000000000000000000, 1], pool = true }]",
    "[{ channels = 8, stride = [300, 300], pool = true }, \
      { channels = 8, stride = [1, 1], pool = true }]",
];

/// The keys of a table that hold no table, as `--set` names them.
fn keys(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => keys(inner, &format!("{key}."), found),
            _ => found.push(key),
        }
    }
}

/// Odd settings of a configuration, one each.
fn odd_settings(config: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path(config)).unwrap();
    let mut names = Vec::new();
    keys(&text.parse::<Table>().unwrap(), "", &mut names);
    let all = names.iter().flat_map(|key| ODD.map(|value| format!("{key}={value}")));
    let mut settings: Vec<String> = all.collect();
    if names.iter().any(|key| key == "network.layers") {
        settings.extend(LAYERS.map(|layers| format!("network.layers={layers}")));
    }
    settings
}

fn path(config: &str) -> PathBuf {
    s2f_testing::project("configs").join(config)
}

/// Trains with `setting` but without data, so that a configuration that is accepted stops
/// before its first step.
fn train(folder: &Folder, network: &str, config: &str, setting: &str, out: &str) -> Run {
    let config = path(config).display().to_string();
    let arguments = ["train", network, &config, "-o", out, "--device", "cpu", "--set", setting];
    let mut command = folder.command(arguments);
    command.env("SPEECH2FACE_MODELS", folder.path("no-models"));
    Run::of(command.output().unwrap())
}

fn check_all(network: &str, config: &str) -> usize {
    let folder = Folder::new();
    let settings = odd_settings(config);
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(setting) = settings.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let out = format!("run-{}", setting.split('=').next().unwrap());
                    let run = train(&folder, network, config, setting, &out);
                    // A panic ends with code 101, an abort with a signal.
                    assert_eq!(run.code, Some(2), "{setting}: {run:#?}");
                    assert!(run.stderr.contains("hint:"), "{setting}: {run:#?}");
                    assert!(!folder.path(&out).exists(), "{setting}: {out} exists");
                }
            });
        }
    });
    settings.len()
}

#[test]
fn odd_configurations_are_refused_and_leave_no_folder() {
    let voices = check_all("voice-encoder", "contrastive.toml");
    let faces = check_all("face-decoder", "compact/face-decoder.toml");
    let heads = check_all("face-distribution", "compact/face-distribution.toml");
    assert!(voices + faces + heads > 500, "{voices}, {faces} and {heads}");
}

#[test]
fn a_refused_configuration_names_its_key() {
    let folder = Folder::new();
    for (setting, part) in [
        ("network.output=128", "output is 128"),
        (
            "network.layers=[{ channels = 60000, stride = [1, 1], pool = false }]",
            "channels is 60000",
        ),
        ("clips.segments=1000000", "clips"),
        ("optimisation.batch=100000000", "optimisation.batch"),
    ] {
        train(&folder, "voice-encoder", "contrastive.toml", setting, "run").exits(2).says(&[part]);
        assert!(!folder.path("run").exists(), "{setting}");
    }
}

#[test]
fn a_configuration_is_checked_without_training() {
    let folder = Folder::new();
    let config = path("contrastive.toml").display().to_string();
    let check = ["train", "voice-encoder", &config, "--check"];
    folder.run(check).exits(0).says(&["is valid"]);
    assert_eq!(folder.files(), Vec::<String>::new());
    let odd = ["train", "voice-encoder", &config, "--check", "--set", "network.output=128"];
    folder.run(odd).exits(2).says(&["output is 128", "hint:"]);
    let without_folder = ["train", "voice-encoder", &config];
    folder.run(without_folder).exits(2).says(&["--out"]);
}
