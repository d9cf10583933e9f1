//! The check of a corpus as text.

use std::fmt;

use super::{AbsentKind, CorpusCheck, Estimate, PeopleCounts};
use crate::plan::UnpairedCounts;

impl fmt::Display for CorpusCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PeopleCounts { named, present, female, male, sex_not_stated, with_age, with_language } =
            self.people;
        let mut line = |name: &str, text: String| writeln!(f, "{name:<9} {text}");
        line("layout", format!("{} ({})", self.layout_title, self.layout))?;
        line("folder", self.root.display().to_string())?;
        line(
            "people",
            format!(
                "{present} ({named} named): {female} female, {male} male, {sex_not_stated} not \
                 stated"
            ),
        )?;
        if with_age + with_language > 0 {
            line("", format!("{with_age} with an age, {with_language} with a language"))?;
        }
        match self.unpaired {
            Some(UnpairedCounts { portraits, recordings }) => {
                line("holds", format!("{portraits} portraits, {recordings} recordings"))?;
            }
            None => {
                line("clips", format!("{} from {} videos or sessions", self.clips, self.videos))?;
            }
        }
        if self.test_clips > 0 {
            line("", format!("{} in the test set of the corpus", self.test_clips))?;
        }
        let mut title = "missing";
        for AbsentKind { missing, count, examples } in &self.absent {
            let more = match count.saturating_sub(examples.len()) {
                0 => String::new(),
                more => format!(", … and {more} more"),
            };
            line(title, format!("{count} × {missing}: {}{more}", examples.join(", ")))?;
            title = "";
        }
        if self.absent.is_empty() {
            line(title, "nothing".to_owned())?;
        }
        line("licence", self.licence.clone())?;
        line("prepare", self.treatment.to_owned())?;
        let Estimate { pairs_at_most, clip_seconds, bytes_at_most, bytes_per_hour } = self.estimate;
        if let Some(seconds) = clip_seconds {
            line("sound", format!("{} in the clips", duration(seconds)))?;
        }
        match (pairs_at_most, bytes_at_most) {
            (Some(0), _) => Ok(()),
            (Some(pairs), Some(bytes)) => {
                line("at most", format!("{pairs} pairs, {} on disk", size(bytes)))
            }
            _ => line("at most", format!("{} on disk for an hour of speech", size(bytes_per_hour))),
        }
    }
}

/// A size for people, in decimal units.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        0.0..120.0 => format!("{seconds:.0} s"),
        120.0..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::tests::{corpus, media};
    use super::*;

    #[test]
    fn the_text_has_a_line_for_each_property() {
        let clips = [("a", "v", media(3.0, Some(9.0))), ("c", "v", media(0.0, Some(4.0)))];
        let absent = [("x", "no video")];
        let plan = corpus("avspeech", &clips, &absent);
        let text = check(&plan).to_string();
        let treatment = plan.layout.treatment;
        let expected = format!(
            "layout    AVSpeech (avspeech)\n\
             folder    corpus\n\
             people    2 (3 named): 1 female, 1 male, 0 not stated\n\
             clips     2 from 2 videos or sessions\n\
             missing   1 × no video: x\n\
             licence   CC0\n\
             prepare   {treatment}\n\
             sound     10 s in the clips\n\
             at most   2 pairs, 210 kB on disk\n"
        );
        assert_eq!(text, expected);
        let absent = ["p", "q", "r", "s", "t"].map(|id| (id, "no sound"));
        let text = check(&corpus("avspeech", &clips, &absent)).to_string();
        assert!(text.contains("missing   5 × no sound: p, q, r, … and 2 more\n"), "{text}");
        let text = check(&corpus("folder", &clips, &[])).to_string();
        assert!(text.contains("missing   nothing\n"), "{text}");
        assert!(text.contains("at most   68.4 MB on disk for an hour of speech\n"), "{text}");
    }

    #[test]
    fn amounts_are_written_for_people() {
        let bytes = [0, 999_499, 1_000_000, 12_345_678, 2_500_000_000].map(size);
        assert_eq!(bytes, ["0 kB", "999 kB", "1.0 MB", "12.3 MB", "2.5 GB"]);
        let times = [0.0, 119.0, 120.0, 7199.0, 7200.0, 1e7].map(duration);
        assert_eq!(times, ["0 s", "119 s", "2 min", "120 min", "2 h", "2778 h"]);
    }
}
