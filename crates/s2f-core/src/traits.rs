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
    /// (years - 45) / 15.
    Age,
}

/// Years of age whose trait is 0.
const MIDDLE_AGE: f64 = 45.0;
/// Years for which the trait of age increases by 1.
const YEARS: f64 = 15.0;

impl Trait {
    /// All traits, in their usual order.
    pub const ALL: [Self; 2] = [Self::Sex, Self::Age];

    /// `sex` or `age`, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sex => "sex",
            Self::Age => "age",
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

    /// The value of [`Trait::Age`].
    ///
    /// ```
    /// use s2f_core::Trait;
    ///
    /// assert_eq!(Trait::of_years(30.0), -1.0);
    /// assert_eq!(Trait::years(2.0), 75.0);
    /// assert_eq!(Trait::difference_in_years(2.0), 30.0);
    /// ```
    pub fn of_years(years: f64) -> f64 {
        (years - MIDDLE_AGE) / YEARS
    }

    /// The age in years whose [`Trait::Age`] is `value`: the inverse of [`Trait::of_years`].
    pub fn years(value: f64) -> f64 {
        value * YEARS + MIDDLE_AGE
    }

    /// A difference of two values of [`Trait::Age`] in years.
    pub fn difference_in_years(difference: f64) -> f64 {
        difference * YEARS
    }
}
