//! The card of a model that exists, completed with what is known: what its header lacks, the run
//! that it came from, and the scores of an evaluation, also as the results that the hub reads.
//!
//! What the card says already stays as it is; only an evaluation of an earlier call is replaced.

use std::fmt::Write;
use std::ops::Range;

use s2f_core::markdown::{escaped, quoted, sealed, unsealed};
use speech2face::{Environment, TrainingRecord};

use super::{COMMON_LIMITS, HEADER, OUT_OF_SCOPE, SYNTHETIC, TO_COMPLETE, records, training};
use crate::score_table::rounded;

/// What an evaluation says, for a card.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardEvaluation {
    /// The data that the model was evaluated on.
    pub data: String,
    /// What was evaluated and how: label and text.
    pub about: Vec<(String, String)>,
    /// Warnings that hold for all scores.
    pub notes: Vec<String>,
    /// The scores that a reader should see first.
    pub scores: Vec<CardScore>,
}

/// A score with its interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardScore {
    /// Its name in the report.
    pub id: String,
    /// What is measured.
    pub label: String,
    /// What it says, one sentence.
    pub verdict: String,
    /// Its unit.
    pub unit: String,
    /// The value; one that is not finite is not shown.
    pub value: f64,
    /// 95 % confidence interval, if there is one.
    pub interval: Option<[f64; 2]>,
    /// The score of guessing, if it is known.
    pub chance: Option<f64>,
    /// Number of pairs.
    pub pairs: usize,
    /// Their speakers.
    pub speakers: usize,
}

/// Title of the section that [`complete_card`] replaces.
const EVALUATION: &str = "## Evaluation";
/// The part of the header that it replaces.
const RESULTS: &str = "model-index:";

/// Completes `card`, the card of the model `name`, which may be empty. `run` is what the run folder
/// says that the model came from, if it is known, and what it was trained on.
pub fn complete_card(
    name: &str,
    card: &str,
    run: Option<(&Environment, &[TrainingRecord])>,
    evaluation: Option<&CardEvaluation>,
) -> String {
    // An editor may have written other ends of lines.
    let card = card.replace("\r\n", "\n");
    let (old_header, old_body) = parts(&card);
    let old_results = results_in(old_header);
    let mut header = [&old_header[..old_results.start], &old_header[old_results.end..]].concat();
    for (key, value) in HEADER {
        if !header.lines().any(|line| line.starts_with(&format!("{key}:"))) {
            let _ = writeln!(header, "{key}: {value}");
        }
    }
    let mut body = old_body.trim().to_owned();
    if body.is_empty() {
        body = format!("# {}\n\n{SYNTHETIC}", escaped(name));
    }
    let mut add = |title: &str, text: &str| {
        if !body.lines().any(|line| line.trim_end() == title) {
            let _ = write!(body, "\n\n{title}\n\n{text}");
        }
    };
    match run {
        Some((environment, trained_on)) => {
            add("## Training", &training(environment));
            add("## Data", &format!("{}\n\n{TO_COMPLETE}", records(trained_on)));
        }
        None => add("## Data", &format!("Not recorded. {TO_COMPLETE}")),
    }
    add("## Limits", &COMMON_LIMITS.map(|limit| format!("- {limit}")).join("\n"));
    add("## Out of scope", OUT_OF_SCOPE);
    if let Some(evaluation) = evaluation {
        header += &results(name, evaluation);
        body = with_section(&body, &evaluation.section());
    } else {
        // The results of an earlier call belong to the section that stays.
        header += &old_header[old_results];
    }
    sealed(&header, &format!("{}\n", body.trim_end()))
}

/// The lines of a card's header, without its seal, and the text below.
fn parts(card: &str) -> (&str, &str) {
    let parts = card.strip_prefix("---\n").and_then(|rest| {
        let (header, body) = rest.split_once("\n---\n")?;
        Some((&rest[..=header.len()], body))
    });
    parts.map_or(("", card), |(header, body)| (unsealed(header), body))
}

/// Where a header has the results of an earlier evaluation; an empty range at its end if it has
/// none.
fn results_in(header: &str) -> Range<usize> {
    let mut starts = header.match_indices(RESULTS).map(|(at, _)| at);
    match starts.find(|&at| at == 0 || header[..at].ends_with('\n')) {
        Some(at) => at..at + end_of_entry(&header[at..]),
        None => header.len()..header.len(),
    }
}

/// Where the entry ends that `yaml` starts with: before the next line that starts with another key.
fn end_of_entry(yaml: &str) -> usize {
    let mut end = yaml.find('\n').map_or(yaml.len(), |at| at + 1);
    for line in yaml[end..].split_inclusive('\n') {
        if !line.starts_with([' ', '-', '\n']) {
            break;
        }
        end += line.len();
    }
    end
}

/// `body` with `section` in place of its evaluation, or before its limits.
fn with_section(body: &str, section: &str) -> String {
    let find =
        |title: &str, from: usize| body[from..].find(&format!("\n{title}")).map(|at| from + at + 1);
    let (start, end) = match find(&format!("{EVALUATION}\n"), 0) {
        Some(start) => (start, find("## ", start).unwrap_or(body.len())),
        None => {
            let limits = find("## Limits\n", 0).unwrap_or(body.len());
            (limits, limits)
        }
    };
    format!("{}\n\n{section}\n\n{}", body[..start].trim_end(), &body[end..])
}

/// Results as the hub reads them, `model-index` in the header.
fn results(name: &str, evaluation: &CardEvaluation) -> String {
    let mut text = String::new();
    for score in evaluation.scores.iter().filter(|score| score.value.is_finite()) {
        let interval =
            score.interval_text().map_or(String::new(), |interval| format!(", {interval}"));
        let name = format!("{} ({}{interval})", score.label, score.unit);
        let _ = write!(
            text,
            "    - type: {}\n      value: {}\n      name: {}\n",
            quoted(&score.id),
            score.value,
            quoted(&name)
        );
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "{RESULTS}\n- name: {}\n  results:\n  - task:\n      type: voice-to-face\n      name: \
         A plausible face from a voice\n    dataset:\n      type: pairs\n      name: \
         {}\n    metrics:\n{text}",
        quoted(name),
        quoted(&evaluation.data)
    )
}

impl CardEvaluation {
    fn section(&self) -> String {
        let row = |cells: &[&str]| format!("\n| {} |", cells.join(" | "));
        let mut text = format!(
            "{EVALUATION}\n\nBy `speech2face evaluate`, with 95 % confidence intervals by \
             speaker.\n"
        );
        text += "\n| | |\n|---|---|";
        for (label, value) in &self.about {
            text += &row(&[&escaped(label), &escaped(value)]);
        }
        text += "\n\n| score | value | 95 % interval | chance | unit | pairs | speakers | |\n\
                 |---|---|---|---|---|---|---|---|";
        for score in self.scores.iter().filter(|score| score.value.is_finite()) {
            text += &row(&[
                &escaped(&score.label),
                &rounded(score.value),
                &score.interval_text().unwrap_or_default(),
                &score.chance.map(rounded).unwrap_or_default(),
                &escaped(&score.unit),
                &score.pairs.to_string(),
                &score.speakers.to_string(),
                &escaped(&score.verdict),
            ]);
        }
        for note in &self.notes {
            let _ = write!(
                text,
                "{}- {}",
                if text.ends_with('|') { "\n\n" } else { "\n" },
                escaped(note)
            );
        }
        text
    }
}

impl CardScore {
    fn interval_text(&self) -> Option<String> {
        self.interval.map(|[low, high]| format!("{} to {}", rounded(low), rounded(high)))
    }
}

#[cfg(test)]
mod tests {
    use s2f_core::markdown::is_sealed;

    use super::*;

    fn evaluation(value: f64) -> CardEvaluation {
        CardEvaluation {
            data: "grid: \"test\"".into(),
            about: vec![("Pairs".into(), "83 <of> 7".into())],
            notes: vec!["Few speakers.".into()],
            scores: vec![CardScore {
                id: "matching/1-of-2".into(),
                label: "Own face of two".into(),
                verdict: "Not chance.".into(),
                unit: "percent".into(),
                value,
                interval: Some([48.0, 61.25]),
                chance: Some(50.0),
                pairs: 83,
                speakers: 7,
            }],
        }
    }

    #[test]
    fn scores_come_with_their_intervals_and_replace_those_of_an_earlier_evaluation() {
        let edited = "---\nlicense: mit\ntags: [a]\n---\n\n# m\n\nMine.\n\n## Data\n\nOurs.\n\n\
                      ## Limits\n\n- Mine.\n";
        let first = complete_card("m", edited, None, Some(&evaluation(54.5)));
        let second = complete_card("m", &first, None, Some(&evaluation(55.5)));
        assert!(is_sealed(second.as_bytes()));
        for part in [
            "\nlicense: mit\ntags: [a]\nlibrary_name: speech2face\nmodel-index:\n- name: \"m\"\n",
            "      name: \"grid: \\\"test\\\"\"\n    metrics:\n    - type: \
             \"matching/1-of-2\"\n      value: 55.5\n      \
             name: \"Own face of two (percent, 48 to 61.25)\"\n---\n\n# m\n\nMine.\n\n\
             ## Data\n\nOurs.\n\n## Evaluation\n\n",
            "| Pairs | 83 &lt;of&gt; 7 |\n",
            "| Own face of two | 55.50 | 48 to 61.25 | 50 | percent | 83 | 7 | Not chance. |\n\n\
             - Few speakers.\n\n## Limits\n\n- Mine.\n\n## Out of scope\n\nFinding out",
        ] {
            assert!(second.contains(part), "{part:?} is missing in:\n{second}");
        }
        assert!(!second.contains("54.5"), "{second}");
        // Without an evaluation, nothing is lost; and nothing is added twice.
        assert_eq!(complete_card("m", &second, None, None), second);
        assert_eq!(complete_card("m", &first, None, Some(&evaluation(55.5))), second);
    }

    #[test]
    fn a_model_without_a_card_gets_one_that_claims_nothing() {
        let text = complete_card("a#b", "", None, Some(&evaluation(f64::NAN)));
        for part in [
            "\nlicense: unknown\nlibrary_name: speech2face\n",
            "\n# a\\#b\n\n**The faces are nobody's.**",
            "\n## Data\n\nNot recorded. Licence",
            "\n## Limits\n\n- It knows only",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(!text.contains("NaN") && !text.contains("model-index"), "{text}");
    }
}
