//! Readings of generated faces and of photographs of the pairs that are evaluated.

use image::RgbImage;
use rayon::prelude::*;
use s2f_face::PairFace;
use s2f_metrics::Vectors;
use s2f_nn::face_api::POINTS;
use s2f_pairs::Pair;
use speech2face::{FaceFeature, Speech2Face};

use crate::cache::Columns;
use crate::identity::complete;
use crate::{EvalError, FaceReader, FaceReading};

/// Values of a reading: x and y of each landmark, age, sex.
const VALUES: usize = 2 * POINTS + 2;

/// Column of the face decoded from the feature of the true face: the best that the face decoder can
/// do. The columns of voices have the names of [`crate::voices`].
pub(crate) const DECODED: &str = "decoded";
/// Column of the photograph.
pub(crate) const PHOTOGRAPH: &str = "photograph";

/// Readings of some pairs, which must have faces and features: of the faces generated from `voices`
/// (features, `[pairs, D]`, by the name of their column), of the one decoded from the true feature,
/// and of the photograph.
pub(crate) fn columns(
    model: &Speech2Face,
    reader: &FaceReader,
    pairs: &[Pair],
    voices: &[(String, Vectors)],
) -> Result<Columns, EvalError> {
    let read = |picture: &(dyn Fn(usize) -> Result<Option<RgbImage>, EvalError> + Sync)| {
        let readings = (0..pairs.len()).into_par_iter().map(|n| match picture(n)? {
            Some(picture) => Ok(reader.read(&picture)?),
            None => Ok(None),
        });
        readings.collect::<Result<Vec<Option<FaceReading>>, EvalError>>()
    };
    let rows = |readings: &[Option<FaceReading>]| {
        let rows = readings.iter().flat_map(|reading| values(reading.as_ref()));
        Vectors::new(rows.collect(), VALUES)
    };
    let mut columns = Columns::new();
    for (name, voices) in voices {
        let drawn = |n: usize| {
            let feature = voices.row(n);
            // A voice that is too short for this column has no feature.
            let is_known = feature.iter().all(|x| x.is_finite());
            is_known.then(|| draw(model, feature)).transpose()
        };
        columns.insert(name.clone(), rows(&read(&drawn)?));
    }
    let photographs = read(&|n| photograph(&pairs[n]).map(Some))?;
    columns.insert(PHOTOGRAPH.into(), rows(&photographs));
    let decoded = |n: usize| {
        let Pair { info, feature, .. } = &pairs[n];
        let feature = complete(model, info, feature, photographs[n].as_ref())?;
        draw(model, feature.values()).map(Some)
    };
    columns.insert(DECODED.into(), rows(&read(&decoded)?));
    Ok(columns)
}

/// The photograph of a pair.
pub(crate) fn photograph(pair: &Pair) -> Result<RgbImage, EvalError> {
    let face = PairFace::from_jpeg(pair.face.clone(), pair.face_points);
    let named = |source| EvalError::Photograph { pair_id: pair.info.pair_id.clone(), source };
    Ok(face.map_err(named)?.picture().clone())
}

/// The picture that a model generates from a feature of its face space, `[D]`.
pub(crate) fn draw(model: &Speech2Face, feature: &[f32]) -> Result<RgbImage, EvalError> {
    let feature = FaceFeature::new(model.face_space().clone(), feature.to_vec())?;
    let picture = model.decode(&feature, 0.0)?.picture;
    let side = picture.side as u32;
    let pixel = |x: u32, y: u32| {
        let first = 3 * (y * side + x) as usize;
        image::Rgb([0, 1, 2].map(|channel| picture.rgb[first + channel]))
    };
    Ok(RgbImage::from_fn(side, side, pixel))
}

/// A reading as values; not a number if there was no face.
fn values(reading: Option<&FaceReading>) -> Vec<f32> {
    match reading {
        None => vec![f32::NAN; VALUES],
        Some(FaceReading { landmarks, age, male }) => {
            landmarks.iter().flatten().copied().chain([*age, *male]).collect()
        }
    }
}

/// A reading from its values.
pub(crate) fn reading(values: &[f32]) -> Option<FaceReading> {
    let (points, rest) = values.split_at_checked(2 * POINTS)?;
    let &[age, male] = rest else { return None };
    if !age.is_finite() {
        return None;
    }
    let mut landmarks = [[0.0; 2]; POINTS];
    landmarks.iter_mut().zip(points.as_chunks().0).for_each(|(point, from)| *point = *from);
    Some(FaceReading { landmarks, age, male })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_restored_from_their_values() {
        let reading_of = FaceReading { landmarks: [[1.5, -2.0]; POINTS], age: 33.0, male: 0.25 };
        assert_eq!(reading(&values(Some(&reading_of))), Some(reading_of));
        assert_eq!(reading(&values(None)), None);
        assert_eq!(reading(&[1.0]), None);
    }
}
