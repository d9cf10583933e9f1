//! A map of features in the plane: t-SNE (van der Maaten & Hinton, *Visualizing Data using t-SNE*,
//! JMLR 9, 2008), exact and initialised with the first two principal components, so that the same
//! features always give the same map. Time and memory grow with the square of the number of rows.

use rayon::prelude::*;

use crate::vectors::{Vectors, dot};

/// Effective number of neighbours of a point.
const PERPLEXITY: f64 = 30.0;
/// Steps of gradient descent.
const STEPS: usize = 500;
/// First steps, in which attraction is exaggerated so that clusters can form.
const EARLY_STEPS: usize = 150;
/// Factor of attraction in those steps.
const EXAGGERATION: f64 = 12.0;

/// A point in the plane for each row, in arbitrary units: only nearness has a meaning.
pub fn tsne(rows: &Vectors) -> Vec<[f32; 2]> {
    let count = rows.len();
    let mut points = principal_components(rows);
    if count < 4 {
        return points.iter().map(|point| point.map(|x| x as f32)).collect();
    }
    let wanted = affinities(rows);
    let mut speed = vec![[0.0; 2]; count];
    let mut gain = vec![[1.0; 2]; count];
    let rate = (count as f64 / EXAGGERATION).max(50.0);
    for step in 0..STEPS {
        let (strength, momentum) =
            if step < EARLY_STEPS { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        // Student's t with one degree of freedom, of the distance between two points.
        let near =
            |a: [f64; 2], b: [f64; 2]| 1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2));
        let sums: Vec<f64> = points
            .par_iter()
            .map(|&a| points.iter().map(|&b| near(a, b)).sum::<f64>() - 1.0)
            .collect();
        let total: f64 = sums.iter().sum();
        let gradient: Vec<[f64; 2]> = points
            .par_iter()
            .enumerate()
            .map(|(i, &a)| {
                let mut pull = [0.0; 2];
                for (&b, p) in points.iter().zip(&wanted[i * count..][..count]) {
                    let q = near(a, b);
                    let force = 4.0 * (strength * p - q / total) * q;
                    pull[0] += force * (a[0] - b[0]);
                    pull[1] += force * (a[1] - b[1]);
                }
                pull
            })
            .collect();
        for i in 0..count {
            for axis in 0..2 {
                // Steps grow while the direction stays the same, and shrink when it changes.
                let same = (gradient[i][axis] > 0.0) == (speed[i][axis] > 0.0);
                let gain = &mut gain[i][axis];
                *gain = if same { (*gain * 0.8_f64).max(0.01) } else { *gain + 0.2 };
                speed[i][axis] = momentum * speed[i][axis] - rate * *gain * gradient[i][axis];
                points[i][axis] += speed[i][axis];
            }
        }
    }
    points.iter().map(|point| point.map(|x| x as f32)).collect()
}

/// Symmetric probabilities of being neighbours in the space of the rows, `[rows, rows]`, with zeros
/// on the diagonal; they sum to 1 (the p of the paper's equation 1, symmetrised).
pub fn affinities(rows: &Vectors) -> Vec<f64> {
    let count = rows.len();
    let entropy = PERPLEXITY.min((count - 1) as f64 / 3.0).ln();
    let of = |i: usize| -> Vec<f64> {
        let squares: Vec<f64> = rows
            .rows()
            .map(|row| row.iter().zip(rows.row(i)).map(|(a, b)| f64::from(a - b).powi(2)).sum())
            .collect();
        let others = || squares.iter().enumerate().filter(|(j, _)| *j != i);
        let least = others().map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
        let mean = others().map(|(_, d)| d - least).sum::<f64>() / (count - 1) as f64;
        // Equal rows have no bandwidth to search for.
        let iterations = if mean > 0.0 { 60 } else { 0 };
        let mut width = if mean > 0.0 { 1.0 / mean } else { 1.0 };
        let (mut low, mut high) = (0.0, f64::INFINITY);
        for _ in 0..iterations {
            let weight = |d: f64| (-(d - least) * width).exp();
            let sum: f64 = others().map(|(_, d)| weight(*d)).sum();
            let spread: f64 = others().map(|(_, d)| (d - least) * weight(*d)).sum();
            // Too many neighbours: the bandwidth has to shrink.
            if sum.ln() + width * spread / sum > entropy {
                low = width;
                width = if high.is_finite() { (width + high) / 2.0 } else { width * 2.0 };
            } else {
                high = width;
                width = (low + width) / 2.0;
            }
        }
        let mut row: Vec<f64> = squares.iter().map(|d| (-(d - least) * width).exp()).collect();
        row[i] = 0.0;
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= sum);
        row
    };
    let one_way: Vec<Vec<f64>> = (0..count).into_par_iter().map(of).collect();
    let both = |i: usize| {
        let one_way = &one_way;
        (0..count).map(move |j| (one_way[i][j] + one_way[j][i]) / (2 * count) as f64)
    };
    (0..count).flat_map(both).collect()
}

/// The first two principal components, scaled to a small size.
fn principal_components(rows: &Vectors) -> Vec<[f64; 2]> {
    /// Iterations of the power method: an initialisation need not be exact.
    const ITERATIONS: usize = 50;
    const SIZE: f64 = 1e-2;
    let mean: Vec<f32> = rows.mean().iter().map(|&x| x as f32).collect();
    let rows = rows.minus(&mean);
    let mut axes: Vec<Vec<f32>> = Vec::new();
    for component in 0..2 {
        // Any vector that is not orthogonal to the axis.
        let mut axis: Vec<f32> =
            (0..rows.dimension()).map(|n| ((n * (component + 3) + 1) as f32).sin()).collect();
        for _ in 0..ITERATIONS {
            let mut next = vec![0.0_f64; rows.dimension()];
            for row in rows.rows() {
                let along = dot(row, &axis);
                next.iter_mut().zip(row).for_each(|(x, &r)| *x += along * f64::from(r));
            }
            axis = next.iter().map(|&x| x as f32).collect();
            for other in &axes {
                let along = dot(&axis, other) as f32;
                axis.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
            let length = dot(&axis, &axis).sqrt() as f32;
            axis.iter_mut().for_each(|x| *x /= length.max(f32::MIN_POSITIVE));
        }
        axes.push(axis);
    }
    let points: Vec<[f64; 2]> =
        rows.rows().map(|row| [dot(row, &axes[0]), dot(row, &axes[1])]).collect();
    let square: f64 = points.iter().map(|point| point[0] * point[0]).sum();
    let scale = SIZE / (square / points.len().max(1) as f64).sqrt().max(f64::MIN_POSITIVE);
    points.iter().map(|point| point.map(|x| x * scale)).collect()
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn clusters_stay_apart_and_the_same_features_give_the_same_map() {
        let mut random = SmallRng::seed_from_u64(1);
        let values = (0..120 * 10).map(|n| {
            let far = if n % 10 == n / 10 % 3 { 8.0 } else { 0.0 };
            far + random.random_range(-1.0..1.0_f32)
        });
        let rows = Vectors::new(values.collect(), 10);
        let points = tsne(&rows);
        assert_eq!(points, tsne(&rows));
        let apart = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for i in 0..120 {
            let mut others: Vec<usize> = (0..120).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| {
                apart(points[i], points[a]).total_cmp(&apart(points[i], points[b]))
            });
            assert!(others[..10].iter().all(|j| j % 3 == i % 3), "{i}");
        }
    }

    #[test]
    fn few_or_equal_rows_still_have_points() {
        for rows in [1, 2, 5, 40] {
            let points = tsne(&Vectors::new(vec![0.5; rows * 6], 6));
            assert!(points.len() == rows && points.iter().flatten().all(|x| x.is_finite()));
        }
    }
}
