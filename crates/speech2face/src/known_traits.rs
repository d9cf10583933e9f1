//! From the identity of a photograph to a feature of a face space with traits.

use s2f_core::{Sex, Trait};

use crate::{DecodeError, FaceFeature, Speech2Face};

/// What is known about a person besides the identity of their face.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KnownTraits {
    /// Sex.
    pub sex: Option<Sex>,
    /// Age, years.
    pub age: Option<f32>,
}

impl Speech2Face {
    /// Completes `identity`, for example the feature of a photograph, with traits, so that the
    /// model can [`decode`](Self::decode) it. A feature of the model's own face space is returned
    /// as it is.
    ///
    /// Sex and age are the known ones, or else the mean of all people
    /// ([`mean_traits`](Self::mean_traits)). Hair has the mean length of either sex, which is 0 on
    /// the scale of [`Trait::Hair`].
    ///
    /// # Errors
    /// [`DecodeError::OtherSpace`] for a feature of another face space,
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    ///
    /// ```
    /// use speech2face::core::Sex;
    /// use speech2face::device::DeviceChoice;
    /// use speech2face::{FaceFeature, FaceSpace, KnownTraits, Speech2Face};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Speech2Face::shipped(&DeviceChoice::Cpu.open()?)?;
    /// let photograph = FaceFeature::new(FaceSpace::mobileface(), vec![0.0625; 256])?;
    /// let known = KnownTraits { sex: Some(Sex::Female), age: None };
    /// let face = model.decode(&model.add_traits(&photograph, known)?, 0.0)?;
    /// # assert_eq!(face.picture.side, 224);
    /// # Ok(()) }
    /// ```
    pub fn add_traits(
        &self,
        identity: &FaceFeature,
        known: KnownTraits,
    ) -> Result<FaceFeature, DecodeError> {
        let (found, space) = (identity.space(), self.face_space());
        if found == space {
            return Ok(identity.clone());
        }
        if *found != space.identity() {
            return Err(self.other_space(identity));
        }
        let mean = match known {
            KnownTraits { sex: Some(_), age: Some(_) } => None,
            _ => Some(self.mean_traits()?),
        };
        let mean = |place: usize| mean.as_ref().map_or(0.0, |mean| mean[place]);
        let value = |(place, &which): (usize, &Trait)| match which {
            Trait::Sex => known.sex.map_or(mean(place), |sex| Trait::of_sex(sex) as f32),
            Trait::Age => known.age.map_or(mean(place), |age| Trait::of_years(age.into()) as f32),
            Trait::Hair => 0.0,
        };
        let traits = space.traits.iter().enumerate().map(value);
        let values = identity.values().iter().copied().chain(traits).collect();
        FaceFeature::new(space.clone(), values)
    }

    /// The mean traits of all people, `[T]`, in the order of the face space: of the model's
    /// distribution of faces without a voice, or else of its mean feature.
    ///
    /// # Errors
    /// [`DecodeError::NotFinite`] if the weights are damaged, [`DecodeError::Device`].
    pub fn mean_traits(&self) -> Result<Vec<f32>, DecodeError> {
        let identity = self.face_space().identity_dimension();
        if self.face_space().traits.is_empty() {
            return Ok(Vec::new());
        }
        if self.networks().face_distribution.is_some() {
            return Ok(self.prior()?.mean()[identity..].iter().map(|&x| x as f32).collect());
        }
        Ok(self.mean_feature()?[identity..].to_vec())
    }
}

#[cfg(test)]
mod tests;
