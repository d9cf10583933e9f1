//! Traits of a person that can follow the identity in a face feature, and their scales.

use serde::{Deserialize, Serialize};

use crate::Sex;

/// A trait of a person as one dimension of a [`FaceSpace`](crate::FaceSpace). Scales are chosen so
/// that the traits of a population have a mean near 0 and a deviation near 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trait {
    /// +1 for women, -1 for men.
    Sex,
    /// ln((years - 15) / 25) / 0.7: a normal distribution of the trait is a skewed one of the
    /// years, as the ages of adults are distributed. 20 years: -2.3, 40: 0, 65: 1.0.
    Age,
    /// Length of a woman's hair: -1.5 at the chin, 1.5 on the shoulders; 0 for men.
    Hair,
}

/// Age that the logarithm is counted from: of adults only, years.
const YOUNGEST: f64 = 15.0;
/// Years after [`YOUNGEST`] for which the trait is 0.
const MIDDLE_AGE: f64 = 25.0;
/// Deviation of the logarithm over a population of adults.
const DEVIATION: f64 = 0.7;
/// Ages up to this are taken for it, years.
const MIN_AGE: f64 = 16.0;

impl Trait {
    /// All traits, in their usual order.
    pub const ALL: [Self; 3] = [Self::Sex, Self::Age, Self::Hair];

    /// `sex`, `age` or `hair`, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sex => "sex",
            Self::Age => "age",
            Self::Hair => "hair",
        }
    }

    /// The value of [`Trait::Sex`].
    ///
    /// ```
    /// use s2f_core::{Sex, Trait};
    ///
    /// assert_eq!(Trait::of_sex(Sex::Female), 1.0);
    /// assert_eq!(Trait::sex(-0.3), Sex::Male);
    /// ```
    pub fn of_sex(sex: Sex) -> f64 {
        match sex {
            Sex::Female => 1.0,
            Sex::Male => -1.0,
        }
    }

    /// The sex whose [`Trait::Sex`] is nearer to `value`.
    pub fn sex(value: f64) -> Sex {
        if value > 0.0 { Sex::Female } else { Sex::Male }
    }

    /// The value of [`Trait::Age`]; that of 16 years for fewer.
    ///
    /// ```
    /// use s2f_core::Trait;
    ///
    /// assert_eq!(Trait::of_years(40.0), 0.0);
    /// assert!((Trait::years(Trait::of_years(65.0)) - 65.0).abs() < 1e-9);
    /// ```
    pub fn of_years(years: f64) -> f64 {
        ((years.max(MIN_AGE) - YOUNGEST) / MIDDLE_AGE).ln() / DEVIATION
    }

    /// The age in years whose [`Trait::Age`] is `value`: the inverse of [`Trait::of_years`].
    pub fn years(value: f64) -> f64 {
        YOUNGEST + MIDDLE_AGE * (DEVIATION * value).exp()
    }

    /// The deviation of [`Trait::Age`] for one of the logarithm of the years above 15.
    pub fn of_log_deviation(deviation: f64) -> f64 {
        deviation / DEVIATION
    }

    /// Mean and standard deviation in years of a normal distribution of [`Trait::Age`].
    ///
    /// Closed form: the moments of a log-normal distribution.
    ///
    /// ```
    /// use s2f_core::Trait;
    ///
    /// let (mean, deviation) = Trait::years_of_normal(0.0, 0.5);
    /// assert!((mean - 41.58).abs() < 0.01 && (deviation - 9.59).abs() < 0.01);
    /// ```
    pub fn years_of_normal(mean: f64, deviation: f64) -> (f64, f64) {
        let variance = (DEVIATION * deviation).powi(2);
        let years = MIDDLE_AGE * (DEVIATION * mean + 0.5 * variance).exp();
        (YOUNGEST + years, years * variance.exp_m1().sqrt())
    }

    /// The value of [`Trait::Hair`] for a woman's hair, from 0, at the chin, to 1, on the
    /// shoulders.
    ///
    /// ```
    /// assert_eq!(s2f_core::Trait::of_hair(1.0), 1.5);
    /// ```
    pub fn of_hair(length: f64) -> f64 {
        3.0 * length - 1.5
    }
}
