//! What a recording tells about the face, in words.

use speech2face::{AgeRange, Uncertainty};

use crate::printer::Printer;

/// Prints what the recording called `name` tells: with `--verbose`, or as a warning if that is
/// nothing although it `has_speech`.
pub fn print(name: &str, uncertainty: &Uncertainty, has_speech: bool, printer: &Printer) {
    if has_speech && !uncertainty.has_speech() {
        printer.warning(format_args!(
            "{name}: no speech above the noise; the face is that of an average person"
        ));
    }
    for line in lines(uncertainty) {
        printer.detail(format_args!("  {line}"));
    }
}

fn lines(uncertainty: &Uncertainty) -> Vec<String> {
    let Uncertainty { evidence, information, share_of_women, age, explained_variance } =
        uncertainty;
    let mut lines = vec![format!(
        "{:.1} s of the recording used, speech {:.0} dB above the noise: {} of what an endless \
         clean recording would tell",
        evidence.seconds,
        evidence.signal_to_noise_db,
        percent(information.components)
    )];
    if let Some(share) = share_of_women {
        let (share, sex) = if *share < 0.5 { (1.0 - share, "men") } else { (*share, "women") };
        lines.push(format!("{} of the plausible faces are {sex}", percent(share)));
    }
    if let Some(AgeRange { median, interval_50, interval_90, .. }) = age {
        let interval = |[low, high]: &[f64; 2]| format!("{low:.0} to {high:.0}");
        lines.push(format!(
            "age about {median:.0}: half of them {}, 90 % of them {} years",
            interval(interval_50),
            interval(interval_90)
        ));
    }
    let explained = percent(explained_variance.max(0.0));
    lines.push(format!("the voice explains {explained} of how faces differ"));
    lines
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use speech2face::Evidence;
    use speech2face::nn::Information;

    use super::*;

    #[test]
    fn words_for_what_a_voice_tells() {
        let uncertainty = Uncertainty {
            evidence: Evidence { seconds: 2.5, signal_to_noise_db: 24.6 },
            information: Information { components: 0.43, weights: 0.68 },
            share_of_women: Some(0.03),
            age: Some(AgeRange {
                mean: 41.0,
                median: 38.2,
                interval_50: [30.0, 47.6],
                interval_90: [21.0, 69.0],
            }),
            explained_variance: -0.01,
        };
        let expected = [
            "2.5 s of the recording used, speech 25 dB above the noise: 43 % of what an endless \
             clean recording would tell",
            "97 % of the plausible faces are men",
            "age about 38: half of them 30 to 48, 90 % of them 21 to 69 years",
            "the voice explains 0 % of how faces differ",
        ];
        assert_eq!(lines(&uncertainty), expected);
    }
}
