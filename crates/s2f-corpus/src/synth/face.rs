//! Faces that show traits: directions of a face space along which the drawn face changes.

use std::error::Error;

use image::RgbImage;
use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use super::SynthError;
use super::population::{SEX_MIDDLE, TRAITS, Traits};

/// Draws the face of a feature, which it normalises as its face space is. The same feature gives
/// the same picture.
pub type DrawFace<'a> =
    dyn Fn(&[f32]) -> Result<RgbImage, Box<dyn Error + Send + Sync>> + Sync + 'a;

/// The model that draws the faces.
pub struct FaceModel<'a> {
    /// Its name and version; another model gives another population.
    pub name: String,
    /// Mean of the features that it predicts for voices of women, see
    /// [`example_voices`](super::example_voices).
    pub women: Vec<f32>,
    /// The same for men.
    pub men: Vec<f32>,
    /// The decoder.
    pub draw: &'a DrawFace<'a>,
}

/// The part of a portrait that is compared, from eyebrows to chin without the hair: start and end
/// as fractions of its side, and number of cells.
const ROWS: (f64, f64, usize) = (0.30, 0.80, 14);
const COLUMNS: (f64, f64, usize) = (0.285, 0.715, 12);
/// Step in the feature for numeric derivatives.
const SMALL: f64 = 0.05;
/// Change of the picture for one standard deviation of a trait: root mean square over the cells, as
/// a fraction of full brightness.
const VISIBLE: f64 = 0.011;
/// Maximum step of a unit-length feature for one standard deviation: beyond it, models do not draw
/// faces.
const MAX_STEP: f64 = 0.4;
/// Traits are clamped to this many standard deviations.
const EXTREME: f64 = 3.0;
/// Below this distance, the features of women and men count as equal.
const SAME: f64 = 0.02;

/// The directions of the traits in a face space.
pub(super) struct Directions {
    base: Vec<f64>,
    /// The step for one standard deviation of each trait.
    steps: Vec<Vec<f64>>,
}

impl Directions {
    /// The first trait has the direction from men to women. The others have the orthogonal
    /// directions that change the drawn face most: the singular vectors of the derivative of its
    /// picture, without changes that a camera also makes (position, size, turn, light).
    pub(super) fn find(model: &FaceModel<'_>) -> Result<Self, SynthError> {
        let wide = |feature: &[f32]| feature.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (women, men) = (wide(&model.women), wide(&model.men));
        let half: Vec<f64> = women.iter().zip(&men).map(|(w, m)| (w - m) / 2.0).collect();
        let base: Vec<f64> = women.iter().zip(&men).map(|(w, m)| (w + m) / 2.0).collect();
        let length = norm(&half);
        if women.len() != men.len() || length.is_nan() || length < SAME || base.len() <= TRAITS {
            let reason = format!("{} draws women and men alike", model.name);
            return Err(SynthError::Population { reason });
        }
        let sex: Vec<f64> = half.iter().map(|x| x / length).collect();
        let mut steps = vec![half.iter().map(|x| x / SEX_MIDDLE).collect()];

        let mut derivative = derivative(model, &base)?; // [cells, features]
        // Without the effect of the first trait.
        let sex = DMatrix::from_column_slice(base.len(), 1, &sex);
        let along = &derivative * &sex;
        derivative -= along * sex.transpose();
        let cells = derivative.nrows() as f64;
        let eigen = SymmetricEigen::new(derivative.tr_mul(&derivative));
        let mut order: Vec<usize> = (0..base.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        for &index in &order[..TRAITS - 1] {
            let change = (eigen.eigenvalues[index].max(0.0) / cells).sqrt();
            let length = (VISIBLE / change).min(MAX_STEP);
            let vector = eigen.eigenvectors.column(index);
            // The sign of an eigenvector is arbitrary.
            let largest =
                vector.iter().copied().fold(0.0, |m: f64, x| if x.abs() > m.abs() { x } else { m });
            steps.push(vector.iter().map(|x| x * length * largest.signum()).collect());
        }
        Ok(Self { base, steps })
    }

    /// The feature of a face with these traits, not normalised.
    pub(super) fn feature(&self, traits: &Traits) -> Vec<f64> {
        let mut feature = self.base.clone();
        for (step, value) in self.steps.iter().zip(traits) {
            let value = value.clamp(-EXTREME, EXTREME);
            feature.iter_mut().zip(step).for_each(|(x, s)| *x += value * s);
        }
        feature
    }
}

/// The derivative of the cells by the values of the feature, `[cells, features]`, without changes
/// that a camera could make.
fn derivative(model: &FaceModel<'_>, base: &[f64]) -> Result<DMatrix<f64>, SynthError> {
    let middle = Cells::of(&portrait(model, base)?);
    let columns = (0..base.len())
        .into_par_iter()
        .map(|index| {
            let mut moved = base.to_vec();
            moved[index] += SMALL;
            let cells = Cells::of(&portrait(model, &moved)?);
            Ok(cells.0.iter().zip(&middle.0).map(|(a, b)| (a - b) / SMALL).collect())
        })
        .collect::<Result<Vec<Vec<f64>>, SynthError>>()?;
    let mut derivative = DMatrix::from_vec(middle.0.len(), base.len(), columns.concat());
    let camera = middle.camera().qr().q(); // [cells, changes], orthonormal
    let share = camera.tr_mul(&derivative);
    derivative -= camera * share;
    Ok(derivative)
}

/// Draws a feature.
pub(super) fn portrait(model: &FaceModel<'_>, feature: &[f64]) -> Result<RgbImage, SynthError> {
    let feature: Vec<f32> = feature.iter().map(|&x| x as f32).collect();
    (model.draw)(&feature).map_err(|source| SynthError::Draw { source })
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Mean colours of the cells of the inner face, row by row, R G B, 0 to 1.
struct Cells(Vec<f64>);

impl Cells {
    fn of(picture: &RgbImage) -> Self {
        let (rows, columns) = (ROWS.2, COLUMNS.2);
        let edges = |(from, to, count): (f64, f64, usize), side: u32| -> Vec<u32> {
            (0..=count)
                .map(|n| (f64::from(side) * (from + (to - from) * n as f64 / count as f64)) as u32)
                .collect()
        };
        let (ys, xs) = (edges(ROWS, picture.height()), edges(COLUMNS, picture.width()));
        let mut cells = Vec::with_capacity(rows * columns * 3);
        for y in ys.windows(2) {
            for x in xs.windows(2) {
                let mut sum = [0.0; 3];
                for row in y[0]..y[1] {
                    for column in x[0]..x[1] {
                        let pixel = picture.get_pixel(column, row).0;
                        sum.iter_mut().zip(pixel).for_each(|(s, p)| *s += f64::from(p));
                    }
                }
                let count = f64::from((y[1] - y[0]) * (x[1] - x[0])).max(1.0);
                cells.extend(sum.map(|s| s / (255.0 * count)));
            }
        }
        Self(cells)
    }

    /// The changes of the cells by moving the camera or the light, one column each: shift, scale
    /// and shear along both axes; offset, gain and gradients of brightness for each colour.
    fn camera(&self) -> DMatrix<f64> {
        const MOVES: usize = 6;
        const LIGHTS: usize = 4;
        let (rows, columns) = (ROWS.2, COLUMNS.2);
        let at = |row: usize, column: usize, colour: usize| {
            self.0[(row * columns + column) * 3 + colour]
        };
        let slope = |before: f64, after: f64| (after - before) / 2.0;
        let mut changes = DMatrix::zeros(self.0.len(), MOVES + 3 * LIGHTS);
        for row in 0..rows {
            for column in 0..columns {
                let y = 2.0 * row as f64 / (rows - 1) as f64 - 1.0;
                let x = 2.0 * column as f64 / (columns - 1) as f64 - 1.0;
                let (above, below) = (row.saturating_sub(1), (row + 1).min(rows - 1));
                let (left, right) = (column.saturating_sub(1), (column + 1).min(columns - 1));
                for colour in 0..3 {
                    let cell = (row * columns + column) * 3 + colour;
                    let down = slope(at(above, column, colour), at(below, column, colour));
                    let along = slope(at(row, left, colour), at(row, right, colour));
                    let moves = [along, down, x * along, y * along, x * down, y * down];
                    for (index, change) in moves.into_iter().enumerate() {
                        changes[(cell, index)] = change;
                    }
                    let value = self.0[cell];
                    let lights = [1.0, value, x * value, y * value];
                    for (index, change) in lights.into_iter().enumerate() {
                        changes[(cell, MOVES + LIGHTS * colour + index)] = change;
                    }
                }
            }
        }
        changes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use image::Rgb;

    use super::*;

    const FEATURES: usize = 12;

    /// A cartoon in which each value of the feature changes something, some more and some less; the
    /// last one is the zoom of the camera.
    pub(in crate::synth) fn cartoon(feature: &[f32]) -> RgbImage {
        // Of unit length, as a model normalises features.
        let length = norm(&feature.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        let f = |index: usize| f64::from(feature[index]) / length;
        let zoom = 1.0 + 0.5 * f(11);
        RgbImage::from_fn(112, 112, |column, row| {
            let x = (f64::from(column) - 55.5) / (50.0 * zoom);
            let y = (f64::from(row) - 60.0) / (50.0 * zoom);
            let blob = |x0: f64, y0: f64, size: f64| {
                (-((x - x0).powi(2) + (y - y0).powi(2)) / (size * size)).exp()
            };
            if (x / 0.7).powi(2) + y.powi(2) > 1.0 {
                return Rgb([240; 3]);
            }
            let eyes = blob(-0.3, -0.2, 0.12 + 0.1 * f(1)) + blob(0.3, -0.2, 0.12 + 0.1 * f(1));
            let mouth = blob(0.0, 0.5 + 0.2 * f(2), 0.15) * (1.0 + f(3));
            let beard = f(0).max(0.0) * blob(0.0, 0.7, 0.4);
            let nose = blob(0.1 * f(4), 0.1, 0.1 + 0.05 * f(5));
            let skin = [0.8, 0.65 + 0.1 * f(6) * x, 0.55 + 0.2 * f(7) * y * y];
            Rgb(skin.map(|skin| {
                let value = skin - 0.5 * eyes - 0.3 * mouth - 0.3 * beard + 0.1 * nose;
                (255.0 * value).clamp(0.0, 255.0) as u8
            }))
        })
    }

    pub(in crate::synth) fn model<'a>(draw: &'a DrawFace<'a>) -> FaceModel<'a> {
        let mut women = vec![0.1f32; FEATURES];
        let mut men = women.clone();
        (women[0], men[0]) = (-0.4, 0.4);
        FaceModel { name: "cartoon".into(), women, men, draw }
    }

    fn directions() -> Directions {
        Directions::find(&model(&|feature| Ok(cartoon(feature)))).unwrap()
    }

    #[test]
    fn directions_are_orthogonal_and_the_first_is_that_of_sex() {
        let Directions { base, steps } = directions();
        assert!(steps[0][0] < 0.0 && steps[0][1..].iter().all(|&x| x == 0.0), "{:?}", steps[0]);
        for (index, a) in steps.iter().enumerate() {
            assert_eq!(a.len(), base.len());
            assert!(norm(a) > 0.0 && (index == 0 || norm(a) <= MAX_STEP + 1e-9), "{a:?}");
            for b in &steps[..index] {
                let cosine = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / norm(a) / norm(b);
                assert!(cosine.abs() < 1e-6, "{cosine}");
            }
        }
    }

    #[test]
    fn changes_by_a_camera_hardly_count() {
        let draw = |feature: &[f32]| Ok(cartoon(feature));
        let base = vec![0.1; FEATURES];
        let counted = derivative(&model(&draw), &base).unwrap();
        let share = |index: usize| {
            let cells = |step: f64| {
                let mut feature = base.clone();
                feature[index] += step;
                Cells::of(&portrait(&model(&draw), &feature).unwrap()).0
            };
            let change: Vec<f64> =
                cells(SMALL).iter().zip(cells(0.0)).map(|(a, b)| (a - b) / SMALL).collect();
            counted.column(index).norm() / norm(&change)
        };
        // Size of the eyes and position of the mouth, which scaling explains in part; zoom, which
        // it explains up to the resolution of the cells.
        let (eyes, mouth, zoom) = (share(1), share(2), share(11));
        assert!(eyes > 0.38 && mouth > 0.5 && zoom < 0.32, "{eyes} {mouth} {zoom}");
    }

    #[test]
    fn traits_move_the_feature_within_limits() {
        let directions = directions();
        assert_eq!(directions.feature(&[0.0; TRAITS]), directions.base);
        let far = directions.feature(&[1e9; TRAITS]);
        assert_eq!(far, directions.feature(&[EXTREME; TRAITS]));
    }

    #[test]
    fn a_model_that_draws_women_and_men_alike_is_refused() {
        let draw = |feature: &[f32]| Ok(cartoon(feature));
        let mut model = model(&draw);
        model.men = model.women.clone();
        assert!(matches!(Directions::find(&model), Err(SynthError::Population { .. })));
    }
}
