//! What a voice tells about the face, and how sure that is.

use s2f_nn::{DistributionError, FaceDistribution, Information};
use serde::Serialize;

use crate::Evidence;

/// What a recording tells about the face, from the distribution of faces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Uncertainty {
    /// How much speech there is, and how clean it is.
    pub evidence: Evidence,
    /// The share of what an endless clean recording would tell.
    pub information: Information,
    /// Share of the plausible faces that are women's, 0 to 1; `None` if sex is not in the face
    /// space.
    pub share_of_women: Option<f64>,
    /// Age of the plausible faces; `None` if age is not in the face space.
    pub age: Option<AgeRange>,
    /// Share of the variance of all faces that the voice explains, up to 1; below 0 if the
    /// plausible faces vary more than all faces.
    pub explained_variance: f64,
}

/// A distribution of ages, years.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgeRange {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// A quarter is younger than this interval, and a quarter older.
    pub interval_50: [f64; 2],
    /// 5 % are younger than this interval, and 5 % older.
    pub interval_90: [f64; 2],
}

impl AgeRange {
    /// The ages of a distribution; `None` if age is not in its face space.
    pub fn new(faces: &FaceDistribution) -> Option<Self> {
        let (mean, _) = faces.age()?;
        let [median, _] = faces.age_interval(0.0)?;
        let (interval_50, interval_90) = (faces.age_interval(0.5)?, faces.age_interval(0.9)?);
        Some(Self { mean, median, interval_50, interval_90 })
    }
}

impl Uncertainty {
    /// What `faces` says beyond `prior`, the distribution without any voice.
    ///
    /// # Errors
    /// [`DistributionError::WrongLength`] if they are of different face spaces.
    pub fn new(
        faces: &FaceDistribution,
        prior: &FaceDistribution,
        evidence: Evidence,
        information: Information,
    ) -> Result<Self, DistributionError> {
        Ok(Self {
            evidence,
            information,
            share_of_women: faces.share_of_women(),
            age: AgeRange::new(faces),
            explained_variance: faces.explained_variance(prior)?,
        })
    }

    /// Whether the recording holds any speech; without, the faces are those of anybody.
    pub fn has_speech(&self) -> bool {
        self.information != Information::NONE
    }

    /// What the recording tells, in sentences without a full stop: how much of it there is, sex,
    /// age with intervals, and how much of the differences between faces it explains.
    pub fn sentences(&self) -> Vec<String> {
        let Self { evidence, information, share_of_women, age, explained_variance } = self;
        let mut lines = vec![format!(
            "{:.1} s of the recording used, speech {:.0} dB above the noise: {} of what an \
             endless clean recording would tell",
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
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_for_what_a_voice_tells() {
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
        assert_eq!(uncertainty.sentences(), expected);
    }
}
