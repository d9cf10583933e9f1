//! The table that people read.

use std::collections::BTreeMap;
use std::fmt;

use super::{Count, Duplicates, Stats};

/// Longer names are cut, characters.
const WIDEST: usize = 36;

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = &self.face_space;
        writeln!(
            f,
            "{} pairs of {} people from {} sources, {}, {:.1} s a pair",
            self.pairs,
            self.people,
            self.sources,
            hours(self.seconds),
            self.mean_seconds
        )?;
        writeln!(f, "face space {space}")?;
        let groups = self.groups();
        let width = groups.iter().flat_map(|(name, counts)| {
            counts.keys().map(String::as_str).chain([*name]).map(|name| name.chars().count())
        });
        let width = width.max().unwrap_or(0).min(WIDEST);
        for (name, counts) in groups {
            write_counts(f, name, counts, width)?;
        }
        write_duplicates(f, "voice", &self.same_audio)?;
        write_duplicates(f, "face", &self.same_face)
    }
}

fn write_counts(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    counts: &BTreeMap<String, Count>,
    width: usize,
) -> fmt::Result {
    writeln!(f, "\n{name:width$}  {:>8}  {:>9}  {:>10}", "people", "pairs", "time")?;
    for (name, count) in counts {
        let time = hours(count.seconds);
        let mut name = name.clone();
        if let Some((end, _)) = name.char_indices().nth(WIDEST) {
            // A licence can be a sentence.
            name.truncate(end);
            name.pop();
            name.push('…');
        }
        writeln!(f, "{name:width$}  {:>8}  {:>9}  {time:>10}", count.people, count.pairs)?;
    }
    Ok(())
}

fn write_duplicates(f: &mut fmt::Formatter<'_>, what: &str, found: &Duplicates) -> fmt::Result {
    if found.groups == 0 {
        return writeln!(f, "\nno {what} occurs twice");
    }
    let (groups, pairs) = (counted(found.groups, "group"), counted(found.pairs, "pair"));
    writeln!(f, "\nthe same {what}: {groups} of pairs, {pairs} in all")?;
    if found.across_splits > 0 {
        let count = found.across_splits;
        writeln!(f, "  LEAK: {} in more than one split", counted(count, "group"))?;
    }
    if found.across_speakers > 0 {
        let count = found.across_speakers;
        writeln!(f, "  WRONG: {} under more than one speaker", counted(count, "group"))?;
    }
    for group in &found.examples {
        let rest = match group.pairs.saturating_sub(group.pair_ids.len()) {
            0 => String::new(),
            more => format!(", … and {more} more"),
        };
        writeln!(f, "  {} pairs: {}{rest}", group.pairs, group.pair_ids.join(", "))?;
    }
    match found.groups.saturating_sub(found.examples.len()) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more {}", if more == 1 { "group" } else { "groups" }),
    }
}

/// A number with the name of what is counted.
fn counted(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn hours(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
