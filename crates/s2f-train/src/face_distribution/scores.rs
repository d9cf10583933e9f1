//! Scores on voices of corpora and groups of languages that were left out.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::DVector;
use s2f_core::{Sex, Trait};
use serde::Serialize;

use super::calibration::Calibration;
use super::left_out::{LeftOut, Row};
use super::pictures::PictureScores;
use super::recordings::Version;
use crate::regression::correlation;

/// Pitch between that of most men and of most women, Hz.
const BETWEEN_HZ: f64 = 170.0;
/// Normal quantiles of the 50 % and 90 % intervals.
const HALF: f64 = 0.674_49;
const NINE_TENTHS: f64 = 1.644_85;

/// Scores of a face distribution's voice side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceDistributionScores {
    /// On each corpus.
    pub corpora: Vec<TraitCorpusScores>,
    /// Share of men with a median pitch above 170 Hz whose sex is right, and their number.
    pub high_men: (f64, usize),
    /// Share of women with a median pitch below 170 Hz whose sex is right, and their number.
    pub low_women: (f64, usize),
    /// Share of recordings whose sex flips in a telephone band with 8-bit coding.
    pub flips_telephone: f64,
    /// The same in noise at 10 dB.
    pub flips_noise: f64,
    /// The same for the first 3 s.
    pub flips_short: f64,
    /// Correlation of the mean predicted age with the stated age in the reference release, women
    /// and men.
    pub age_correlation: [f64; 2],
    /// Share of stated ages in the 50 % and the 90 % interval, in the reference release.
    pub age_coverage: [f64; 2],
    /// Mean of predicted minus stated age in the reference release, years.
    pub age_bias_years: f64,
    /// Mean absolute difference of the two, years.
    pub age_error_years: f64,
    /// Seconds of speech with half of an endless recording's information on age, and on sex.
    pub half_information_s: [f64; 2],
    /// Of drawn faces, as an independent network reads them.
    pub pictures: PictureScores,
    /// Mean age that the network reads in faces of women and of men drawn at each age: years,
    /// women, men.
    pub ages_read: Vec<[f64; 3]>,
}

/// Scores on a corpus that was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraitCorpusScores {
    /// Its folder.
    pub corpus: String,
    /// Number of recordings.
    pub recordings: usize,
    /// Share of speakers whose sex is right.
    pub sex_agreement: f64,
    /// Correlation of predicted and stated age of women and of men, where ages are known.
    pub age_correlation: [Option<f64>; 2],
}

impl FaceDistributionScores {
    pub(crate) fn new(
        left_out: &LeftOut<'_>,
        calibration: &Calibration,
        pictures: PictureScores,
        ages_read: Vec<[f64; 3]>,
    ) -> Self {
        let rows = left_out.rows(Version::Clean);
        let share = |chosen: &dyn Fn(&Row<'_>) -> bool, right: &dyn Fn(&Row<'_>) -> bool| {
            let of = |count: &dyn Fn(&Row<'_>) -> bool| {
                rows.iter()
                    .filter(|row| chosen(row) && count(row))
                    .map(|row| row.weight)
                    .sum::<f64>()
            };
            (of(right) / of(&|_| true), rows.iter().filter(|row| chosen(row)).count())
        };
        let is_right = |row: &Row<'_>| (row.sex > 0.0) == (row.voice.sex == Sex::Female);
        let crosses = |row: &Row<'_>, sex: Sex| {
            let pitch = row.pitch_hz;
            row.voice.sex == sex && pitch.is_some_and(|hz| (hz > BETWEEN_HZ) == (sex == Sex::Male))
        };
        let flips = |version: Version| {
            let clean: BTreeMap<usize, f64> = rows.iter().map(|row| (row.index, row.sex)).collect();
            let copies = left_out.rows(version);
            let flipped = copies.iter().filter(|row| {
                clean.get(&row.index).is_some_and(|sex| (*sex > 0.0) != (row.sex > 0.0))
            });
            flipped.map(|row| row.weight).sum::<f64>()
                / copies.iter().map(|row| row.weight).sum::<f64>()
        };
        let predicted = |row: &Row<'_>| {
            let (mean, variance) = calibration.posterior(row.age, row.seconds);
            Trait::years_of_normal(mean, variance.sqrt()).0
        };
        let age_correlation = |chosen: &dyn Fn(&Row<'_>) -> bool, sex: Sex| {
            let with_age =
                |row: &&Row<'_>| row.voice.age.is_some() && row.voice.sex == sex && chosen(row);
            let chosen: Vec<&Row<'_>> = rows.iter().filter(with_age).collect();
            let vector = |of: &dyn Fn(&Row<'_>) -> f64| {
                DVector::from_iterator(chosen.len(), chosen.iter().map(|row| of(row)))
            };
            let stated = vector(&|row| row.voice.age.unwrap_or_default());
            (chosen.len() > 2)
                .then(|| correlation(&vector(&predicted), &stated, &vector(&|row| row.weight)))
        };
        let corpora: BTreeSet<&str> = rows.iter().map(|row| row.voice.corpus.as_str()).collect();
        let of_corpus = |corpus: &&str| {
            let chosen = |row: &Row<'_>| row.voice.corpus == **corpus;
            let (sex_agreement, recordings) = share(&chosen, &is_right);
            TraitCorpusScores {
                corpus: (*corpus).to_owned(),
                recordings,
                sex_agreement,
                age_correlation: [Sex::Female, Sex::Male].map(|sex| age_correlation(&chosen, sex)),
            }
        };
        let reference: Vec<&Row<'_>> = rows.iter().filter(|row| row.voice.is_reference).collect();
        let total: f64 = reference.iter().map(|row| row.weight).sum();
        let mean = |of: &dyn Fn(&Row<'_>) -> f64| {
            reference.iter().map(|row| row.weight * of(row)).sum::<f64>() / total
        };
        let stated = |row: &Row<'_>| row.voice.age.unwrap_or_default();
        let covered = |quantile: f64| {
            mean(&|row| {
                let (middle, variance) = calibration.posterior(row.age, row.seconds);
                let distance = (Trait::of_years(stated(row)) - middle).abs();
                f64::from(u8::from(distance <= quantile * variance.sqrt()))
            })
        };
        let of_sex =
            |sex: Sex| age_correlation(&|row| row.voice.is_reference, sex).unwrap_or(f64::NAN);
        Self {
            corpora: corpora.iter().map(of_corpus).collect(),
            high_men: share(&|row| crosses(row, Sex::Male), &is_right),
            low_women: share(&|row| crosses(row, Sex::Female), &is_right),
            flips_telephone: flips(Version::Telephone),
            flips_noise: flips(Version::Noise),
            flips_short: flips(Version::Short),
            age_correlation: [of_sex(Sex::Female), of_sex(Sex::Male)],
            age_coverage: [covered(HALF), covered(NINE_TENTHS)],
            age_bias_years: mean(&|row| predicted(row) - stated(row)),
            age_error_years: mean(&|row| (predicted(row) - stated(row)).abs()),
            half_information_s: calibration.half_information_s(),
            pictures,
            ages_read,
        }
    }
}
