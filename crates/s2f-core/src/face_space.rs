//! Face spaces: which encoder and layer a face feature comes from.

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

    /// The dimension that holds `which`, if this face space has it.
    pub fn index(&self, which: Trait) -> Option<usize> {
        let place = self.traits.iter().position(|&other| other == which)?;
        Some(self.identity_dimension() + place)
    }

    /// Whether each trait occurs once and something is left for the identity.
    pub fn is_valid(&self) -> bool {
        let is_first = |(place, which)| self.traits.iter().position(|x| x == which) == Some(place);
        self.traits.len() < self.dimension && self.traits.iter().enumerate().all(is_first)
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
    fn a_trait_twice_or_nothing_but_traits_is_not_valid() {
        let space = FaceSpace::mobileface();
        assert!(space.is_valid() && space.with_traits(&Trait::ALL).is_valid());
        assert!(!space.with_traits(&[Trait::Sex, Trait::Sex]).is_valid());
        assert!(!FaceSpace { dimension: 3, ..space.with_traits(&Trait::ALL) }.is_valid());
        assert!(!FaceSpace { dimension: 0, ..space }.is_valid());
    }
}
