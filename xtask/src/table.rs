//! `cargo xtask table FOLDER`: computes the table of docs/results/synthetic.md again.
//!
//! Makes the population, its pairs and one run for each configuration in FOLDER, with the program
//! as built for users. It resumes what is there already, so the command can be interrupted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program;

/// Configurations that have a published network instead of convolutions.
const SPEAKER_ENCODER: &str = "speaker-encoder.toml";
const FINE_TUNED: &str = "ablations/fine-tuned-speaker-encoder.toml";

/// Configuration and its label, in the order of the table.
const ROWS: [(&str, &str); 8] = [
    ("contrastive.toml", "contrastive"),
    ("attention.toml", "… two clips with attention"),
    ("ablations/six-seconds.toml", "… trained on 6 s"),
    ("ablations/regression.toml", "regression: the paper's decoder and direction terms"),
    ("ablations/no-batch-norm.toml", "… without batch normalisation"),
    ("ablations/feature-l1.toml", "… L1 on features only"),
    (SPEAKER_ENCODER, "contrastive, on the speaker encoder GE2E, frozen"),
    (FINE_TUNED, "… fine-tuned"),
];

/// The convolutions of all rows that have any: few, so that two processor cores are enough.
const CONVOLUTIONS: &str = "network.layers=[\
    { channels = 16, stride = [4, 2], pool = false }, \
    { channels = 24, stride = [2, 2], pool = false }, \
    { channels = 32, stride = [1, 2], pool = false }, \
    { channels = 48, stride = [2, 2], pool = false }, \
    { channels = 64, stride = [1, 1], pool = false }, \
    { channels = 96, stride = [1, 1], pool = false }]";

/// What all rows have in common: enough steps to see the differences.
const COMMON: [&str; 3] = [
    "optimisation.batch=48",
    "optimisation.steps=400",
    // 280 people are few.
    "optimisation.optimizer={ adam-w = { weight_decay = 0.5 } }",
];

/// Where the table is written.
const PAGE: &str = "docs/results/synthetic.md";
/// Lines above and below the part of the page that this command writes.
const MARKS: [&str; 2] = ["<!-- table begins -->\n", "<!-- table ends -->\n"];

/// Makes missing data and runs, then writes the table.
pub fn make(folder: &Path) -> Result<(), String> {
    run(program::command(env!("CARGO")).args(["build", "--locked", "--release"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let program = || Command::new(target.join("release/speech2face"));
    let (people, pairs) = (folder.join("people"), folder.join("pairs"));
    run(program().args(["corpus", "synth"]).arg(&people))?;
    if !pairs.join("pairs-00000.parquet").exists() {
        run(program().args(["corpus", "prepare"]).arg(&people).arg("-o").arg(&pairs))?;
    }
    run(program().args(["corpus", "split", "--validation", "0.05", "--test", "0.25"]).arg(&pairs))?;

    let mut table = String::from(
        "| | 3 s: at 1 | at 5 | at 10 | 6 s: at 1 | at 5 | at 10 | \
         median rank, 6 s | degrees, 6 s | diversity |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (config, label) in ROWS {
        let name = config.rsplit('/').next().unwrap_or(config).trim_end_matches(".toml");
        let out = folder.join("runs").join(name);
        let has_convolutions = ![SPEAKER_ENCODER, FINE_TUNED].contains(&config);
        let settings = COMMON.into_iter().chain(has_convolutions.then_some(CONVOLUTIONS));
        run(program()
            .args(["train", "voice-encoder"])
            .arg(Path::new("configs").join(config))
            .arg("-o")
            .arg(&out)
            .arg(format!("--set=data.pairs.path={}", pairs.display()))
            .args(settings.map(|setting| format!("--set={setting}"))))?;
        table.push_str(&row(label, &read(&out.join("scores.json"))?)?);
    }
    table.push_str(&bounds(&read(&people.join("synth.json"))?)?);
    write(&table)
}

/// A line of the table from `scores.json`.
fn row(label: &str, scores: &Value) -> Result<String, String> {
    let test = &scores["test"];
    let number = |value: &Value, name: &str| {
        value.as_f64().ok_or_else(|| format!("scores.json of {label} has no {name}"))
    };
    let mut cells = vec![label.to_owned()];
    for seconds in 0..2 {
        for k in ["at_1", "at_5", "at_10"] {
            cells.push(format!("{:.0}", number(&test[seconds]["recall"][k], k)?));
        }
    }
    for (name, digits) in [("median_rank", 1), ("degrees", 1), ("diversity", 2)] {
        cells.push(format!("{:.digits$}", number(&test[1][name], name)?));
    }
    Ok(format!("| {} |\n", cells.join(" | ")))
}

/// The rows of the best possible scores and of chance.
fn bounds(report: &Value) -> Result<String, String> {
    let mut lines = String::new();
    for (label, name) in [("at best", "best"), ("by chance", "chance")] {
        // The report has ranks 1, 2, 5 and 10.
        let at = |place: usize| {
            let value = report[name]["at"][place].as_f64();
            value.map(|share| format!("{:.0}", 100.0 * share))
        };
        let cells: Option<Vec<String>> = [0, 2, 3].into_iter().map(at).collect();
        let cells = cells.ok_or_else(|| format!("synth.json has no {name}"))?.join(" | ");
        lines.push_str(&format!("| *{label}* | {cells} | {cells} | | | |\n"));
    }
    Ok(lines)
}

fn write(table: &str) -> Result<(), String> {
    let page = fs::read_to_string(PAGE).map_err(|e| format!("{PAGE}: {e}"))?;
    let cut = || {
        let (above, rest) = page.split_once(MARKS[0])?;
        let (_, below) = rest.split_once(MARKS[1])?;
        Some(format!("{above}{}{table}{}{below}", MARKS[0], MARKS[1]))
    };
    let text = cut().ok_or_else(|| format!("{PAGE} has no place for the table"))?;
    fs::write(PAGE, text).map_err(|e| format!("{PAGE}: {e}"))
}

fn read(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}
