//! Similarity transforms of the plane, fitted to pairs of points.

use crate::FaceError;

/// A similarity transform of the plane (rotation, uniform scale, translation): (x, y) is mapped to
/// (a·x − b·y + tx, b·x + a·y + ty).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Scale times the cosine of the angle.
    pub a: f64,
    /// Scale times the sine of the angle.
    pub b: f64,
    /// Translation to the right, px.
    pub tx: f64,
    /// Translation downwards, px.
    pub ty: f64,
}

impl Similarity {
    /// The transform, without reflection, that maps `from` to `to` with the least squared error.
    ///
    /// Method: Umeyama, "Least-squares estimation of transformation parameters between two point
    /// patterns", PAMI 1991; in the plane it has this closed form.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if the lists differ in length, [`FaceError::Degenerate`] if `from`
    /// has fewer than two distinct points or a coordinate is not finite.
    pub fn fit(from: &[[f32; 2]], to: &[[f32; 2]]) -> Result<Self, FaceError> {
        let operation = "similarity transform";
        if from.len() != to.len() {
            let (expected, found) = (from.len(), to.len());
            return Err(FaceError::PointCount { operation, expected, found });
        }
        let (from_x, from_y) = mean(from);
        let (to_x, to_y) = mean(to);
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (f64::from(p[0]) - from_x, f64::from(p[1]) - from_y);
            let (qx, qy) = (f64::from(q[0]) - to_x, f64::from(q[1]) - to_y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = (dot / spread, cross / spread);
        let found =
            Self { a, b, tx: to_x - a * from_x + b * from_y, ty: to_y - b * from_x - a * from_y };
        let usable = spread > 0.0 && found.scale() > 0.0 && (found.tx + found.ty).is_finite();
        if usable { Ok(found) } else { Err(FaceError::Degenerate { operation }) }
    }

    /// The image of a point.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = (f64::from(x), f64::from(y));
        [(self.a * x - self.b * y + self.tx) as f32, (self.b * x + self.a * y + self.ty) as f32]
    }

    /// The inverse transform.
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, tx: -a * self.tx + b * self.ty, ty: -b * self.tx - a * self.ty }
    }

    /// The scale factor: the length of the image of a segment of length 1.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }
}

fn mean(points: &[[f32; 2]]) -> (f64, f64) {
    let n = points.len() as f64;
    let x: f64 = points.iter().map(|p| f64::from(p[0])).sum();
    let y: f64 = points.iter().map(|p| f64::from(p[1])).sum();
    (x / n, y / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, reference_file};

    // Reference: reference/face/align.py, Umeyama's method with NumPy's SVD. Both compute in
    // double precision on single precision points.
    #[test]
    fn agrees_with_umeyama() {
        let (_, rows) = read_npy::<f64>(&reference_file("align.npy"));
        for row in rows.as_chunks::<24>().0 {
            let points = |numbers: &[f64]| -> Vec<[f32; 2]> {
                let pairs = numbers.as_chunks::<2>().0;
                pairs.iter().map(|pair| pair.map(|number| number as f32)).collect()
            };
            let found = Similarity::fit(&points(&row[..10]), &points(&row[10..20])).unwrap();
            for (found, expected) in
                [found.a, found.b, found.tx, found.ty].into_iter().zip(&row[20..])
            {
                assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()));
            }
        }
    }

    #[test]
    fn a_transform_and_its_inverse_cancel() {
        let turn = Similarity { a: 0.3, b: -1.2, tx: 40.0, ty: -7.0 };
        let [x, y] = turn.inverse().apply(turn.apply([13.0, 21.0]));
        assert!((x - 13.0).hypot(y - 21.0) < 1e-4);
    }

    #[test]
    fn points_that_coincide_are_an_error() {
        assert!(Similarity::fit(&[[3.0, 3.0]; 5], &[[1.0, 2.0]; 5]).is_err());
        assert!(Similarity::fit(&[[f32::NAN, 3.0]; 5], &[[1.0, 2.0]; 5]).is_err());
        assert!(Similarity::fit(&[], &[]).is_err());
        assert!(Similarity::fit(&[[1.0, 2.0]], &[]).is_err());
    }
}
