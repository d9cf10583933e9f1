//! Rows of equal length, such as features, and inner products and angles between them.

/// Rows of equal length, `[rows, dimension]`, contiguous in memory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vectors {
    values: Vec<f32>,
    dimension: usize,
}

impl Vectors {
    /// Splits `values` into rows of `dimension`; a remainder at the end is dropped.
    pub fn new(mut values: Vec<f32>, dimension: usize) -> Self {
        values.truncate(values.len() / dimension.max(1) * dimension);
        Self { values, dimension }
    }

    /// Copies rows; those of a different length than the first are truncated or padded with 0.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut vectors = Self::default();
        for row in rows {
            if vectors.values.is_empty() {
                vectors.dimension = row.len();
            }
            let end = vectors.values.len() + vectors.dimension;
            vectors.values.extend(row);
            vectors.values.resize(end, 0.0);
        }
        vectors
    }

    /// Values in a row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension.max(1)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, row after row.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// One row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..][..self.dimension]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension.max(1))
    }

    /// The rows at those indices, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.dimension);
        rows.iter().for_each(|&row| values.extend_from_slice(self.row(row)));
        Self { values, dimension: self.dimension }
    }

    /// Every row minus `centre`.
    pub fn minus(&self, centre: &[f32]) -> Self {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.dimension.max(1)) {
            row.iter_mut().zip(centre).for_each(|(x, c)| *x -= c);
        }
        Self { values, dimension: self.dimension }
    }

    /// The mean row, in double precision.
    pub fn mean(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.dimension];
        for row in self.rows() {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let count = self.len().max(1) as f64;
        sum.iter_mut().for_each(|sum| *sum /= count);
        sum
    }

    /// Root mean squared distance of the rows from their mean.
    pub fn spread(&self) -> f64 {
        let mean = self.mean();
        let square = |row: &[f32]| -> f64 {
            row.iter().zip(&mean).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum()
        };
        (self.rows().map(square).sum::<f64>() / self.len().max(1) as f64).sqrt()
    }
}

/// Inner product in double precision.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Sums side by side need not wait for each other.
    const SUMS: usize = 16;
    let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut sums = [0.0; SUMS];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, pair)| *sum += product(pair));
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(product).sum();
    sums.iter().sum::<f64>() + rest
}

/// Angle between two vectors, 0 to 180 degrees; 90 if one of them is zero.
pub fn angle_degrees(a: &[f32], b: &[f32]) -> f64 {
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths == 0.0 { 90.0 } else { (dot(a, b) / lengths).clamp(-1.0, 1.0).acos().to_degrees() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_and_selected() {
        let vectors = Vectors::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 2);
        assert_eq!((vectors.len(), vectors.row(2)), (3, &[5.0, 6.0][..]));
        assert_eq!(vectors.select(&[2, 0]).values(), [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(vectors.minus(&[1.0, 1.0]).row(0), [0.0, 1.0]);
        assert_eq!(vectors.mean(), [3.0, 4.0]);
        assert_eq!(Vectors::from_rows(vectors.rows()).values(), &vectors.values()[..6]);
        let square = Vectors::new(vec![0.0, 0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0], 2);
        assert!((square.spread() - 2_f64.sqrt()).abs() < 1e-12);
        assert!(Vectors::default().is_empty() && Vectors::default().rows().len() == 0);
    }

    #[test]
    fn angles_in_closed_form() {
        assert!((angle_degrees(&[1.0, 0.0], &[3.0, 3.0]) - 45.0).abs() < 1e-9);
        assert!((angle_degrees(&[1.0, 0.0], &[-2.0, 0.0]) - 180.0).abs() < 1e-9);
        assert_eq!(angle_degrees(&[0.0, 0.0], &[1.0, 0.0]), 90.0);
    }
}
