//! The mean shape of faces, and the alignment of landmarks to it.

use std::ops::RangeInclusive;

use crate::frame::{FRAME, MIDDLE, PUPIL_DISTANCE, PUPIL_POINTS, border_points};
use crate::landmarks::{LANDMARK_COUNT, LANDMARKS, LandmarkGroup, PUPILS, check_count};
use crate::raster::{Raster, depth, smooth_polygon};
use crate::{FaceError, Similarity, ThinPlateSpline};

/// The mean of many faces' landmarks: the shape to which textures are warped.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanShape {
    points: Vec<[f32; 2]>,
}

impl MeanShape {
    /// The mean of `shapes`, each of [`LANDMARK_COUNT`] points. It is symmetric, with its pupils in
    /// the row [`PUPIL_ROW`](crate::PUPIL_ROW), [`PUPIL_DISTANCE`] apart.
    ///
    /// Method: generalised Procrustes analysis (Gower, "Generalized Procrustes analysis", 1975).
    /// Only the well-defined points (eyes, nose, mouth, jaw and chin) determine the alignment.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] for a shape with another number of points;
    /// [`FaceError::Degenerate`] if points coincide or there is no shape.
    pub fn of(shapes: &[&[[f32; 2]]]) -> Result<Self, FaceError> {
        // After three rounds the mean changes by less than a hundredth of a pixel.
        const ROUNDS: usize = 6;
        let first = *shapes.first().ok_or(FaceError::Degenerate { operation: "mean shape" })?;
        let mut mean = Self::new(level_pupils(first)?)?;
        for _ in 0..ROUNDS {
            let mut sum = vec![[0.0; 2]; LANDMARK_COUNT];
            for shape in shapes {
                let aligned = mean.align(shape)?;
                for (total, &point) in sum.iter_mut().zip(shape.iter()) {
                    let point = aligned.apply(point);
                    for axis in 0..2 {
                        total[axis] += point[axis] / shapes.len() as f32;
                    }
                }
            }
            let mirrored = mirror_landmarks(&sum)?;
            let symmetric: Vec<[f32; 2]> =
                sum.iter().zip(&mirrored).map(|(p, q)| midpoint(*p, *q)).collect();
            mean = Self::new(level_pupils(&symmetric)?)?;
        }
        Ok(mean)
    }

    /// A known mean shape, from [`LANDMARK_COUNT`] points in pixels of the frame.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] for another number of points.
    pub fn new(points: Vec<[f32; 2]>) -> Result<Self, FaceError> {
        check_count("mean shape", &points, LANDMARK_COUNT)?;
        Ok(Self { points })
    }

    /// The [`LANDMARK_COUNT`] points, in pixels of the frame.
    pub fn points(&self) -> &[[f32; 2]] {
        &self.points
    }

    /// The similarity transform that aligns a face's landmarks with this shape.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] for another number of points, [`FaceError::Degenerate`] if they
    /// coincide or are not finite.
    pub fn align(&self, landmarks: &[[f32; 2]]) -> Result<Similarity, FaceError> {
        check_count("alignment to the mean shape", landmarks, LANDMARK_COUNT)?;
        Similarity::fit(&well_defined(landmarks), &well_defined(&self.points))
    }

    /// The spline that is L − M at the points `at` and 0 at the border points.
    pub(crate) fn spline(
        &self,
        at: &[[f32; 2]],
        landmarks: &[[f32; 2]],
    ) -> Result<ThinPlateSpline, FaceError> {
        let mut points = at.to_vec();
        let mut values: Vec<[f32; 2]> =
            landmarks.iter().zip(&self.points).map(|(l, m)| [l[0] - m[0], l[1] - m[1]]).collect();
        points.extend(border_points());
        values.resize(points.len(), [0.0; 2]);
        ThinPlateSpline::fit(&points, &values)
    }

    /// The distance of each pixel of the frame from the outline of head and neck, `[224, 224]`, in
    /// pixels; negative outside.
    pub(crate) fn head_depth(&self) -> Raster {
        depths(&smooth_polygon(&self.outline(), STEPS))
    }

    /// The distance of each pixel of the frame from the border of the face (jaw, cheeks and
    /// hairline), `[224, 224]`, in pixels; negative outside.
    pub(crate) fn face_depth(&self) -> Raster {
        const JAW: [usize; 15] = [72, 73, 74, 68, 69, 63, 64, 65, 66, 67, 70, 71, 77, 76, 75];
        const HAIRLINE: RangeInclusive<usize> = 86..=96;
        let border = JAW.into_iter().chain(HAIRLINE.rev()).map(|index| self.points[index]);
        depths(&smooth_polygon(&border.collect::<Vec<_>>(), STEPS))
    }

    /// The outline of neck, jaw, ears and hair, closed far below the frame.
    fn outline(&self) -> Vec<[f32; 2]> {
        const LEFT: [usize; 8] = [NECK[0], 69, 68, 74, 81, 80, 79, 78];
        const HAIR: RangeInclusive<usize> = 98..=104;
        const RIGHT: [usize; 8] = [82, 83, 84, 85, 77, 71, 70, NECK[1]];
        const NECK: [usize; 2] = [97, 105];
        let at = |index: usize| self.points[index];
        // Between hair and ear, the outline of short hair turns inwards; no landmark is there.
        let notch = |hairline: usize, hair: usize, ear: usize| {
            let between = midpoint(at(hair), at(ear));
            [0, 1].map(|axis| (at(hairline)[axis] + 4.0 * between[axis]) / 5.0)
        };
        // The lowest landmarks of the hair are where it is widest: short hair lies closer.
        let closer = |hair: usize, hairline: usize| {
            [0, 1].map(|axis| 0.7 * at(hair)[axis] + 0.3 * at(hairline)[axis])
        };
        let mut outline: Vec<[f32; 2]> = LEFT.map(at).to_vec();
        outline.push(notch(86, *HAIR.start(), 78));
        outline.push(closer(*HAIR.start(), 86));
        outline.extend((HAIR.start() + 1..*HAIR.end()).map(at));
        outline.push(closer(*HAIR.end(), 96));
        outline.push(notch(96, *HAIR.end(), 82));
        outline.extend(RIGHT.map(at));
        // The neck widens towards the shoulders.
        for (side, neck) in [(1.0, NECK[1]), (-1.0, NECK[0])] {
            let [x, y] = at(neck);
            let mut flare =
                [(0.02, 0.3), (0.14, 0.6), (0.3, 3.0)].map(|(across, down): (f32, f32)| {
                    [x + side * across * PUPIL_DISTANCE, y + down * PUPIL_DISTANCE]
                });
            if side < 0.0 {
                flare.reverse();
            }
            outline.extend(flare);
        }
        outline
    }
}

/// Sides of the polygon for each side of the outline that a curve is drawn through.
const STEPS: usize = 6;

/// The distance of each pixel of the frame from the outline of a polygon; negative outside.
fn depths(polygon: &[[f32; 2]]) -> Raster {
    Raster::from_fn(FRAME, |column, row| depth(polygon, [column as f32, row as f32]))
}

/// The landmarks of the mirrored picture, in pixels of the frame.
///
/// # Errors
/// [`FaceError::PointCount`] if there are not [`LANDMARK_COUNT`] points.
pub fn mirror_landmarks(landmarks: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    check_count("mirroring", landmarks, LANDMARK_COUNT)?;
    let mirrored = LANDMARKS.iter().map(|landmark| {
        let [x, y] = landmarks[landmark.mirror];
        [2.0 * MIDDLE - x, y]
    });
    Ok(mirrored.collect())
}

fn midpoint(p: [f32; 2], q: [f32; 2]) -> [f32; 2] {
    [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])]
}

/// The shape, transformed so that its pupils lie where the mean shape has them.
fn level_pupils(shape: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    check_count("mean shape", shape, LANDMARK_COUNT)?;
    let level = Similarity::fit(&PUPILS.map(|pupil| shape[pupil]), &PUPIL_POINTS)?;
    Ok(shape.iter().map(|&p| level.apply(p)).collect())
}

/// The well-defined points, which determine the alignment: eyes, nose, mouth, jaw and chin.
fn well_defined(landmarks: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let ill_defined = [
        LandmarkGroup::BrowUpper,
        LandmarkGroup::BrowLower,
        LandmarkGroup::ChinCrease,
        LandmarkGroup::FaceSide,
        LandmarkGroup::Ear,
        LandmarkGroup::Hairline,
        LandmarkGroup::Neck,
        LandmarkGroup::HairOutline,
    ];
    let points = landmarks.iter().zip(&LANDMARKS);
    points
        .filter(|(_, landmark)| !ill_defined.contains(&landmark.group))
        .map(|(&point, _)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PUPIL_ROW;
    use crate::reference::read_points;

    #[test]
    fn the_mean_shape_is_symmetric_and_independent_of_position_and_scale() {
        let shape = read_points("render_mean.npy");
        // With the pupils level, as in a face.
        let mut shape = level_pupils(&shape).unwrap();
        for (point, other) in shape.iter_mut().zip(read_points("render_landmarks.npy")) {
            point[1] += 0.01 * other[0];
        }
        let moved: Vec<[f32; 2]> =
            shape.iter().map(|[x, y]| [300.0 - 2.0 * y, 2.0 * x - 40.0]).collect();
        let mean = MeanShape::of(&[&shape, &moved]).unwrap();
        let alone = MeanShape::of(&[&shape]).unwrap();
        let mirrored = mirror_landmarks(mean.points()).unwrap();
        for ((p, q), r) in mean.points().iter().zip(&mirrored).zip(alone.points()) {
            assert!((p[0] - q[0]).hypot(p[1] - q[1]) < 1e-3);
            assert!((p[0] - r[0]).hypot(p[1] - r[1]) < 1e-2);
        }
        let [left, right] = PUPILS.map(|pupil| mean.points()[pupil]);
        assert!((left[0] + PUPIL_DISTANCE - right[0]).abs() < 1e-3);
        assert!((left[1] - PUPIL_ROW).abs() < 1e-3);
    }

    #[test]
    fn invalid_shapes_are_errors() {
        assert!(MeanShape::of(&[]).is_err());
        assert!(MeanShape::of(&[&[[0.0; 2]; 68]]).is_err());
        assert!(MeanShape::of(&[&[[0.0; 2]; LANDMARK_COUNT]]).is_err());
        assert!(mirror_landmarks(&[[0.0; 2]; 68]).is_err());
    }
}
