//! The model card of a trained network, in Markdown, with the header of the Hugging Face hub as the
//! shipped model's card has it. It has no dates, so a run that is resumed writes the same bytes.

mod complete;

use std::fmt::Write;
use std::path::Path;

pub use complete::{CardEvaluation, CardScore, complete_card};

use s2f_core::markdown::{escaped, sealed};
use serde::Serialize;
use speech2face::{Environment, TrainingRecord};

use crate::score_table::{numbers, rounded};

/// What a card says besides the environment of the run and the scores.
pub(crate) struct Card<'a> {
    pub(crate) name: &'a str,
    /// What it does, in a paragraph.
    pub(crate) summary: &'static str,
    pub(crate) data: Vec<DataUse>,
    pub(crate) licences: Vec<String>,
    /// What limits it, in sentences.
    pub(crate) limits: &'static [&'static str],
}

/// A set of data, and what it was used for.
pub(crate) struct DataUse {
    pub(crate) name: String,
    pub(crate) used_for: &'static str,
    /// How much of it, for example `480 pairs of 24 speakers`.
    pub(crate) amount: String,
}

/// What the header of a card says, if nothing else is known: keys and values in YAML.
const HEADER: [(&str, &str); 3] = [
    ("license", "unknown"),
    ("library_name", "speech2face"),
    ("tags", "[speech2face, voice, face, synthetic]"),
];

const TO_COMPLETE: &str = "Licence, credit and consent are to be completed before the model is \
published: they depend on the data.";

const SYNTHETIC: &str = "**The faces are nobody's.** They are synthetic: they show what the \
training data link to such a voice, and are not a likeness of the speaker. The model cannot tell \
who is speaking or what that person looks like. Pictures carry a mark in their metadata that says \
so: keep it.";

const OUT_OF_SCOPE: &str = "Finding out who is speaking, matching voices and people, surveillance, \
evidence, access control, hiring, health, anything that decides about a person; concluding \
ethnicity, origin or character. Pictures must not be presented as photographs or as likenesses of \
a real speaker.";

const COMMON_LIMITS: [&str; 3] = [
    "It knows only people like those in its training data, and languages, microphones and rooms \
     like theirs.",
    "Where a corpus links voices and faces by chance, so does the model.",
    "The scores above are for following a run, without intervals unless stated: `speech2face \
     evaluate` computes scores with intervals, controls, and by group.",
];

impl Card<'_> {
    /// The text of the card.
    pub(crate) fn text(&self, environment: &Environment, scores: &impl Serialize) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{line}\n");
        };
        line(&format!("# {}", escaped(self.name)));
        line(self.summary);
        line(SYNTHETIC);

        line("## Training");
        line(&training(environment));

        line("## Data");
        let rows = self.data.iter().map(|DataUse { name, used_for, amount }| {
            format!("| {} | {used_for} | {} |", escaped(name), escaped(amount))
        });
        let head = ["| data | used for | amount |".to_owned(), "|---|---|---|".to_owned()];
        line(&head.into_iter().chain(rows).collect::<Vec<_>>().join("\n"));
        if !self.licences.is_empty() {
            let licences: Vec<String> = self.licences.iter().map(|name| escaped(name)).collect();
            line(&format!(
                "Licences of the data, as the corpus states them: {}.",
                licences.join("; ")
            ));
        }
        line(&records(&environment.trained_on));
        line(TO_COMPLETE);

        line("## Scores");
        let rows = numbers(scores);
        let rows =
            rows.iter().map(|(name, value)| format!("| {} | {} |", escaped(name), rounded(*value)));
        let rows: Vec<String> = rows.collect();
        match rows.is_empty() {
            true => line("None: there is no test split."),
            false => line(&format!("| score | value |\n|---|---|\n{}", rows.join("\n"))),
        }

        line("## Limits");
        let limits = self.limits.iter().chain(&COMMON_LIMITS);
        line(&limits.map(|limit| format!("- {limit}")).collect::<Vec<_>>().join("\n"));
        line("## Out of scope");
        line(OUT_OF_SCOPE);
        text.truncate(text.trim_end().len());
        text.push('\n');
        sealed(
            &format!("{}\n", HEADER.map(|(key, value)| format!("{key}: {value}")).join("\n")),
            &text,
        )
    }
}

/// With which program, commit and command a run was made.
fn training(environment: &Environment) -> String {
    let Environment { version, commit, command, seed, .. } = environment;
    let commit = commit.as_deref().map_or(String::new(), |commit| format!(", commit {commit}"));
    let command = match command.is_empty() {
        true => "(the command is not known)".to_owned(),
        false => format!("    {}", command_line(command)),
    };
    format!(
        "By speech2face {}{}, seed {seed}, in a run folder with `config.toml`, \
         `environment.json` and `metrics.jsonl`:\n\n{command}",
        escaped(version),
        escaped(&commit)
    )
}

/// The data of a model as a list of their hashes.
fn records(trained_on: &[TrainingRecord]) -> String {
    let records: Vec<String> = trained_on.iter().map(record).collect();
    format!(
        "Hashes of everything that it was trained on, in this run and in those that it started \
         from:\n\n{}",
        records.join("\n")
    )
}

/// A record as an item of a list: the name of the data without its folder, and the hash.
fn record(record: &TrainingRecord) -> String {
    let item = |what: &str, path: &Path, hash: &str| {
        format!("- {what} {}: {}", escaped(&file_name(path)), escaped(hash))
    };
    match record {
        TrainingRecord::Pairs { path, data } => item("pairs", path, data.as_str()),
        TrainingRecord::Recordings { path, data } => item("recordings", path, data.as_str()),
        TrainingRecord::Faces { path, data } => item("portraits", path, data.as_str()),
        TrainingRecord::Unknown { model } => {
            format!("- not known: the data of {}", escaped(&file_name(Path::new(model))))
        }
    }
}

/// The last part of a path: a card may be published, and says nothing of the folders of a machine.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A command as it can be typed, with the folders of absolute paths left out.
fn command_line(command: &[String]) -> String {
    let shortened = |text: &str| match Path::new(text) {
        path if path.is_absolute() => format!("…/{}", file_name(path)),
        _ => text.to_owned(),
    };
    let argument = |text: &String| {
        let text = match text.split_once('=') {
            Some((key, value)) => format!("{key}={}", shortened(value)),
            None => shortened(text),
        };
        let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%…".contains(c);
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match !text.is_empty() && text.chars().all(is_plain) {
            true => text,
            false => format!("'{}'", text.replace('\'', "'\\''")),
        }
    };
    command.iter().map(argument).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use speech2face::DataId;

    use super::*;

    #[test]
    fn commands_can_be_typed_and_name_no_folder_of_the_machine() {
        let command = ["speech2face", "train", "/home/alice/a b.toml", "--set", "data.root=/d/x"];
        let command: Vec<String> = command.map(str::to_owned).to_vec();
        assert_eq!(command_line(&command), "speech2face train '…/a b.toml' --set data.root=…/x");
        assert_eq!(command_line(&["it's\n`".to_owned()]), "'it'\\''s `'");
    }

    #[test]
    fn a_card_has_all_that_a_reader_needs() {
        let environment: Environment = serde_json::from_value(json!({
            "version": "0.1.0", "commit": "abc123", "command": ["speech2face", "train"],
            "device": "cpu", "seed": 7, "threads": 2, "data_sha256": "d",
            "started": "2026-01-02T03:04:05Z", "resumed": ["2026-01-03T03:04:05Z"],
            "trained_on": [],
        }))
        .unwrap();
        let trained_on = vec![
            TrainingRecord::Pairs {
                path: "/home/a/my_pairs".into(),
                data: DataId::of_pairs("ab", 3),
            },
            TrainingRecord::Unknown { model: "runs/<old>".into() },
        ];
        let environment = Environment { trained_on, ..environment };
        let card = Card {
            name: "evil\n---\n# name",
            summary: "It draws.",
            data: vec![DataUse {
                name: "a|b".into(),
                used_for: "training",
                amount: "3 pairs".into(),
            }],
            licences: vec!["CC0 <x>".into()],
            limits: &["One."],
        };
        let text = card.text(&environment, &json!({ "recall": 12.5 }));
        for part in [
            "\nlicense: unknown\nlibrary_name: speech2face\ntags: [speech2face, voice, face, \
             synthetic]\n---\n\n# evil --- \\# name\n",
            "0.1.0, commit abc123, seed 7,",
            "\n    speech2face train\n",
            "| a\\|b | training | 3 pairs |\n",
            "CC0 &lt;x&gt;.\n",
            "- pairs my\\_pairs: ab-3\n- not known: the data of &lt;old&gt;\n",
            "| recall | 12.50 |\n",
            "- One.\n- It knows only",
            "## Out of scope\n\nFinding out who is speaking",
            "synthetic",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(!text.contains("/home") && !text.contains("2026"), "{text}");
        assert!(s2f_core::markdown::is_sealed(text.as_bytes()), "{text}");
        let without = card.text(&environment, &json!({}));
        assert!(without.contains("None: there is no test split."));
    }
}
