//! Linear regressions in closed form, with weighted examples: what a frozen voice embedding says
//! about sex and age.

use nalgebra::{DMatrix, DVector};

/// A linear function of an embedding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) weights: DVector<f64>,
    pub(crate) constant: f64,
}

impl Linear {
    /// Its value for each row of `x`.
    pub(crate) fn of(&self, x: &DMatrix<f64>) -> DVector<f64> {
        (x * &self.weights).add_scalar(self.constant)
    }
}

/// Logistic regression: the weights that minimise Σ wᵢ·logloss(yᵢ, xᵢ) + ½·penalty·‖b‖², with a
/// constant that is not penalised.
///
/// Method: Newton's, which converges in a few steps since the objective is convex.
///
/// # Shapes
/// - `x`: `[n, E]`; `is_positive`, `weights`: `[n]`
pub(crate) fn logistic(
    x: &DMatrix<f64>,
    is_positive: &[bool],
    weights: &DVector<f64>,
    penalty: f64,
) -> Option<Linear> {
    const STEPS: usize = 30;
    const CONVERGED: f64 = 1e-9;
    let columns = x.ncols();
    let z = x.clone().insert_column(columns, 1.0);
    let y =
        DVector::from_iterator(x.nrows(), is_positive.iter().map(|&is| f64::from(u8::from(is))));
    let mut ridge = DVector::from_element(columns + 1, penalty);
    ridge[columns] = 1e-9;
    let mut b = DVector::zeros(columns + 1);
    for _ in 0..STEPS {
        let p = (&z * &b).map(|s: f64| 1.0 / (1.0 + (-s).exp()));
        let residual = (&p - &y).component_mul(weights);
        let gradient = z.tr_mul(&residual) + ridge.component_mul(&b);
        let curvature = p.zip_map(weights, |p, w| w * p * (1.0 - p));
        let mut hessian = z.tr_mul(&scaled_rows(&z, &curvature));
        add_diagonal(&mut hessian, &ridge);
        let step = hessian.cholesky()?.solve(&gradient);
        b -= &step;
        if step.amax() < CONVERGED {
            break;
        }
    }
    Some(Linear { constant: b[columns], weights: b.rows(0, columns).into_owned() })
}

/// Ridge regression without a constant: the weights that minimise Σ wᵢ(yᵢ − xᵢ·b)² + penalty·‖b‖²,
/// where the wᵢ add up to 1.
///
/// # Shapes
/// - `x`: `[n, E]`; `y`, `weights`: `[n]`
pub(crate) fn ridge(
    x: &DMatrix<f64>,
    y: &DVector<f64>,
    weights: &DVector<f64>,
    penalty: f64,
) -> Option<DVector<f64>> {
    let weights = weights / weights.sum();
    let mut normal = x.tr_mul(&scaled_rows(x, &weights));
    add_diagonal(&mut normal, &DVector::from_element(x.ncols(), penalty));
    Some(normal.cholesky()?.solve(&x.tr_mul(&y.component_mul(&weights))))
}

/// Weighted correlation.
pub(crate) fn correlation(a: &DVector<f64>, b: &DVector<f64>, weights: &DVector<f64>) -> f64 {
    let total = weights.sum();
    let centred = |v: &DVector<f64>| v.add_scalar(-v.dot(weights) / total);
    let (a, b) = (centred(a), centred(b));
    let sum = |p: &DVector<f64>, q: &DVector<f64>| p.component_mul(q).dot(weights);
    sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt()
}

fn scaled_rows(x: &DMatrix<f64>, factors: &DVector<f64>) -> DMatrix<f64> {
    let mut scaled = x.clone();
    for mut column in scaled.column_iter_mut() {
        column.component_mul_assign(factors);
    }
    scaled
}

fn add_diagonal(matrix: &mut DMatrix<f64>, values: &DVector<f64>) {
    for (index, value) in values.iter().enumerate() {
        matrix[(index, index)] += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a grid, x from -1 to 1 in both columns.
    fn grid() -> DMatrix<f64> {
        DMatrix::from_fn(25, 2, |row, column| [row % 5, row / 5][column] as f64 / 2.0 - 1.0)
    }

    #[test]
    fn ridge_has_its_closed_form() {
        let x = grid();
        let y = x.column(0) * 3.0 - x.column(1);
        let even = DVector::from_element(25, 1.0);
        // The columns are orthogonal with a mean square of 1/2, so b = (½·slope) / (½ + penalty).
        let b = ridge(&x, &y, &even, 0.5).unwrap();
        assert!((b[0] - 1.5).abs() < 1e-12 && (b[1] + 0.5).abs() < 1e-12, "{b}");
    }

    #[test]
    fn logistic_regression_is_at_a_minimum() {
        let x = grid();
        let is_positive: Vec<bool> =
            (0..25).map(|row| x[(row, 0)] + 0.3 * x[(row, 1)] > 0.2).collect();
        let weights = DVector::from_fn(25, |row, _| 1.0 + row as f64 / 25.0);
        let penalty = 0.4;
        let found = logistic(&x, &is_positive, &weights, penalty).unwrap();
        let loss = |b: &Linear| {
            let scores = b.of(&x);
            let terms = scores.iter().zip(&is_positive).zip(weights.iter());
            let sum: f64 =
                terms.map(|((s, &is), w)| w * (if is { -s } else { *s }).exp().ln_1p()).sum();
            sum + 0.5 * penalty * b.weights.norm_squared()
        };
        for (column, step) in [(0, 1e-3), (0, -1e-3), (1, 1e-3), (1, -1e-3)] {
            let mut other = found.clone();
            other.weights[column] += step;
            assert!(loss(&other) > loss(&found));
        }
        let shifted = |by: f64| Linear { constant: found.constant + by, ..found.clone() };
        assert!(loss(&shifted(1e-3)) > loss(&found) && loss(&shifted(-1e-3)) > loss(&found));
    }

    #[test]
    fn weights_count_as_repetitions() {
        let a = DVector::from_vec(vec![0.0, 1.0, 2.0, 2.0]);
        let b = DVector::from_vec(vec![0.0, 2.0, 1.0, 1.0]);
        let repeated = correlation(&a, &b, &DVector::from_element(4, 1.0));
        let weighted = correlation(
            &DVector::from_vec(vec![0.0, 1.0, 2.0]),
            &DVector::from_vec(vec![0.0, 2.0, 1.0]),
            &DVector::from_vec(vec![1.0, 1.0, 2.0]),
        );
        assert!((repeated - weighted).abs() < 1e-12);
    }
}
