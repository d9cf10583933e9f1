//! Face features: vectors, each with the face space it belongs to.

use s2f_core::{FaceSpace, Sex, Trait};
use serde::Serialize;

use crate::DecodeError;

/// A vector in a face space: what the voice encoder predicts and the face decoder reads.
///
/// Its values are finite, one for each dimension of the space.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceFeature {
    #[serde(rename = "face_space")]
    space: FaceSpace,
    #[serde(rename = "feature")]
    values: Vec<f32>,
}

impl FaceFeature {
    /// `values` as a feature of `space`.
    ///
    /// # Errors
    /// [`DecodeError::WrongLength`], [`DecodeError::BadValue`].
    pub fn new(space: FaceSpace, values: Vec<f32>) -> Result<Self, DecodeError> {
        if values.len() != space.dimension {
            return Err(DecodeError::WrongLength { space, actual: values.len() });
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(DecodeError::BadValue { space });
        }
        Ok(Self { space, values })
    }

    /// The face space.
    pub fn space(&self) -> &FaceSpace {
        &self.space
    }

    /// The values, one for each dimension of the face space.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The traits that follow the identity.
    pub fn traits(&self) -> FaceTraits {
        let value = |which| Some(f64::from(*self.values.get(self.space.index(which)?)?));
        FaceTraits {
            sex: value(Trait::Sex).map(Trait::sex),
            age_years: value(Trait::Age).map(Trait::years),
            hair: value(Trait::Hair),
        }
    }
}

/// The traits in a face feature; those that its face space does not have are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaceTraits {
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Age, years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_years: Option<f64>,
    /// Length of the hair, on the scale of [`Trait::Hair`](s2f_core::Trait::Hair).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hair: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_has_the_dimension_of_its_space() {
        let space = FaceSpace::mobileface();
        assert!(FaceFeature::new(space.clone(), vec![0.5; 256]).is_ok());
        let problem = FaceFeature::new(space.clone(), vec![0.5; 255]).unwrap_err().to_string();
        assert!(problem.starts_with("a feature of 255 values"), "{problem}");
        for bad in [f32::NAN, f32::INFINITY] {
            let mut values = vec![0.5; 256];
            values[200] = bad;
            assert!(FaceFeature::new(space.clone(), values).is_err());
        }
    }
}
