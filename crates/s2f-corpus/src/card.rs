//! The card of a set of pairs, `README.md`, with the header of the Hugging Face hub: with it,
//! `datasets` reads voices as sound and faces as pictures.

use std::fmt::Write;

use s2f_core::markdown::escaped;
use s2f_pairs::{Column, columns};

use crate::stats::{Count, Stats};

/// What the first line below the header contains, by which a card of this program is recognised.
pub const MARK: &str = "speech2face corpus card";

/// Name of the hub for each licence that pairs usually have.
const LICENCES: [(&str, &str); 6] = [
    ("CC0", "cc0-1.0"),
    ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
    ("CC BY-NC 4.0", "cc-by-nc-4.0"),
    ("CC BY-SA 4.0", "cc-by-sa-4.0"),
    ("CC BY 4.0", "cc-by-4.0"),
    ("ODbL", "odbl"),
];

const RESPONSIBLE: &str = "A voice says little about a face: mostly sex and, roughly, age. A model \
that was trained on these pairs draws plausible faces and identifies nobody. Out of scope: finding \
out who is speaking, matching voices and people, surveillance, evidence, access control, hiring, \
health, anything that decides about a person; concluding ethnicity, origin or character.";

const UNKNOWN: &str = "**Complete this before you publish the pairs.** The program does not know: \
where the recordings come from and under which terms; what the people in them agreed to, and how \
they can withdraw it; who answers questions.";

/// The text of the card of a set with a name.
pub fn card(name: &str, stats: &Stats) -> String {
    let mut text = header(name, stats);
    let mut line = |line: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{line}\n");
    };
    line(&format!("<!-- written by `{MARK}` -->"));
    line(&format!("# {}", escaped(name)));
    line(&format!(
        "Pairs of a voice and a face of the same person, for speech2face: {} pairs of {} speakers \
         from {} recordings, {:.1} h of voice.",
        stats.pairs,
        stats.people,
        stats.sources,
        stats.seconds / 3600.0
    ));
    line("## Data, consent, credit");
    line(UNKNOWN);
    line("## What is in it");
    line(&format!(
        "Parquet files with a row per pair: `audio` (FLAC, 16 kHz, mono), `face` (PNG, 224 × 224, \
         upright), `feature` ({} numbers of the face space {}), and what the corpus states about \
         the person. `split` is by speaker: no speaker is in two splits.",
        stats.face_space.dimension,
        escaped(&stats.face_space.name)
    ));
    for (title, groups) in [
        ("split", &stats.by_split),
        ("sex", &stats.by_sex),
        ("age", &stats.by_age),
        ("language", &stats.by_language),
        ("licence", &stats.by_licence),
    ] {
        let rows = groups.iter().map(|(name, Count { people, pairs, seconds })| {
            format!("| {} | {people} | {pairs} | {:.2} |\n", escaped(name), seconds / 3600.0)
        });
        let rows: String = rows.collect();
        line(&format!(
            "| {title} | speakers | pairs | hours |\n|---|---|---|---|\n{}",
            rows.trim_end()
        ));
    }
    line("## Use");
    line(
        "```python\nfrom datasets import load_dataset\n\npairs = load_dataset(\"OWNER/NAME\", \
         split=\"train\")                       # all rows\npairs = pairs.filter(lambda row: \
         row[\"split\"] == \"test\")            # those of a split\n```",
    );
    line("DuckDB, pandas, polars and Spark read the files; `speech2face.Pairs` also checks them.");
    line("## Limits and responsible use");
    line(RESPONSIBLE);
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// The header in YAML.
fn header(name: &str, stats: &Stats) -> String {
    let licences: Vec<&str> = stats.by_licence.keys().map(|it| licence(it)).collect();
    let licence = match licences[..] {
        [one] => one,
        _ => "other",
    };
    let size = match stats.pairs {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };
    let features: String = columns()
        .map(|(column, kind)| {
            let kind = match (column.as_str(), kind) {
                ("audio", _) => "dtype:\n      audio:\n        sampling_rate: 16000",
                ("face", _) => "dtype: image",
                (_, Column::Text) => "dtype: string",
                (_, Column::Number) => "dtype: float32",
                (_, Column::Numbers) => "sequence: float32",
                (_, Column::Bytes) => "dtype: binary",
            };
            format!("  - name: {column}\n    {kind}\n")
        })
        .collect();
    format!(
        "---\npretty_name: {}\nlicense: {licence}\nsize_categories:\n- {size}\ntask_categories:\n\
         - feature-extraction\ntags:\n- speech2face\n- voice\n- face\ndataset_info:\n  features:\n\
         {features}configs:\n- config_name: default\n  data_files:\n  - split: train\n    \
         path: \"*.parquet\"\n---\n\n",
        serde_json::Value::from(name) // a JSON string is one in YAML
    )
}

fn licence(stated: &str) -> &'static str {
    let known = LICENCES.iter().find(|(name, _)| stated.starts_with(name));
    known.map_or("other", |(_, identifier)| identifier)
}

#[cfg(test)]
mod tests {
    use s2f_pairs::PairSet;
    use s2f_testing::pairs;

    use super::*;

    fn written(name: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        pairs::write(&folder.path().join("pairs-00000.parquet"), &pairs::varied(0, 12)).unwrap();
        card(name, &Stats::of(&PairSet::open(folder.path()).unwrap()).unwrap())
    }

    #[test]
    fn the_header_types_every_column() {
        let text = written("mine: \"x\"\n- a");
        let header = text.strip_prefix("---\n").unwrap().split("\n---\n").next().unwrap();
        assert!(header.starts_with("pretty_name: \"mine: \\\"x\\\"\\n- a\"\n"), "{header}");
        for line in [
            "  - name: audio\n    dtype:\n      audio:\n        sampling_rate: 16000\n",
            "  - name: face\n    dtype: image\n",
            "  - name: feature\n    sequence: float32\n",
            "  - name: speaker_id\n    dtype: string\n",
            "- n<1K\n",
        ] {
            assert!(header.contains(line), "{line} in {header}");
        }
        assert_eq!(header.matches("  - name: ").count(), 16);
    }

    #[test]
    fn names_cannot_add_markup_and_counts_are_those_of_the_pairs() {
        let text = written("a|b <script>");
        assert!(text.contains("# a\\|b &lt;script&gt;\n") && text.contains(MARK), "{text}");
        assert!(text.contains("12 pairs of "), "{text}");
        assert!(!text.contains("ethnicity |"));
    }

    #[test]
    fn licences_have_the_names_of_the_hub() {
        for (stated, expected) in [
            ("CC BY 4.0", "cc-by-4.0"),
            ("CC BY-NC 4.0 (videos)", "cc-by-nc-4.0"),
            ("CC0", "cc0-1.0"),
            ("ODbL 1.0 (database)", "odbl"),
            ("not stated", "other"),
        ] {
            assert_eq!(licence(stated), expected, "{stated}");
        }
    }
}
