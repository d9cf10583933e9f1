//! Faces of one shape: a texture in the mean shape, and the landmarks that it had.
//!
//! The way the project warps, here and in the face decoder: T is the texture in the mean shape, L
//! are the landmarks of a face, M those of the mean shape, all in the frame of 224x224 pixels.
//! Rendering: picture(y) = T(y − u(y)), where u is the thin-plate spline with u = L − M at the
//! points L and u = 0 at the [`border_points`]. Extraction: T(x) = picture(x + v(x)), where
//! v = L − M at the points M and 0 at the border points.
//!
//! Source: Cole, Belanger, Krishnan, Sarna, Mosseri, Freeman, "Synthesizing Normalized Faces from
//! Facial Identity Features", CVPR 2017, section 3.

use image::{Rgb, RgbImage};

use crate::landmarks::{Group, LANDMARK_COUNT, LANDMARKS, PUPILS, check_count};
use crate::picture::to_byte;
use crate::portrait::PlainPortrait;
use crate::raster::{depth, smooth_step};
use crate::{FaceError, Similarity, ThinPlate};

/// Side of the frame in pixels.
pub const FRAME: usize = 224;

/// Distance of the pupils of the mean shape in pixels: the whole head with hair fits.
pub const PUPIL_DISTANCE: f32 = 48.0;

/// Row of the pupils of the mean shape.
pub const PUPIL_ROW: f32 = 106.0;

/// Column of the middle of the mean shape: between the two middle columns of pixels.
pub const MIDDLE: f32 = (FRAME as f32 - 1.0) / 2.0; // 111.5

/// The plain background, in all three channels, sRGB from 0 to 1.
pub const BACKGROUND: f32 = 0.96;

/// How far outside of the outermost pixel centres the border points lie, in pixels.
pub const BORDER_MARGIN: f32 = 32.0;

/// Border points along each side, corners included.
pub const BORDER_POINTS_PER_SIDE: usize = 5;

/// Number of border points.
pub const BORDER_POINTS: usize = 4 * (BORDER_POINTS_PER_SIDE - 1); // 16

/// Points around the frame that no warp moves: evenly spaced on a square, row by row.
pub fn border_points() -> [[f32; 2]; BORDER_POINTS] {
    let low = -BORDER_MARGIN;
    let step = (FRAME as f32 - 1.0 + 2.0 * BORDER_MARGIN) / (BORDER_POINTS_PER_SIDE - 1) as f32;
    let last = BORDER_POINTS_PER_SIDE - 1;
    let mut points = [[0.0; 2]; BORDER_POINTS];
    let mut next = 0;
    for row in 0..=last {
        for column in 0..=last {
            if row == 0 || row == last || column == 0 || column == last {
                points[next] = [low + step * column as f32, low + step * row as f32];
                next += 1;
            }
        }
    }
    points
}

/// The shape that textures are brought to.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanShape {
    points: Vec<[f32; 2]>,
}

impl MeanShape {
    /// The mean of `shapes`, each `[LANDMARK_COUNT]` points: symmetric, pupils level at
    /// [`PUPIL_ROW`], [`PUPIL_DISTANCE`] apart.
    ///
    /// Method: generalised Procrustes analysis (Gower, 1975) over the points of eyes, nose, mouth,
    /// jaw and chin, which are the well defined ones; the others follow.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] and [`FaceError::Degenerate`], also where there is no shape.
    pub fn of(shapes: &[&[[f32; 2]]]) -> Result<Self, FaceError> {
        // The mean moves by less than a hundredth of a pixel after three rounds.
        const ROUNDS: usize = 6;
        let first = *shapes.first().ok_or(FaceError::Degenerate { operation: "mean shape" })?;
        let mut mean = Self::new(level_pupils(first)?)?;
        for _ in 0..ROUNDS {
            let mut sum = vec![[0.0; 2]; LANDMARK_COUNT];
            for shape in shapes {
                let aligned = mean.align(shape)?;
                for (total, &place) in sum.iter_mut().zip(shape.iter()) {
                    let place = aligned.apply(place);
                    for axis in 0..2 {
                        total[axis] += place[axis] / shapes.len() as f32;
                    }
                }
            }
            let mirrored = mirror_landmarks(&sum)?;
            let symmetric: Vec<[f32; 2]> =
                sum.iter().zip(&mirrored).map(|(p, q)| middle(*p, *q)).collect();
            mean = Self::new(level_pupils(&symmetric)?)?;
        }
        Ok(mean)
    }

    /// A mean shape that is known, from `[LANDMARK_COUNT]` points in pixels of the frame.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] where there are more or less points.
    pub fn new(points: Vec<[f32; 2]>) -> Result<Self, FaceError> {
        check_count("mean shape", &points, LANDMARK_COUNT)?;
        Ok(Self { points })
    }

    /// `[LANDMARK_COUNT]` points in pixels of the frame.
    pub fn points(&self) -> &[[f32; 2]] {
        &self.points
    }

    /// The transform that brings a face's landmarks to this shape.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] and [`FaceError::Degenerate`].
    pub fn align(&self, landmarks: &[[f32; 2]]) -> Result<Similarity, FaceError> {
        check_count("alignment to the mean shape", landmarks, LANDMARK_COUNT)?;
        Similarity::fit(&well_defined(landmarks), &well_defined(&self.points))
    }

    /// The spline that is L − M at `at` and 0 at the border points.
    fn spline(&self, at: &[[f32; 2]], landmarks: &[[f32; 2]]) -> Result<ThinPlate, FaceError> {
        let mut points = at.to_vec();
        let mut values: Vec<[f32; 2]> =
            landmarks.iter().zip(&self.points).map(|(l, m)| [l[0] - m[0], l[1] - m[1]]).collect();
        points.extend(border_points());
        values.resize(points.len(), [0.0; 2]);
        ThinPlate::fit(&points, &values)
    }

    /// How much of each pixel of a texture is head: 1 for head, hair and neck, softly to 0 outside
    /// of their outline and where the neck meets clothes.
    fn head(&self) -> Vec<f32> {
        // A little outside of the mean outline, since landmarks are not exact.
        const WIDER: f32 = 0.07 * PUPIL_DISTANCE;
        const SOFT: f32 = 0.09 * PUPIL_DISTANCE;
        // The collar, a parabola that is highest at the sides of the neck.
        const COLLAR: f32 = PUPIL_ROW + 2.12 * PUPIL_DISTANCE;
        const COLLAR_RISE: f32 = 0.25 * PUPIL_DISTANCE;
        const NECK_HALF_WIDTH: f32 = 0.9 * PUPIL_DISTANCE;
        const COLLAR_SOFT: f32 = 0.16 * PUPIL_DISTANCE;
        let outline = self.outline();
        let mut head = Vec::with_capacity(FRAME * FRAME);
        for row in 0..FRAME {
            for column in 0..FRAME {
                let place = [column as f32, row as f32];
                let inside = smooth_step(-SOFT, SOFT, depth(&outline, place) + WIDER);
                let across = (place[0] - MIDDLE) / NECK_HALF_WIDTH;
                let collar = COLLAR - COLLAR_RISE * across * across;
                let above = smooth_step(-COLLAR_SOFT, COLLAR_SOFT, collar - place[1]);
                head.push(inside * above);
            }
        }
        head
    }

    /// Neck, jaw, ears and hair, once around, closed far below the frame.
    fn outline(&self) -> Vec<[f32; 2]> {
        const LEFT: [usize; 8] = [NECK[0], 69, 68, 74, 81, 80, 79, 78];
        const HAIR: std::ops::RangeInclusive<usize> = 98..=104;
        const RIGHT: [usize; 8] = [82, 83, 84, 85, 77, 71, 70, NECK[1]];
        const NECK: [usize; 2] = [97, 105];
        let at = |index: usize| self.points[index];
        // Between hair and ear the outline of short hair turns inwards, where no landmark is.
        let notch = |hairline: usize, hair: usize, ear: usize| {
            let between = middle(at(hair), at(ear));
            [0, 1].map(|axis| (at(hairline)[axis] + 2.0 * between[axis]) / 3.0)
        };
        let mut outline: Vec<[f32; 2]> = LEFT.map(at).to_vec();
        outline.push(notch(86, *HAIR.start(), 78));
        outline.extend(HAIR.map(at));
        outline.push(notch(96, *HAIR.end(), 82));
        outline.extend(RIGHT.map(at));
        let below = 2.0 * FRAME as f32;
        outline.push([self.points[NECK[1]][0], below]);
        outline.push([self.points[NECK[0]][0], below]);
        outline
    }
}

/// A face in the mean shape, with the shape it had.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalisedFace {
    /// `[LANDMARK_COUNT]` points in pixels of the frame.
    pub landmarks: Vec<[f32; 2]>,
    /// `[3, 224, 224]`, sRGB from 0 to 1: the picture warped to the mean shape.
    pub texture: Vec<f32>,
}

impl NormalisedFace {
    /// Aligns a portrait to the mean shape and warps it there. Takes about a tenth of a second:
    /// call it for many portraits in parallel.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] where landmarks coincide.
    pub fn new(portrait: &PlainPortrait, mean: &MeanShape) -> Result<Self, FaceError> {
        let to_mean = mean.align(portrait.landmarks())?;
        let from_mean = to_mean.inverse();
        let step = from_mean.scale() as f32;
        let landmarks: Vec<[f32; 2]> =
            portrait.landmarks().iter().map(|&p| to_mean.apply(p)).collect();
        let spline = mean.spline(&mean.points, &landmarks)?;
        let head = mean.head();
        let mut texture = vec![BACKGROUND; 3 * FRAME * FRAME];
        for (index, &head) in head.iter().enumerate() {
            if head == 0.0 {
                continue;
            }
            let place = pixel_place(index);
            let [dx, dy] = spline.at(place);
            let from = from_mean.apply([place[0] + dx, place[1] + dy]);
            let colour = portrait.colour(from, step);
            for (channel, value) in colour.into_iter().enumerate() {
                let blend = BACKGROUND + head * (value - BACKGROUND);
                texture[channel * FRAME * FRAME + index] = blend.clamp(0.0, 1.0);
            }
        }
        Ok(Self { landmarks, texture })
    }

    /// The face as if seen in a mirror.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] where the face does not have [`LANDMARK_COUNT`] landmarks.
    pub fn mirrored(&self) -> Result<Self, FaceError> {
        let landmarks = mirror_landmarks(&self.landmarks)?;
        let mut texture = self.texture.clone();
        texture.chunks_exact_mut(FRAME).for_each(<[f32]>::reverse);
        Ok(Self { landmarks, texture })
    }

    /// The picture of the face: its texture warped to its landmarks, exactly, in double precision.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] where there are not [`LANDMARK_COUNT`] landmarks,
    /// [`FaceError::Degenerate`] where they coincide.
    pub fn render(&self, mean: &MeanShape) -> Result<RgbImage, FaceError> {
        check_count("rendering", &self.landmarks, LANDMARK_COUNT)?;
        let spline = mean.spline(&self.landmarks, &self.landmarks)?;
        Ok(RgbImage::from_fn(FRAME as u32, FRAME as u32, |column, row| {
            let place = [column as f32, row as f32];
            let [dx, dy] = spline.at(place);
            Rgb(self.texture_at([place[0] - dx, place[1] - dy]).map(to_byte))
        }))
    }

    /// The texture at a point, bilinear; the edge repeats.
    fn texture_at(&self, place: [f32; 2]) -> [f32; 3] {
        const LAST: usize = FRAME - 1;
        let [x, y] = place.map(|value| value.clamp(0.0, LAST as f32));
        let (column, row) = ((x as usize).min(LAST - 1), (y as usize).min(LAST - 1));
        let (right, below) = (x - column as f32, y - row as f32);
        [0, 1, 2].map(|channel| {
            let first = channel * FRAME * FRAME + row * FRAME + column;
            let line = |first: usize| {
                self.texture[first] * (1.0 - right) + self.texture[first + 1] * right
            };
            line(first) * (1.0 - below) + line(first + FRAME) * below
        })
    }
}

/// Landmarks in the frame as a mirror shows them.
///
/// # Errors
/// [`FaceError::PointCount`] where there are not [`LANDMARK_COUNT`] points.
pub fn mirror_landmarks(landmarks: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    check_count("mirroring", landmarks, LANDMARK_COUNT)?;
    let seen = |landmark: &crate::landmarks::Landmark| {
        let [x, y] = landmarks[landmark.mirror];
        [2.0 * MIDDLE - x, y]
    };
    Ok(LANDMARKS.iter().map(seen).collect())
}

fn pixel_place(index: usize) -> [f32; 2] {
    [(index % FRAME) as f32, (index / FRAME) as f32]
}

fn middle(p: [f32; 2], q: [f32; 2]) -> [f32; 2] {
    [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])]
}

/// A shape with its pupils where the mean shape has them.
fn level_pupils(shape: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    check_count("mean shape", shape, LANDMARK_COUNT)?;
    let left = [MIDDLE - PUPIL_DISTANCE / 2.0, PUPIL_ROW];
    let right = [MIDDLE + PUPIL_DISTANCE / 2.0, PUPIL_ROW];
    let level = Similarity::fit(&PUPILS.map(|pupil| shape[pupil]), &[left, right])?;
    Ok(shape.iter().map(|&p| level.apply(p)).collect())
}

/// The points that alignment trusts: eyes, nose, mouth, jaw and chin.
fn well_defined(landmarks: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let soft = [
        Group::BrowUpper,
        Group::BrowLower,
        Group::ChinCrease,
        Group::FaceSide,
        Group::Ear,
        Group::Hairline,
        Group::Neck,
        Group::HairOutline,
    ];
    let points = landmarks.iter().zip(&LANDMARKS);
    points
        .filter(|(_, landmark)| !soft.contains(&landmark.group))
        .map(|(&point, _)| point)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, read_points, reference_file};

    fn pattern(side: usize) -> Vec<f32> {
        let value = |index: usize| {
            let (x, y) = ((index % side) as f32, (index / side) as f32);
            0.5 + 0.25 * (x / 9.0).sin() + 0.25 * (y / 7.0).cos()
        };
        (0..side * side).map(value).collect()
    }

    // Reference: reference/face/spline.py, SciPy's spline and bilinear sampling of the pattern. The
    // picture holds bytes: half a step of one is left, and what single precision adds.
    #[test]
    fn rendering_agrees_with_scipy() {
        let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
        let landmarks = read_points("render_landmarks.npy");
        let face = NormalisedFace { landmarks, texture: pattern(FRAME).repeat(3) };
        let picture = face.render(&mean).unwrap();
        let (_, expected) = read_npy::<f32>(&reference_file("render_output.npy"));
        for ([x, y], expected) in read_points("render_places.npy").into_iter().zip(expected) {
            let found = f32::from(picture.get_pixel(x as u32, y as u32).0[1]) / 255.0;
            assert!((found - expected).abs() < 0.52 / 255.0, "{x} {y}: {found} {expected}");
        }
    }

    #[test]
    fn border_points_surround_the_frame() {
        let border = border_points();
        assert_eq!(border[0], [-32.0, -32.0]);
        assert_eq!(border[1], [39.75, -32.0]);
        assert_eq!(border[BORDER_POINTS - 1], [255.0, 255.0]);
        assert!(border.iter().all(|p| p.iter().any(|v| *v == -32.0 || *v == 255.0)));
    }

    #[test]
    fn the_mean_shape_is_symmetric_and_does_not_depend_on_place_and_scale() {
        let shape = read_points("render_mean.npy");
        // Pupils to the left and right, as in a face.
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
    fn a_mirror_twice_shows_the_face() {
        let landmarks = read_points("render_landmarks.npy");
        let texture: Vec<f32> = (0..3 * FRAME * FRAME).map(|index| (index % 251) as f32).collect();
        let face = NormalisedFace { landmarks, texture };
        let mirrored = face.mirrored().unwrap();
        assert_eq!(mirrored.texture[FRAME - 1], face.texture[0]);
        let again = mirrored.mirrored().unwrap();
        assert_eq!(again.texture, face.texture);
        for (p, q) in again.landmarks.iter().zip(&face.landmarks) {
            assert!((p[0] - q[0]).abs() < 1e-4 && p[1] == q[1]);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        assert!(MeanShape::of(&[]).is_err());
        assert!(MeanShape::of(&[&[[0.0; 2]; 68]]).is_err());
        assert!(MeanShape::of(&[&[[0.0; 2]; LANDMARK_COUNT]]).is_err());
        let mean = MeanShape::new(read_points("render_mean.npy")).unwrap();
        let texture = vec![0.0; 3 * FRAME * FRAME];
        let short = NormalisedFace { landmarks: vec![[0.0; 2]; 5], texture };
        assert!(short.render(&mean).is_err());
    }
}
