//! Headlines: the scores that a reader should see first.

use crate::context::MAIN;
use crate::report::{Headline, Score};
use crate::scorer::Scorer;

/// Values that differ by less are equal except for rounding.
const SAME: f64 = 1e-6;

/// One sentence about a score.
type Verdict = fn(&Score, &Scorer<'_>) -> String;

/// The scores at the top of the report, with a verdict on each.
pub(crate) fn headlines(scorer: &Scorer<'_>) -> Vec<Headline> {
    let retrieval = format!("retrieval/voice-to-face/{}", MAIN.name());
    let listed: [(&str, String, Verdict); 6] = [
        ("Own face among the first 10 %", format!("{retrieval}/at-10-percent"), against_chance),
        (
            "One of two, of one sex",
            "matching/voice-to-face/1-of-2/same-sex".into(),
            |score, scorer| {
                let said = against_chance(score, scorer);
                if is_above(score) {
                    format!("{said} The voice carries more than sex.")
                } else {
                    said
                }
            },
        ),
        ("One of two", "matching/voice-to-face/1-of-2".into(), against_chance),
        ("Angle to the true face", "similarity/degrees".into(), |_, scorer| {
            let nearer = scorer.get("similarity/degrees/nearer-than-one-face");
            match nearer.and_then(|nearer| nearer.interval) {
                Some([low, _]) if low > SAME => {
                    "Nearer than the best one face for everybody.".into()
                }
                Some([_, high]) if high < -SAME => {
                    "Farther than the best one face for everybody.".into()
                }
                Some(_) => "Not distinguishable from the best one face for everybody.".into(),
                None => String::new(),
            }
        }),
        (
            "Sex of the generated face as in the photograph",
            "attributes/sex/photograph/voice/balanced-accuracy".into(),
            against_chance,
        ),
        (
            "Spread within each sex, relative to true faces",
            "diversity/spread/within-sex".into(),
            |score, _| {
                match score.value {
                    share if share < 20.0 => "Close to one face for women and one for men.",
                    share if share < 80.0 => "Faces differ less than true ones.",
                    share if share <= 120.0 => "Faces differ about as much as true ones.",
                    _ => "Faces differ more than true ones.",
                }
                .into()
            },
        ),
    ];
    let known = |id: &str| scorer.get(id).filter(|score| score.value.is_finite());
    listed
        .into_iter()
        .filter_map(|(label, id, verdict)| {
            let score = known(&id)?;
            Some(Headline { label: label.into(), verdict: verdict(score, scorer), score: id })
        })
        .collect()
}

fn is_above(score: &Score) -> bool {
    score.interval.zip(score.chance).is_some_and(|([low, _], chance)| low > chance + SAME)
}

fn against_chance(score: &Score, _: &Scorer<'_>) -> String {
    let Some(([low, high], chance)) = score.interval.zip(score.chance) else {
        return "Too few speakers to say.".into();
    };
    if low > chance + SAME {
        "Above chance.".into()
    } else if high < chance - SAME {
        "Below chance.".into()
    } else {
        "Not distinguishable from chance.".into()
    }
}
