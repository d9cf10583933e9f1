//! The exact thin-plate spline in the plane, in double precision.

use crate::FaceError;
use crate::linear::solve;

/// The displacement field with the least bending energy that has given values at given points:
/// f(p) = c₀ + c₁·x + c₂·y + Σᵢ wᵢ·φ(‖p − pᵢ‖), φ(r) = r² ln r, separately for x and y.
///
/// Method: Duchon, "Splines minimizing rotation-invariant semi-norms in Sobolev spaces", 1977;
/// Bookstein, "Principal Warps", PAMI 1989.
#[derive(Debug, Clone)]
pub struct ThinPlateSpline {
    centres: Vec<[f64; 2]>,
    weights: Vec<[f64; 2]>,
    /// c₀, c₁, c₂.
    affine: [[f64; 2]; 3],
    /// Points are translated and scaled to about the unit square, for well-conditioned equations;
    /// the spline itself does not depend on it.
    origin: [f64; 2],
    unit: f64,
}

impl ThinPlateSpline {
    /// The spline with the value `values[i]` at `points[i]`, both in pixels.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if the lists differ in length, [`FaceError::Degenerate`] if points
    /// coincide, all lie on a line, or are not finite.
    pub fn fit(points: &[[f32; 2]], values: &[[f32; 2]]) -> Result<Self, FaceError> {
        let operation = "thin-plate spline";
        if points.len() != values.len() {
            let (expected, found) = (points.len(), values.len());
            return Err(FaceError::PointCount { operation, expected, found });
        }
        let points: Vec<[f64; 2]> = points.iter().map(|p| p.map(f64::from)).collect();
        let (origin, unit) = bounding_box(&points);
        let centres: Vec<[f64; 2]> =
            points.iter().map(|p| [(p[0] - origin[0]) / unit, (p[1] - origin[1]) / unit]).collect();

        let n = centres.len();
        let size = n + 3;
        let mut matrix = vec![0.0; size * size];
        let mut right: Vec<[f64; 2]> = values.iter().map(|v| v.map(f64::from)).collect();
        right.resize(size, [0.0; 2]);
        for (row, p) in centres.iter().enumerate() {
            for (column, q) in centres.iter().enumerate() {
                matrix[row * size + column] = kernel(p, q);
            }
            for (term, value) in [1.0, p[0], p[1]].into_iter().enumerate() {
                matrix[row * size + n + term] = value;
                matrix[(n + term) * size + row] = value;
            }
        }
        if !solve(&mut matrix, &mut right) {
            return Err(FaceError::Degenerate { operation });
        }
        let affine = [right[n], right[n + 1], right[n + 2]];
        right.truncate(n);
        Ok(Self { centres, weights: right, affine, origin, unit })
    }

    /// The displacement at `point`, in pixels.
    pub fn at(&self, point: [f32; 2]) -> [f32; 2] {
        let x = (f64::from(point[0]) - self.origin[0]) / self.unit;
        let y = (f64::from(point[1]) - self.origin[1]) / self.unit;
        let [constant, along_x, along_y] = self.affine;
        let mut sum = [0, 1].map(|axis| constant[axis] + along_x[axis] * x + along_y[axis] * y);
        for (centre, weight) in self.centres.iter().zip(&self.weights) {
            let bend = kernel(&[x, y], centre);
            sum[0] += weight[0] * bend;
            sum[1] += weight[1] * bend;
        }
        sum.map(|value| value as f32)
    }
}

/// φ(r) = r² ln r = ½ r² ln r², 0 at r = 0.
fn kernel(p: &[f64; 2], q: &[f64; 2]) -> f64 {
    let square = (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
    if square > 0.0 { 0.5 * square * square.ln() } else { 0.0 }
}

/// Centre and longer side of the bounding box of `points`.
fn bounding_box(points: &[[f64; 2]]) -> ([f64; 2], f64) {
    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    for point in points {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let middle = [0, 1].map(|axis| 0.5 * (low[axis] + high[axis]));
    (middle, (high[0] - low[0]).max(high[1] - low[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, read_points, reference_file};

    // Reference: reference/face/spline.py, SciPy's RBFInterpolator. Outside the points,
    // displacements reach some tens of pixels, and the result is rounded to single precision.
    #[test]
    fn agrees_with_scipy() {
        let (_, rows) = read_npy::<f32>(&reference_file("spline_points.npy"));
        let rows = rows.as_chunks::<4>().0;
        let points: Vec<[f32; 2]> = rows.iter().map(|row| [row[0], row[1]]).collect();
        let values: Vec<[f32; 2]> = rows.iter().map(|row| [row[2], row[3]]).collect();
        let spline = ThinPlateSpline::fit(&points, &values).unwrap();
        let places = read_points("spline_places.npy");
        for (place, expected) in places.into_iter().zip(read_points("spline_output.npy")) {
            let found = spline.at(place);
            for axis in 0..2 {
                assert!((found[axis] - expected[axis]).abs() < 1e-4, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn an_affine_map_is_reproduced_exactly() {
        let points = [[0.0, 0.0], [10.0, 1.0], [3.0, 9.0], [7.0, 4.0], [1.0, 5.0]];
        let map = |[x, y]: [f32; 2]| [1.0 + 0.5 * x - y, 2.0 * x + 0.25 * y - 3.0];
        let spline = ThinPlateSpline::fit(&points, &points.map(map)).unwrap();
        for place in [[-20.0, 30.0], [5.0, 5.0], [100.0, -1.0]] {
            let (found, expected) = (spline.at(place), map(place));
            assert!((found[0] - expected[0]).hypot(found[1] - expected[1]) < 1e-4);
        }
    }

    #[test]
    fn underdetermined_splines_are_errors() {
        let check = |points: &[[f32; 2]], values: &[[f32; 2]], part: &str| {
            let text = ThinPlateSpline::fit(points, values).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        let triangle = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        check(&triangle, &[[0.0; 2]; 2], "needs 3 points, got 2");
        check(&[], &[], "coincide");
        check(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], &[[1.0; 2]; 4], "line");
        check(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], &[[1.0; 2]; 4], "coincide");
        check(&triangle, &[[f32::NAN, 0.0]; 3], "not finite");
        check(&[[0.0, f32::INFINITY], [1.0, 0.0], [0.0, 1.0]], &[[0.0; 2]; 3], "not finite");
    }
}
