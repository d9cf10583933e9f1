//! Sex of a person, as a data set states it.

use serde::{Deserialize, Serialize};

/// Sex of a person, as a data set states it or a network reads it.
///
/// The column of it in files of pairs is called `gender`, as published pairs have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Stated as female.
    Female,
    /// Stated as male.
    Male,
}

impl Sex {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::Female, Self::Male];

    /// `female` or `male`, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    /// The inverse of [`Sex::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sex| sex.name() == name)
    }
}
