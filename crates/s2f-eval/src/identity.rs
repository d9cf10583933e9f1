//! Features of face spaces with traits: faces are compared by their identities alone, and a true
//! face gets traits before it is decoded.

use s2f_core::FaceSpace;
use s2f_metrics::Vectors;
use s2f_pairs::PairInfo;
use speech2face::{FaceFeature, FaceReading, KnownTraits, Speech2Face};

use crate::EvalError;
use crate::groups::stated_age;

/// The identities of features of `space`, to be compared with those of photographs.
///
/// # Shapes
/// - `features`: `[pairs, D]`; output: `[pairs, D - T]` with T traits
pub(crate) fn identities(space: &FaceSpace, features: &Vectors) -> Vectors {
    if space.traits.is_empty() {
        return features.clone();
    }
    Vectors::from_rows(features.rows().map(|row| space.identity_of(row)))
}

/// The feature of a true face as the face decoder of `model` reads it: with the traits that the
/// corpus states, else those that a network reads in the photograph, else those of
/// [`Speech2Face::add_traits`].
///
/// # Shapes
/// - `feature`: that of the pair, `[D]` or `[D - T]`
pub(crate) fn complete(
    model: &Speech2Face,
    info: &PairInfo,
    feature: &[f32],
    photograph: Option<&FaceReading>,
) -> Result<FaceFeature, EvalError> {
    let space = model.face_space();
    let is_complete = feature.len() == space.dimension;
    let space = if is_complete { space.clone() } else { space.identity() };
    let known = KnownTraits {
        sex: info.sex.or_else(|| photograph.map(FaceReading::sex)),
        age: stated_age(info.age).or_else(|| photograph.map(|reading| reading.age)),
    };
    Ok(model.add_traits(&FaceFeature::new(space, feature.to_vec())?, known)?)
}

/// A mean face, `[D]`, not normalised: the model's mean feature, or that of the true `faces`
/// (identities, `[pairs, D - T]`) if the model has none.
pub(crate) fn mean_face(model: &Speech2Face, faces: &Vectors) -> Result<Vec<f32>, EvalError> {
    let mean = model.mean_feature()?;
    if mean.iter().any(|&x| x != 0.0) {
        return Ok(mean);
    }
    let identity = faces.mean().into_iter().map(|x| x as f32);
    Ok(identity.chain(model.mean_traits()?).collect())
}

#[cfg(test)]
mod tests {
    use s2f_core::{Sex, Trait};
    use speech2face::nn::face_api::POINTS;

    use super::*;
    use crate::tests::samples::{model_with_traits, pair};

    #[test]
    fn a_true_face_has_stated_traits_else_those_of_the_photograph_else_the_mean() {
        let folder = tempfile::tempdir().unwrap();
        let model = model_with_traits(folder.path()).model;
        let reading = FaceReading { landmarks: [[0.0; 2]; POINTS], age: 65.0, male: 0.9 };
        let mut pair = pair(0, 0, 256);
        let mut traits = |sex, age, photograph| {
            (pair.info.sex, pair.info.age) = (sex, age);
            let complete = complete(&model, &pair.info, &pair.feature, photograph).unwrap();
            assert_eq!(complete.values()[..256], pair.feature);
            // What is complete stays as it is.
            let again = super::complete(&model, &pair.info, complete.values(), None).unwrap();
            assert_eq!(again, complete);
            complete.values()[256..].to_vec()
        };
        let woman = Some(Sex::Female);
        assert_eq!(traits(woman, Some(40.0), Some(&reading)), [1.0, 0.0, 0.0]);
        let read = Trait::of_years(65.0) as f32;
        assert_eq!(traits(woman, None, Some(&reading)), [1.0, read, 0.0]);
        assert_eq!(traits(None, Some(40.0), Some(&reading)), [-1.0, 0.0, 0.0]);
        let mean = model.mean_traits().unwrap();
        assert_eq!(traits(None, None, None), [mean[0], mean[1], 0.0]);
    }
}
