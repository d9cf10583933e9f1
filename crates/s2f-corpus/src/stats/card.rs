//! The card of a data set, in Markdown, with the header of the Hugging Face hub: with it,
//! `datasets` reads the Parquet files with the types of their columns and split by split.

use std::collections::BTreeMap;
use std::fmt::Write;

use s2f_core::markdown::{escaped, quoted, sealed};
use s2f_pairs::{ColumnKind, Split, columns};

use super::table::hours;
use super::{Count, NOT_STATED, Stats};

/// Licences that the hub knows by these names: SPDX identifiers in lower case, with hyphens for
/// blanks.
const LICENCES: [&str; 14] = [
    "apache-2.0",
    "bsd-3-clause",
    "cc-by-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "mit",
    "odbl",
];

/// The hub's classes of size: the number of pairs that each is below, and its name.
const SIZES: [(usize, &str); 6] = [
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (usize::MAX, "n>10M"),
];

const CONSENT: &str = "To be completed before the data are published: who the people are, what \
they were told and agreed to, who may use the data and for what, and how they can withdraw. \
Without their consent to this use, voices and faces of people must not be published.";

const LIMITS: [&str; 4] = [
    "Models that are trained on these pairs know only people, languages, microphones and rooms \
     like those that are counted above.",
    "Where voices and faces go together by chance, as they do among few people, a model learns \
     that too. Speakers, not pairs, are the sample.",
    "Sex and age are as the source states them; nobody was measured or asked here.",
    "Faces were detected and chosen, and their features computed, by networks, which work better \
     on some people than on others. What was rejected is not in these files.",
];

const OUT_OF_SCOPE: &str = "Finding out who somebody is, matching voices and people, \
surveillance, evidence, access control, hiring, health, anything that decides about a person; \
concluding ethnicity, origin or character.";

impl Stats {
    /// The card of these pairs, for a `README.md` beside the files. `files` is their name or
    /// pattern, such as `pairs-*.parquet`. [`s2f_core::markdown::is_sealed`] recognises it.
    pub fn card(&self, name: &str, files: &str) -> String {
        sealed(&self.header(name, files), &self.body(name))
    }

    /// Names of the splits that have pairs.
    fn splits(&self) -> impl Iterator<Item = &'static str> {
        Split::ALL.map(Split::name).into_iter().filter(|name| self.by_split.contains_key(*name))
    }

    fn header(&self, name: &str, files: &str) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(&licence(&self.by_licence));
        line(&format!("pretty_name: {}", quoted(name)));
        line("task_categories: [other]");
        let size = SIZES.iter().find(|(limit, _)| self.pairs < *limit);
        line(&format!("size_categories: [\"{}\"]", size.map_or("n>10M", |(_, name)| name)));
        line("tags: [speech2face, voice, face, audio, image]");
        line("dataset_info:");
        for split in self.splits() {
            line(&format!("- config_name: {split}\n  features:"));
            for (column, kind) in columns() {
                line(&format!("  - name: {column}\n    {}", feature(kind)));
            }
        }
        // A file holds pairs of all splits, so each configuration reads those of one.
        line("configs:");
        for (index, split) in self.splits().enumerate() {
            line(&format!("- config_name: {split}"));
            if index == 0 {
                line("  default: true");
            }
            line(&format!("  data_files:\n  - split: {split}\n    path: {}", quoted(files)));
            line(&format!("  filters:\n  - [split, \"==\", {split}]"));
        }
        text
    }

    fn body(&self, name: &str) -> String {
        let mut text = String::new();
        let mut line = |line: &str| {
            let _ = writeln!(text, "{line}\n");
        };
        line(&format!("# {}", escaped(name)));
        line(&format!(
            "{} pairs of a voice and a face, of {} people from {} sources, {} in all.",
            self.pairs,
            self.people,
            self.sources,
            hours(self.seconds)
        ));
        line("## Data");
        line(&format!(
            "Each row is a pair: a voice (`audio`, FLAC, 16 kHz), the face of its speaker (`face`, \
             a picture, with five points in `face_points`), and the feature of the face in the \
             face space {}. Pairs of one speaker are all in one split.",
            escaped(&self.face_space.to_string())
        ));
        line(
            "```python\ndatasets.load_dataset(FOLDER, \"train\")  # or \"validation\", \
             \"test\"\n```",
        );
        for (group, counts) in self.groups() {
            line(&table(group, counts));
        }
        let [voice, face] = [&self.same_audio, &self.same_face];
        line(&format!(
            "Duplicates: {} voices and {} faces occur in more than one pair; {} and {} of them in \
             more than one split.",
            voice.groups, face.groups, voice.across_splits, face.across_splits
        ));
        line("## Consent");
        line(CONSENT);
        line("## Limits");
        line(&LIMITS.map(|limit| format!("- {limit}")).join("\n"));
        line("## Out of scope");
        line(OUT_OF_SCOPE);
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

/// The licence in the header: by the hub's names where it knows all of them.
fn licence(counts: &BTreeMap<String, Count>) -> String {
    let known: Option<Vec<String>> = counts
        .keys()
        .map(|name| Some(hyphened(name)).filter(|name| LICENCES.contains(&name.as_str())))
        .collect();
    match known {
        Some(names) if names.is_empty() => "license: unknown".to_owned(),
        Some(names) => format!("license: [{}]", names.join(", ")),
        None if counts.keys().all(|name| name == NOT_STATED) => "license: unknown".to_owned(),
        // The hub wants one word; the text below has what the pairs state.
        None => "license: other\nlicense_name: stated-for-each-pair".to_owned(),
    }
}

fn hyphened(licence: &str) -> String {
    licence.to_lowercase().replace(' ', "-")
}

/// The type of a column, as `datasets` writes it.
fn feature(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "dtype: string",
        ColumnKind::Number => "dtype: float32",
        ColumnKind::Numbers => "list: float32",
        ColumnKind::Audio => "dtype: audio",
        ColumnKind::Image => "dtype: image",
    }
}

fn table(group: &str, counts: &BTreeMap<String, Count>) -> String {
    let mut table = format!("| {group} | people | pairs | time |\n|---|---|---|---|");
    for (name, Count { people, pairs, seconds }) in counts {
        let _ = write!(table, "\n| {} | {people} | {pairs} | {} |", escaped(name), hours(*seconds));
    }
    table
}

#[cfg(test)]
mod tests {
    use s2f_core::markdown::is_sealed;
    use s2f_pairs::{Pair, PairSet};
    use s2f_testing::pairs as samples;

    use super::*;

    fn card(pairs: &[Pair]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        samples::write(&path, pairs).unwrap();
        Stats::of(&PairSet::open(&path).unwrap()).unwrap().card("a\n# b", "pairs-*.parquet")
    }

    #[test]
    fn a_card_counts_types_and_warns() {
        let mut pairs = samples::varied(0, 30);
        for pair in &mut pairs {
            pair.info.licence = "CC-BY-4.0".into();
        }
        let text = card(&pairs);
        assert!(is_sealed(text.as_bytes()));
        for part in [
            "\nlicense: [cc-by-4.0]\npretty_name: \"a # b\"\n",
            "\nsize_categories: [\"n<1K\"]\n",
            "- config_name: train\n  features:\n  - name: pair_id\n    dtype: string\n",
            "  - name: audio\n    dtype: audio\n",
            "  - name: face\n    dtype: image\n",
            "  - name: feature\n    list: float32\n",
            "- config_name: train\n  default: true\n  data_files:\n  - split: train\n    path: \
             \"pairs-*.parquet\"\n  filters:\n  - [split, \"==\", train]\n",
            "\n# a \\# b\n\n30 pairs of a voice and a face, of 3 people",
            "\n| test | 1 | 10 | ",
            "\n| CC-BY-4.0 | 3 | 30 | ",
            "\n## Consent\n\nTo be completed",
            "\n## Out of scope\n\nFinding out who somebody is",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_licence_is_stated_only_if_the_hub_knows_it() {
        let counts = |names: &[&str]| {
            names.iter().map(|name| ((*name).to_owned(), Count::default())).collect()
        };
        for (names, expected) in [
            (&["CC0-1.0", "MIT"][..], "license: [cc0-1.0, mit]"),
            (&["CC BY 4.0"], "license: [cc-by-4.0]"),
            (&[], "license: unknown"),
            (&[NOT_STATED], "license: unknown"),
            (&["MIT", "ask us"], "license: other\nlicense_name: stated-for-each-pair"),
        ] {
            assert_eq!(licence(&counts(names)), expected);
        }
    }
}
