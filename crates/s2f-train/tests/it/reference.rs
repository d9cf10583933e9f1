//! docs/reference/configuration.md has the keys that the types accept, and the ranges that are
//! checked. The page is generated from sources; here it is compared with what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use s2f_train::devices::Devices;
use s2f_train::{FaceDecoderTraining, FaceDistributionTraining, VoiceEncoderTraining, read};

use crate::one_at_a_time;

/// A row of the page: key, type and range.
struct Row {
    key: String,
    kind: String,
    range: String,
}

const COMMANDS: [(&str, &str); 3] = [
    ("voice-encoder", "contrastive.toml"),
    ("face-decoder", "compact/face-decoder.toml"),
    ("face-distribution", "compact/face-distribution.toml"),
];

fn rows(command: &str) -> Vec<Row> {
    let page = s2f_testing::project("docs/reference/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("## `train {command}`\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let key = cells[0].trim_start_matches("| ").trim_matches('`').to_owned();
        Row { key, kind: cells[1].to_owned(), range: cells[3].to_owned() }
    };
    rows.map(row).collect()
}

/// The error of a configuration of `command` with `setting`, if there is one.
fn problem(command: &str, config: &str, setting: &str) -> Option<String> {
    let path = s2f_testing::project("configs").join(config);
    let settings = [setting.to_owned()];
    let cpu = Devices::cpu();
    let result = match command {
        "voice-encoder" => {
            read(&path, &settings).and_then(|config: VoiceEncoderTraining| config.check(&cpu))
        }
        "face-decoder" => {
            read(&path, &settings).and_then(|config: FaceDecoderTraining| config.check(&cpu))
        }
        _ => read(&path, &settings).and_then(|config: FaceDistributionTraining| config.check(&cpu)),
    };
    result.err().map(|error| error.to_string())
}

/// A setting of a key that no table has, in the table `prefix`, which has no other keys.
fn unknown_in(prefix: &str) -> String {
    let mut names = prefix.split('.').filter(|name| !name.is_empty());
    let Some(first) = names.next() else { return "zzz=1".to_owned() };
    let inner: Vec<&str> = names.collect();
    let table = |name: &str| match name.strip_suffix("[]") {
        Some(_) => "[{ zzz = 1 }]".to_owned(),
        None => "{ zzz = 1 }".to_owned(),
    };
    let mut value = table(inner.last().copied().unwrap_or(first));
    for index in (0..inner.len()).rev() {
        let (name, parent) = (inner[index], if index == 0 { first } else { inner[index - 1] });
        value = format!("{{ {} = {value} }}", name.trim_end_matches("[]"));
        if parent.ends_with("[]") {
            value = format!("[{value}]");
        }
    }
    format!("{}={value}", first.trim_end_matches("[]"))
}

#[test]
fn the_page_has_the_keys_that_the_types_accept() {
    let _alone = one_at_a_time(); // opening a network draws weights
    for (command, config) in COMMANDS {
        let rows = rows(command);
        let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in &rows {
            let names: Vec<&str> = row.key.split('.').collect();
            for (index, name) in names.iter().enumerate() {
                let key = name.trim_end_matches("[]").to_owned();
                tables.entry(names[..index].join(".")).or_default().insert(key);
            }
        }
        assert!(tables.len() > 8, "{command}: {:?}", tables.keys());
        for (prefix, keys) in &tables {
            let message = problem(command, config, &unknown_in(prefix)).unwrap();
            assert!(message.contains("`zzz`"), "{command} {prefix}: {message}");
            let (_, names) = message.split_once("expected ").unwrap();
            let names = names.split(['\n', ';']).next().unwrap();
            let accepted: BTreeSet<String> = names
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|name| *name != "freeze_convolutions") // of earlier versions
                .map(str::to_owned)
                .collect();
            assert!(keys.is_subset(&accepted), "{command} {prefix}: {keys:?}, not {accepted:?}");
            // What is no key is one of the values of an enumeration.
            let kind = rows.iter().find(|row| row.key == *prefix).map_or("", |row| &row.kind);
            for name in accepted.difference(keys) {
                let is_value = kind.contains(&format!("\"{name}\""));
                assert!(is_value, "{command}: {prefix}.{name} is missing on the page");
            }
        }
    }
}

#[test]
fn the_ranges_of_the_page_are_those_that_are_checked() {
    let _alone = one_at_a_time();
    let mut checked = 0;
    for (command, config) in COMMANDS {
        let path = s2f_testing::project("configs").join(config);
        for Row { key, kind, range } in rows(command) {
            let Some((min, max)) = ends(&range) else { continue };
            let whole = match kind.as_str() {
                "integer" => true,
                "float" | "2 floats" => false,
                _ => continue,
            };
            // Keys of tables that the configuration has.
            let text = format!("{key}=\"\"");
            let is_given = key.split_once('.').is_none_or(|(table, _)| {
                fs::read_to_string(&path).unwrap().contains(&format!("[{table}"))
            });
            // The traits of a face distribution have one number, which is less than their range.
            let is_fixed = key == "network.traits";
            let is_apart = key.contains("[]") || key.starts_with("network.speaker_encoder");
            if is_apart || is_fixed || !is_given {
                continue;
            }
            assert!(problem(command, config, &text).is_some());
            let setting = |value: f64| match (whole, kind.starts_with('2')) {
                (true, _) => format!("{key}={value:.0}"),
                (false, true) => format!("{key}=[{value:.4}, {value:.4}]"),
                (false, false) => format!("{key}={value:.4}"),
            };
            let step = if whole { 1.0 } else { 0.001 };
            for outside in [Some(min - step), max.map(|max| max + step)].into_iter().flatten() {
                let found = problem(command, config, &setting(outside));
                assert!(found.is_some(), "{command}: {} is accepted", setting(outside));
            }
            for inside in [Some(min), max].into_iter().flatten() {
                let found = problem(command, config, &setting(inside)).unwrap_or_default();
                let refused = found.starts_with(&format!("{key} is"));
                assert!(!refused, "{command}: {}: {found}", setting(inside));
            }
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} ranges");
}

/// `1 to 60`, `0 or more`.
fn ends(range: &str) -> Option<(f64, Option<f64>)> {
    if let Some((min, max)) = range.split_once(" to ") {
        return Some((min.parse().ok()?, Some(max.parse().ok()?)));
    }
    Some((range.strip_suffix(" or more")?.parse().ok()?, None))
}
