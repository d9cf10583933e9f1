//! Face spaces: which encoder and layer a face feature comes from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Trait;

/// The face encoder and layer that a feature comes from, and the traits that follow it. Features of
/// different face spaces cannot be compared or mixed.
///
/// A feature has two parts: the *identity*, which the face encoder computes from a photograph, and
/// the values of `traits`, which a person's data state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceSpace {
    /// The face encoder and its layer, for example `mobileface-v2` or `vgg-face-fc7`.
    pub name: String,
    /// Number of dimensions of a feature, D, those of the traits included.
    pub dimension: usize,
    /// Whether the identities have unit length.
    pub normalisation: Normalisation,
    /// The traits that follow the identity, one dimension each; usually none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<Trait>,
}

/// Whether the features of a face space have unit length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Not normalised: the encoder's output as it is.
    None,
    /// The Euclidean length is 1.
    UnitLength,
}

impl FaceSpace {
    /// MobileFace V2, 256 dimensions, unit length: the face space of the shipped model.
    pub fn mobileface() -> Self {
        Self {
            name: "mobileface-v2".into(),
            dimension: 256,
            normalisation: Normalisation::UnitLength,
            traits: Vec::new(),
        }
    }

    /// VGG-Face's fc7 after its ReLU, 4096 dimensions, not normalised: the paper's face space.
    pub fn vgg_face() -> Self {
        Self {
            name: "vgg-face-fc7".into(),
            dimension: 4096,
            normalisation: Normalisation::None,
            traits: Vec::new(),
        }
    }

    /// The identities of this face space, followed by `traits` instead of its own traits.
    ///
    /// ```
    /// use s2f_core::{FaceSpace, Trait};
    ///
    /// let space = FaceSpace::mobileface().with_traits(&Trait::ALL);
    /// assert_eq!((space.dimension, space.identity_dimension()), (259, 256));
    /// assert_eq!(space.index(Trait::Age), Some(257));
    /// assert_eq!(space.identity(), FaceSpace::mobileface());
    /// ```
    pub fn with_traits(&self, traits: &[Trait]) -> Self {
        Self {
            dimension: self.identity_dimension().saturating_add(traits.len()),
            traits: traits.to_vec(),
            ..self.clone()
        }
    }

    /// The face space without its traits: that of the features of photographs.
    pub fn identity(&self) -> Self {
        self.with_traits(&[])
    }

    /// Number of dimensions of the identity, which come first.
    pub fn identity_dimension(&self) -> usize {
        self.dimension.saturating_sub(self.traits.len())
    }

    /// The identity of a feature of this face space: its leading dimensions, normalised as
    /// [`identity`](Self::identity) is, to compare it with that of a photograph. A shorter slice is
    /// returned whole.
    ///
    /// # Shapes
    /// - `feature`: `[D]`; output: `[D - T]` with T traits
    ///
    /// ```
    /// use s2f_core::{FaceSpace, Trait};
    ///
    /// let space = FaceSpace::mobileface().with_traits(&Trait::ALL);
    /// assert_eq!(space.identity_of(&[0.1; 259]), [0.1; 256]);
    /// ```
    pub fn identity_of<'a>(&self, feature: &'a [f32]) -> &'a [f32] {
        &feature[..self.identity_dimension().min(feature.len())]
    }

    /// The dimension that holds `which`, if this face space has it.
    pub fn index(&self, which: Trait) -> Option<usize> {
        let place = self.traits.iter().position(|&other| other == which)?;
        Some(self.identity_dimension() + place)
    }

    /// Whether features of both can be compared: name, dimension and traits agree. Pairs state the
    /// normalisation that their own features happen to have, so it may differ.
    ///
    /// ```
    /// use s2f_core::{FaceSpace, Normalisation, Trait};
    ///
    /// let space = FaceSpace::mobileface();
    /// let some = FaceSpace { normalisation: Normalisation::None, ..space.clone() };
    /// assert!(space.is_compatible(&some));
    /// assert!(!space.is_compatible(&space.with_traits(&[Trait::Age])));
    /// ```
    pub fn is_compatible(&self, other: &Self) -> bool {
        (&self.name, self.dimension, &self.traits) == (&other.name, other.dimension, &other.traits)
    }

    /// Whether each trait occurs once and something is left for the identity.
    pub fn is_valid(&self) -> bool {
        let is_first = |(place, which)| self.traits.iter().position(|x| x == which) == Some(place);
        self.traits.len() < self.dimension && self.traits.iter().enumerate().all(is_first)
    }
}

/// `mobileface-v2 with sex, age and hair (259 dimensions, unit length)`, for messages and reports.
impl fmt::Display for FaceSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let traits: Vec<&str> = self.traits.iter().map(|which| which.name()).collect();
        match traits.split_last() {
            None => {}
            Some((only, [])) => write!(f, " with {only}")?,
            Some((last, rest)) => write!(f, " with {} and {last}", rest.join(", "))?,
        }
        let normalisation = match self.normalisation {
            Normalisation::None => "",
            Normalisation::UnitLength => ", unit length",
        };
        write!(f, " ({} dimensions{normalisation})", self.dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_face_space_of_the_shipped_model_and_its_traits() {
        let space = FaceSpace::mobileface().with_traits(&Trait::ALL);
        assert_eq!(space.name, "mobileface-v2");
        assert_eq!((space.dimension, space.identity_dimension()), (259, 256));
        assert_eq!(space.index(Trait::Sex), Some(256));
        assert_eq!(space.with_traits(&[Trait::Age]).index(Trait::Sex), None);
        assert_eq!(space.with_traits(&[Trait::Age]).index(Trait::Age), Some(256));
    }

    #[test]
    fn messages_name_the_traits() {
        let space = FaceSpace::mobileface();
        let of = |traits: &[Trait]| space.with_traits(traits).to_string();
        assert_eq!(of(&[]), "mobileface-v2 (256 dimensions, unit length)");
        assert_eq!(of(&[Trait::Age]), "mobileface-v2 with age (257 dimensions, unit length)");
        let all = "mobileface-v2 with sex, age and hair (259 dimensions, unit length)";
        assert_eq!(of(&Trait::ALL), all);
        assert_eq!(FaceSpace::vgg_face().to_string(), "vgg-face-fc7 (4096 dimensions)");
    }

    #[test]
    fn a_trait_twice_or_nothing_but_traits_is_not_valid() {
        let space = FaceSpace::mobileface();
        assert!(space.is_valid() && space.with_traits(&Trait::ALL).is_valid());
        assert!(!space.with_traits(&[Trait::Sex, Trait::Sex]).is_valid());
        assert!(!FaceSpace { dimension: 3, ..space.with_traits(&Trait::ALL) }.is_valid());
        assert!(!FaceSpace { dimension: 0, ..space }.is_valid());
    }
}
