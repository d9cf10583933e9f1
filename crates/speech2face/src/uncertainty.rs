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
}
