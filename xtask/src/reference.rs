//! `docs/reference/configuration.md`: every key of every configuration, from the types that read
//! them, the functions that check them, and their documentation.
//!
//! `cargo xtask reference` writes the page; `cargo xtask check documents` fails if it is stale. A
//! test of s2f-train compares its keys with those that the types accept.

mod keys;
mod ranges;
mod source;

use std::fs;

use keys::{Key, OMITTED, keys};
use source::Source;

use crate::root;

const PAGE: &str = "docs/reference/configuration.md";

/// Files with the types of configurations, and what they need.
const FILES: [&str; 19] = [
    "crates/s2f-train/src/config/voice_encoder.rs",
    "crates/s2f-train/src/config/face_decoder.rs",
    "crates/s2f-train/src/config/face_distribution.rs",
    "crates/s2f-train/src/config/optimisation.rs",
    "crates/s2f-train/src/config/watch.rs",
    "crates/s2f-train/src/devices/precision.rs",
    "crates/s2f-train/src/check.rs",
    "crates/s2f-audio/src/waveform.rs",
    "crates/s2f-face/src/frame.rs",
    "crates/s2f-face/src/landmarks.rs",
    "crates/s2f-nn/src/config.rs",
    "crates/s2f-nn/src/voice_encoder/config.rs",
    "crates/s2f-nn/src/voice_encoder/config/keys.rs",
    "crates/s2f-nn/src/voice_encoder/convolutions/config.rs",
    "crates/s2f-nn/src/speaker_encoder/config.rs",
    "crates/s2f-nn/src/face_decoder/config.rs",
    "crates/s2f-nn/src/face_distribution/config.rs",
    "crates/s2f-nn/src/face_distribution/temper.rs",
    "crates/s2f-registry/src/source.rs",
];

/// Commands, what they train, and the types of their configurations.
const COMMANDS: [(&str, &str, &str); 3] = [
    ("voice-encoder", "a voice encoder", "VoiceEncoderTraining"),
    ("face-decoder", "a face decoder", "FaceDecoderTraining"),
    ("face-distribution", "a face distribution", "FaceDistributionTraining"),
];

const INTRODUCTION: &str = "\
# Configuration keys

<!-- Written by `cargo xtask reference` from the types; do not edit. -->

A configuration is a TOML file for `speech2face train`; `configs` has one for each experiment. Any
key can be set on the command line, for example `--set optimisation.batch=64`. An unknown key is an
error. `extends = \"other.toml\"` in a file takes all other keys from that file, next to it. The
other commands have no configuration files: `speech2face COMMAND --help` lists their options.

`folders[].path` is the key `path` of each table in the list `folders`. A key without a default is
required if its table is given. A float needs a decimal point or an exponent: `1.0`, `3e-4`.
Training checks the ranges before it reads data, and some relations between keys besides;
`train … --check` only checks.
";

/// Checks that the page is what the types say.
pub fn check() -> Result<usize, String> {
    let (page, count) = page()?;
    let found = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    if found == page {
        Ok(count)
    } else {
        Err(format!("{PAGE} is not what the types say; hint: run `cargo xtask reference`"))
    }
}

/// Writes the page.
pub fn write() -> Result<(), String> {
    let path = root().join(PAGE);
    let problem = |error: std::io::Error| format!("{PAGE}: {error}");
    fs::create_dir_all(path.with_file_name("")).map_err(problem)?;
    fs::write(path, page()?.0).map_err(problem)
}

/// The page, and its number of keys.
fn page() -> Result<(String, usize), String> {
    let source = Source::read(&FILES)?;
    let (mut text, mut count) = (INTRODUCTION.to_owned(), 0);
    for (command, network, name) in COMMANDS {
        let keys = keys(&source, name)?;
        count += keys.len();
        text += &format!("\n## `train {command}`\n\nThe configuration of {network}.\n\n");
        text += "| key | type | default | range | meaning |\n|---|---|---|---|---|\n";
        text.extend(keys.iter().map(row));
    }
    Ok((text, count))
}

fn row(key: &Key) -> String {
    let Key { name, kind, default, range, meaning } = key;
    let cell = |text: &str| text.replace('|', "\\|");
    let default = match default.as_deref() {
        None => String::new(),
        Some(OMITTED) => OMITTED.to_owned(),
        Some(value) => format!("`{value}`"),
    };
    format!("| `{name}` | {} | {default} | {} | {} |\n", cell(kind), cell(range), cell(meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_checks_and_comments_make_rows() {
        let source = Source::of(
            "
            /// All.
            pub struct All {
                /// A [name](s2f_nn::x), or
                /// a `|`.
                pub name: String,
                /// Steps.
                #[serde(default = \"ten\")]
                pub steps: usize,
                /// Parts.
                pub parts: Vec<Part>,
                /// Plan.
                #[serde(default)]
                pub plan: Option<Plan>,
            }
            fn ten() -> usize { 10 }
            #[serde(rename_all = \"kebab-case\")]
            pub enum Plan {
                /// Not at all.
                NoPlan,
                /// Falls.
                Decay { /// Below 1.
                    factor: f64 },
            }
            #[serde(default)]
            pub struct Part {
                /// Both.
                pub both: [f64; 2],
                /// Odd.
                pub odd: f32,
            }
            impl Default for Part { fn default() -> Self { Self { both: [0.0, 1.5], odd: 3.0 } } }
            const MOST: usize = 1_000;
            impl All {
                fn check(&self) -> Result<(), E> {
                    within(\"steps\", self.steps, 1, MOST)?;
                    let wanted = || \"given\".into();
                    check(\"name\", wanted, self.name, |x| true)?;
                    at_least(\"number of parts\", self.parts.len(), 3)?;
                    positive(\"plan.decay.factor\", 1.0)
                }
            }
            ",
        )
        .unwrap();
        let rows: String = keys(&source, "All").unwrap().iter().map(row).collect();
        assert_eq!(
            rows,
            "| `name` | string |  |  | A name, or a `\\|`. |\n\
             | `steps` | integer | `10` | 1 to 1000 | Steps. |\n\
             | `parts` | list of tables |  | 3 or more entries | Parts. |\n\
             | `parts[].both` | 2 floats | `[0.0, 1.5]` |  | Both. |\n\
             | `parts[].odd` | float | `3.0` |  | Odd. |\n\
             | `plan` | `\"no-plan\"` or table `decay` | omitted |  | Plan. `no-plan`: Not at \
             all. `decay`: Falls. |\n\
             | `plan.decay.factor` | float |  | above 0 | Below 1. |\n"
        );
        assert!(keys(&source, "Missing").is_err());
    }
}
